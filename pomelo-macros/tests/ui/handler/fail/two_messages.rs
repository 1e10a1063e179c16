//! More than a client sends.

use pomelo::{Result, Session, handler};

pub struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn send(session: &Session, text: String, to: String) -> Result<String> {
        Ok(format!("{}: {text} to {to}", session.id()))
    }
}

fn main() {}
