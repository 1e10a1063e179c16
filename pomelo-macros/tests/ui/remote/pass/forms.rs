//! A remote as an `impl` block, a module, a trait and its implementation; nothing in it is warned of.

#![deny(warnings, dead_code, missing_docs, missing_debug_implementations, unreachable_pub)]

use pomelo::{ALL, Result, Session, key, remote, to};

pomelo::servers! {
    chat: { remotes: [chat::ChatRemote, chat::room_remote, impl chat::ScoreRemote, chat::Chat as other] },
}

mod chat {
    use super::*;

    pub(crate) struct ChatRemote;

    #[remote]
    impl ChatRemote {
        pub async fn add(app: &App, uid: String, create: bool) -> Result<Vec<String>> {
            Ok(if create { vec![uid] } else { vec![app.server_type().to_owned()] })
        }

        pub async fn unused() {}
    }

    #[remote]
    pub(crate) mod room_remote {
        use super::*;

        pub async fn size(room: String) -> Result<usize> {
            Ok(room.len())
        }
    }

    #[remote]
    pub(crate) trait ScoreRemote {
        async fn score(&self, uid: String) -> Result<u64>;
    }

    pub(crate) struct Score(pub(crate) u64);

    #[remote]
    impl ScoreRemote for Score {
        async fn score(&self, uid: String) -> Result<u64> {
            Ok(self.0 + uid.len() as u64)
        }
    }

    pub(crate) struct Chat {
        app: App,
    }

    #[remote(rename = "chat")]
    impl Chat {
        fn new(app: App) -> Self {
            Self { app }
        }

        pub async fn kind(&self) -> Result<String> {
            Ok(self.app.server_type().to_owned())
        }
    }
}

pub(crate) async fn calls(app: &App, session: &Session) -> Result<()> {
    let _: Vec<String> = app.rpc.chat.chat_remote.add(session, "u1", true).await?;
    let _: usize = app.rpc.chat.room_remote.size(key("a"), String::from("a")).await?;
    let _: u64 = app.rpc.chat.score_remote.score(to("chat-1"), &String::from("a")).await?;
    for (_server, kind) in app.rpc.chat.other.kind(ALL).await? {
        let _: String = kind?;
    }
    Ok(())
}

fn main() {
    let _ = (App::builder().mount("chat", |_, mount| mount.remote(chat::Score(1))), calls);
}
