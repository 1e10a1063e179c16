//! Options that don't exist, and names that can't be on the wire.

use pomelo::{Result, handler};

pub struct ChatHandler;

#[handler(name = "chat")]
impl ChatHandler {
    #[pomelo(renamed = "sendAll")]
    pub async fn a() -> Result<()> {
        Ok(())
    }

    #[pomelo(rename = "send.all")]
    pub async fn b() -> Result<()> {
        Ok(())
    }

    pub async fn c(#[pomelo(default)] text: String) -> Result<String> {
        Ok(text)
    }
}

fn main() {}
