//! A handler as an `impl` block, a module, a trait and its implementation; nothing in it is warned of.

#![deny(warnings, dead_code, missing_docs, missing_debug_implementations, unreachable_pub)]

use pomelo::{Result, Session, handler};

pomelo::servers! {
    chat: { handlers: [
        chat::ChatHandler, chat::room_handler, chat::Counter, chat::Owner, chat::Fresh, impl chat::SayHandler,
    ] },
}

mod chat {
    use super::*;

    pub(crate) struct ChatHandler;

    #[handler]
    impl ChatHandler {
        pub async fn send(app: &App, session: &Session, text: String) -> Result<String> {
            Ok(format!("{} {} {text}", app.server_type(), session.id()))
        }
    }

    #[handler]
    pub(crate) mod room_handler {
        use super::*;

        const LIMIT: usize = 10;

        pub async fn enter(_session: &Session, room: String) -> Result<bool> {
            Ok(fits(&room))
        }

        fn fits(room: &str) -> bool {
            room.len() < LIMIT
        }
    }

    pub(crate) struct Counter {
        app: App,
    }

    #[handler]
    impl Counter {
        fn new(app: &App) -> Self {
            Self { app: app.clone() }
        }

        pub async fn kind(&self) -> Result<String> {
            Ok(self.app.server_type().to_owned())
        }
    }

    pub(crate) struct Owner(App);

    #[handler]
    impl Owner {
        fn new(app: App) -> Self {
            Self(app)
        }

        pub async fn kind(&self) -> Result<String> {
            Ok(self.0.server_type().to_owned())
        }
    }

    pub(crate) struct Fresh(u32);

    #[handler]
    impl Fresh {
        fn new() -> Self {
            Self(1)
        }

        pub async fn number(&self) -> Result<u32> {
            Ok(self.0)
        }
    }

    #[handler]
    pub(crate) trait SayHandler {
        async fn say(&self, session: &Session, text: String) -> Result<String>;

        async fn twice(&self, session: &Session, text: String) -> Result<String> {
            let once = self.say(session, text).await?;
            Ok(once.repeat(2))
        }
    }

    pub(crate) struct Say;

    #[handler]
    impl SayHandler for Say {
        async fn say(&self, _session: &Session, text: String) -> Result<String> {
            Ok(text)
        }
    }
}

fn main() {
    let _ = App::builder().mount("chat", |_, mount| mount.handler(chat::Say));
}
