//! What is lent, not sent.

use pomelo::{Result, Session, handler};

pomelo::servers! {
    chat: { handlers: [ChatHandler] },
}

pub struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn a(app: App) -> Result<usize> {
        Ok(size_of_val(&app))
    }

    pub async fn b(session: Session) -> Result<usize> {
        Ok(size_of_val(&session))
    }
}

fn main() {}
