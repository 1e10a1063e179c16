//! It only looks like one.

use pomelo::filter::Verdict;
use pomelo::{Request, Result};

pomelo::servers! {
    chat: {},
}

#[derive(Clone)]
struct Strict;

impl Strict {
    pub async fn before(&self, _: &Request) -> Result<Verdict> {
        Ok(Verdict::Continue)
    }
}

fn main() {
    let _ = App::builder().filter(Strict);
}
