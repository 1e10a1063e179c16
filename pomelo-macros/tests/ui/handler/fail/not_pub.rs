//! Blocks that have methods in mind and make none `pub`.

use pomelo::{Result, handler, remote};

pub struct ChatHandler;

#[handler]
impl ChatHandler {
    async fn send(text: String) -> Result<String> {
        Ok(text)
    }

    pub(crate) async fn leave() {}
}

#[remote]
pub mod chat_remote {
    use pomelo::Result;

    async fn add(uid: String) -> Result<String> {
        Ok(short(&uid).to_owned())
    }

    fn short(uid: &str) -> &str {
        uid
    }
}

fn main() {}
