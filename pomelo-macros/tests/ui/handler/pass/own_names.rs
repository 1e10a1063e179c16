//! Types of the application's own that are named like what is lent, and shared ones, come off the wire like others.

use std::borrow::Cow;
use std::sync::Arc;

use pomelo::{Result, handler, key, remote};
use serde::{Deserialize, Serialize};

pomelo::servers! {
    connector: { handlers: [EntryHandler], remotes: [EntryRemote] },
}

mod game {
    use super::*;

    #[derive(Serialize, Deserialize)]
    pub struct Session {
        pub id: u32,
    }

    #[derive(Serialize, Deserialize)]
    pub struct App {
        pub version: u32,
    }
}

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn resume(session: game::Session) -> Result<u32> {
        Ok(session.id)
    }

    pub async fn version(app: &App, theirs: game::App) -> Result<u32> {
        app.rpc.connector.entry_remote.resume(key("k"), game::Session { id: theirs.version }, Arc::from("a")).await
    }

    pub async fn shared(list: Arc<Vec<u32>>) -> Result<usize> {
        Ok(list.len())
    }

    pub async fn text(text: Cow<'static, str>) -> Result<usize> {
        Ok(text.len())
    }
}

struct EntryRemote;

#[remote]
impl EntryRemote {
    pub async fn resume(session: game::Session, name: Arc<str>) -> Result<u32> {
        Ok(session.id + name.len() as u32)
    }
}

fn main() {
    let _ = App::builder();
}
