//! Methods that want the instance for themselves.

use pomelo::{Result, handler};

pub struct Counter(u32);

#[handler]
impl Counter {
    pub fn new() -> Self {
        Self(0)
    }

    pub async fn next(&mut self) -> Result<u32> {
        self.0 += 1;
        Ok(self.0)
    }

    pub async fn last(self) -> Result<u32> {
        Ok(self.0)
    }
}

fn main() {}
