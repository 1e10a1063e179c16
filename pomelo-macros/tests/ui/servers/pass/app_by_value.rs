//! Modules that take the app by value before the list of servers is seen: finding `App` out must not need the methods,
//! which are lent it.

#![deny(warnings, dead_code)]

mod connector {
    use crate::App;
    use pomelo::{Result, Session, handler};

    pub struct EntryHandler;

    #[handler]
    impl EntryHandler {
        pub async fn enter(app: &App, session: &Session, uid: String) -> Result<()> {
            leave(app.clone(), session.clone(), uid).await
        }
    }

    async fn leave(app: App, session: Session, uid: String) -> Result<()> {
        app.rpc.chat.chat_remote.kick(&session, uid).await
    }
}

mod chat {
    use crate::App;
    use pomelo::{Result, remote};

    pub struct ChatRemote {
        app: App,
    }

    #[remote]
    impl ChatRemote {
        fn new(app: App) -> Self {
            Self { app }
        }

        pub async fn kick(&self, app: &App, uid: String) -> Result<()> {
            drop((self.app.clone(), app.clone(), uid));
            Ok(())
        }
    }
}

pomelo::servers! {
    connector: { handlers: [connector::EntryHandler] },
    chat: { remotes: [chat::ChatRemote] },
}

fn main() {
    let _ = App::builder();
}
