//! Annotated blocks that no `servers!` lists.

#![deny(dead_code)]

use pomelo::{Result, handler, remote};

pomelo::servers! {
    chat: { handlers: [ChatHandler] },
}

pub struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn send(text: String) -> Result<String> {
        Ok(text)
    }
}

/// What is `pub` in a program is used by nobody else.
pub struct LobbyHandler;

#[handler]
impl LobbyHandler {
    pub async fn enter() {}
}

mod rooms {
    use super::*;

    pub struct RoomHandler;

    #[handler]
    impl RoomHandler {
        pub async fn enter(room: String) -> Result<String> {
            Ok(room)
        }
    }

    pub struct RoomRemote {
        open: bool,
    }

    #[remote]
    impl RoomRemote {
        pub fn new() -> Self {
            Self { open: true }
        }

        pub async fn is_open(&self) -> Result<bool> {
            Ok(self.open)
        }
    }

    #[handler]
    pub mod room_handler {
        pub async fn enter() {}
    }
}

fn main() {
    let _ = App::builder();
}
