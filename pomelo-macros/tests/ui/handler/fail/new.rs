//! A constructor that wants more than the app.

use pomelo::{Result, handler};

pub struct Counter {
    start: u32,
}

#[handler]
impl Counter {
    pub fn new(start: u32, step: u32) -> Self {
        Self { start: start + step }
    }

    pub async fn next(&self) -> Result<u32> {
        Ok(self.start)
    }
}

fn main() {}
