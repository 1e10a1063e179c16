//! The forms that a filter can be written in.

#![deny(warnings)]

use pomelo::request::Body;
use pomelo::filter::{Done, Filter, FilterFactory, GoOn, Verdict};
use pomelo::server::ServerContext;
use pomelo::{Request, Result};

pomelo::servers! {
    chat: {},
}

#[derive(Clone)]
struct Asynchronous;

impl Filter for Asynchronous {
    async fn before(&self, _: &Request) -> Result<Verdict> {
        Ok(Verdict::Continue)
    }

    async fn after(&self, _: &Request, _: &Result<Body>) {}
}

/// Awaits nothing, and allocates nothing.
#[derive(Clone)]
struct AtOnce;

impl Filter for AtOnce {
    fn before(&self, request: &Request) -> impl Future<Output = Result<Verdict>> + Send {
        let _ = request.id();
        GoOn
    }

    fn after(&self, request: &Request, _: &Result<Body>) -> impl Future<Output = ()> + Send {
        let _ = request.id();
        Done
    }
}

/// Made for each server, and no clone.
struct Made;

impl Filter for Made {}

struct Each;

impl FilterFactory for Each {
    fn build(&self, _: &ServerContext) -> impl Filter {
        Made
    }
}

fn main() {
    let _ = App::builder().filter(Asynchronous).filter(AtOnce).filter(Each);
}
