//! Without `async`, and with another result.

use pomelo::filter::{Filter, Verdict};
use pomelo::{Request, Result};

#[derive(Clone)]
struct NotAsync;

impl Filter for NotAsync {
    fn before(&self, _: &Request) -> Result<Verdict> {
        Ok(Verdict::Continue)
    }
}

#[derive(Clone)]
struct Plain;

impl Filter for Plain {
    async fn before(&self, _: &Request) -> Verdict {
        Verdict::Continue
    }
}

fn main() {}
