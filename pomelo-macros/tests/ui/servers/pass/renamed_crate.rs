//! A `pomelo` that is found under another path.

#![deny(warnings, dead_code)]

mod dependencies {
    pub use pomelo as game;
}

use dependencies::game::{Result, handler, remote};

dependencies::game::servers! {
    crate = crate::dependencies::game;
    chat: { handlers: [ChatHandler], remotes: [ChatRemote] },
}

pub struct ChatHandler;

#[handler(crate = crate::dependencies::game)]
impl ChatHandler {
    pub async fn send(text: String) -> Result<String> {
        Ok(text)
    }
}

pub struct ChatRemote;

#[remote(crate = crate::dependencies::game)]
impl ChatRemote {
    pub async fn send(text: String) -> Result<String> {
        Ok(text)
    }
}

fn main() {
    let _ = App::builder();
}
