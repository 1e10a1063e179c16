//! The attribute on the type and not on its block, of a handler that is listed: one error.

use pomelo::{Result, handler};
use serde_json::{Value, json};

pomelo::servers! { chat: { handlers: [ChatHandler, RoomHandler] } }

#[handler]
pub struct ChatHandler;

impl ChatHandler {
    pub async fn send() -> Result<Value> {
        Ok(json!({}))
    }
}

/// Its block has the attribute as well.
#[handler]
pub struct RoomHandler;

#[handler]
impl RoomHandler {
    pub async fn enter() -> Result<Value> {
        Ok(json!({}))
    }
}

fn main() {}
