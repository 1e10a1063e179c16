//! A method and a remote that don't exist.

use pomelo::{Result, key, remote};

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

pub async fn call(app: &App) -> Result<()> {
    app.rpc.chat.chat_remote.ad(key("room1"), "u1").await?;
    app.rpc.chat.chat_remotes.add(key("room1"), "u1").await?;
    Ok(())
}

fn main() {}
