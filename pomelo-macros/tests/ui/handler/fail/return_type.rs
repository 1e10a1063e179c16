//! A reply that can't fail, and an error without a code.

use pomelo::handler;

pub struct ChatHandler;

pub struct Full;

#[handler]
impl ChatHandler {
    pub async fn count() -> u32 {
        7
    }

    pub async fn enter() -> Result<u32, Full> {
        Err(Full)
    }
}

fn main() {}
