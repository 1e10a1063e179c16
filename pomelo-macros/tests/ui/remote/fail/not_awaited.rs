//! A call that nobody awaits.

#![deny(unused_must_use)]

use pomelo::{key, remote};

pomelo::servers! {
    chat: { remotes: [ChatRemote] },
}

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn kick(_uid: String) {}
}

pub async fn call(app: &App) {
    app.rpc.chat.chat_remote.kick(key("room1"), "u1");
}

fn main() {}
