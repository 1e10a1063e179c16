//! All that may stand in a method's parameters.

#![deny(warnings, dead_code)]

use std::sync::Arc;

use pomelo::{Request, Result, Session, handler};
use pomelo::request::Raw;
use serde::Deserialize;

pomelo::servers! {
    chat: { handlers: [ChatHandler] },
}

#[derive(Deserialize)]
pub struct Say {
    text: String,
    to: Option<String>,
}

pub struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn pattern(Say { text, to }: Say) -> Result<String> {
        Ok(text + &to.unwrap_or_default())
    }

    pub async fn raw(Raw(body): Raw, request: &Request) -> Result<(usize, bool)> {
        Ok((body.len(), request.id().is_some()))
    }

    pub async fn mutable(mut text: String, Session { .. }: &Session) -> Result<String> {
        text.push('!');
        Ok(text)
    }

    pub async fn generated_names(cx: &App, reply: &Session, arg0: String, args: &Arc<u32>) -> Result<String> {
        Ok(format!("{}{}{arg0}{args}", cx.server_type(), reply.id()))
    }

    pub async fn nothing() {}

    #[pomelo(rename = "new", concurrent)]
    pub async fn make(_: String) -> Result<()> {
        Ok(())
    }

    #[cfg(any())]
    pub async fn gone(message: NoSuchType) -> NoSuchType {
        message
    }

    #[pomelo(skip)]
    pub fn helper() -> u32 {
        1
    }
}

fn main() {
    let _ = (App::builder(), ChatHandler::helper());
}
