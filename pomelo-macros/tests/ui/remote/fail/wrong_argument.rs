//! A call with an argument of another type, and one with too few.

use pomelo::{Result, key, remote};

pomelo::servers! {
    chat: { remotes: [ChatRemote] },
}

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    /// Adds a user.
    pub async fn add(uid: String, create: bool) -> Result<Vec<String>> {
        Ok(if create { vec![uid] } else { vec![] })
    }
}

pub async fn call(app: &App) -> Result<()> {
    app.rpc.chat.chat_remote.add(key("room1"), "u1", 1).await?;
    app.rpc.chat.chat_remote.add(key("room1"), "u1").await?;
    Ok(())
}

fn main() {}
