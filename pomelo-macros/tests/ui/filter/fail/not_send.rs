//! A filter runs on any thread.

use std::rc::Rc;

use pomelo::filter::{Filter, Verdict};
use pomelo::{Request, Result};

#[derive(Clone)]
struct Strict;

impl Filter for Strict {
    async fn before(&self, _: &Request) -> Result<Verdict> {
        let kept = Rc::new(());
        std::future::ready(()).await;
        drop(kept);
        Ok(Verdict::Continue)
    }
}

fn main() {}
