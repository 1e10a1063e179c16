//! Mistakes in the list leave the rest of it, and `App`.

use pomelo::{Result, Session, handler};

pomelo::servers! {
    gate: { handler: [chat::ChatHandler] },
    area { handlers: [chat::ChatHandler] },
    chat: { handlers: [chat::ChatHandler as chat], remotes: [impl chat::rooms] },
    #[derive(Clone)]
    room: {} connector: {},
}

mod chat {
    use super::*;

    pub struct ChatHandler;

    #[handler]
    impl ChatHandler {
        pub async fn send(_app: &App, session: &Session) -> Result<String> {
            Ok(session.id().to_string())
        }
    }
}

fn main() {}
