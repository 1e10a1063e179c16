//! Each server gets a clone.

use pomelo::filter::{Filter, Verdict};
use pomelo::{Request, Result};

pomelo::servers! {
    chat: {},
}

struct Strict;

impl Filter for Strict {
    async fn before(&self, _: &Request) -> Result<Verdict> {
        Ok(Verdict::Continue)
    }
}

fn main() {
    let _ = App::builder().filter(Strict);
}
