//! Two annotated blocks of one type: one error, at the second.

use pomelo::{Result, handler};
use serde_json::{Value, json};

pomelo::servers! { chat: { handlers: [ChatHandler] } }

pub struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn send() -> Result<Value> {
        Ok(json!({}))
    }
}

#[handler]
impl ChatHandler {
    pub async fn history() -> Result<Value> {
        Ok(json!({}))
    }
}

fn main() {}
