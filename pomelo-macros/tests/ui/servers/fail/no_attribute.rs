//! Listed types without the attribute: one error each, however much they are used.

use pomelo::{Result, Session, handler, key};

pomelo::servers! {
    chat: { handlers: [chat::ChatHandler, chat::Plain], remotes: [chat::ChatRemote, impl chat::Contract] },
}

mod chat {
    pub struct Plain;

    impl Plain {
        pub async fn send() {}
    }

    pub struct ChatRemote;

    impl ChatRemote {
        pub async fn add(_uid: String) {}
    }

    pub trait Contract {}

    pub struct ChatHandler;
}

#[handler]
impl chat::ChatHandler {
    pub async fn one(app: &App, session: &Session) -> Result<()> {
        app.rpc.chat.chat_remote.add(session, "u1").await?;
        app.rpc.chat.contract.add(session, "u1").await
    }

    pub async fn two(app: &App) -> Result<()> {
        let app = app.clone();
        spawn(async move {
            let _ = app.rpc.chat.chat_remote.add(key("a"), "u1").await;
        });
        Ok(())
    }
}

fn spawn(_: impl Future<Output = ()> + Send + 'static) {}

fn main() {}
