//! Paths that lead nowhere.

use pomelo::handler;

pomelo::servers! {
    chat: { handlers: [chat::ChatHandle, chat::rooms] },
}

mod chat {
    use super::*;

    pub struct ChatHandler;

    #[handler]
    impl ChatHandler {
        pub async fn send() {}
    }

    pub mod rooms {}
}

fn main() {}
