//! An implementation that differs from its trait.

use pomelo::{Result, Session, handler};

#[handler]
pub trait ChatHandler {
    async fn send(&self, session: &Session, text: String) -> Result<String>;
    async fn leave(&self) -> Result<()>;
}

pub struct Chat;

#[handler]
impl ChatHandler for Chat {
    async fn send(&self, session: &Session, text: u32) -> Result<String> {
        Ok(format!("{}: {text}", session.id()))
    }
}

fn main() {}
