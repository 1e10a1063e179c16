//! All that may stand in a method's parameters.

#![deny(warnings, dead_code)]

use pomelo::rpc::Inbound;
use pomelo::{Result, Session, remote};
use serde::{Deserialize, Serialize};

pomelo::servers! {
    chat: { remotes: [ChatRemote] },
}

#[derive(Serialize, Deserialize)]
pub struct Point {
    x: u32,
    y: u32,
}

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn pattern(Point { x, y }: Point, (a, _): (u32, u32)) -> Result<u32> {
        Ok(x + y + a)
    }

    pub async fn missing(a: Option<u32>, b: u32, #[pomelo(default)] c: u32, d: Option<u32>) -> Result<u32> {
        Ok(a.unwrap_or(1) + b + c + d.unwrap_or(2))
    }

    pub async fn generated_names(call: &Inbound, target: u32, args: u32, service: String) -> Result<String> {
        Ok(format!("{}{target}{args}{service}", call.from()))
    }

    pub async fn keyword(r#type: String, _unused: u8) -> Result<String> {
        Ok(r#type)
    }

    #[deprecated]
    pub async fn old() {}

    #[cfg(any())]
    pub async fn gone(argument: NoSuchType) -> NoSuchType {
        argument
    }
}

pub async fn calls(app: &App, session: &Session) -> Result<()> {
    let chat = &app.rpc.chat.chat_remote;
    chat.pattern(session, Point { x: 1, y: 2 }, (3, 4)).await?;
    chat.missing(session, None, 1, 2, None).await?;
    chat.generated_names(session, 1, 2, "s").await?;
    chat.keyword(session, "t", 0).await?;
    Ok(())
}

fn main() {
    let _ = (App::builder(), calls);
}
