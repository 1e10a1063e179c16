//! One mistake is one error: the other methods and the handler itself are there.

use pomelo::{Result, Session, handler};

pomelo::servers! {
    chat: { handlers: [ChatHandler] },
}

pub struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn bad(text: &str) -> Result<usize> {
        Ok(text.len())
    }

    pub async fn good(session: &Session, text: String) -> Result<String> {
        Ok(format!("{}: {text}", session.id()))
    }
}

pub async fn direct(session: &Session) -> Result<String> {
    ChatHandler::bad("a").await?;
    ChatHandler::good(session, "a".into()).await
}

fn main() {}
