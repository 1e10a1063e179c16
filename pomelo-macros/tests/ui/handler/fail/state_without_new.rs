//! State that nobody makes.

use pomelo::{Result, handler};

pub struct Counter {
    start: u32,
}

#[handler]
impl Counter {
    pub async fn next(&self) -> Result<u32> {
        Ok(self.start + 1)
    }
}

pub struct Owner(pomelo::Session);

#[pomelo::remote]
impl Owner {
    pub async fn id() -> Result<u64> {
        Ok(1)
    }
}

fn main() {}
