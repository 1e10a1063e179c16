//! A call that doesn't say where it goes.

use pomelo::{Result, remote};

pomelo::servers! {
    chat: { remotes: [ChatRemote] },
}

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn add(uid: String) -> Result<Vec<String>> {
        Ok(vec![uid])
    }
}

pub async fn call(app: &App) -> Result<Vec<String>> {
    app.rpc.chat.chat_remote.add("room1", "u1").await
}

fn main() {}
