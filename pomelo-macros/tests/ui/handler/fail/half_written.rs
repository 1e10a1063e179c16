//! A body that isn't finished: the compiler's own error, and no other.

use pomelo::{Result, handler};

pomelo::servers! {
    chat: { handlers: [ChatHandler] },
}

pub struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn send(text: String) -> Result<String> {
        let reply = text.;
        Ok(reply)
    }
}

fn main() {}
