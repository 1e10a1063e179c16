//! A `new` that takes what was inserted into the app: one error, which says where that is.

use pomelo::{Result, handler};
use serde_json::{Value, json};

pomelo::servers! { chat: { handlers: [ChatHandler] } }

pub struct Pool;

pub struct ChatHandler {
    pool: Pool,
}

#[handler]
impl ChatHandler {
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }

    pub async fn send(&self) -> Result<Value> {
        let _ = &self.pool;
        Ok(json!({}))
    }
}

fn main() {}
