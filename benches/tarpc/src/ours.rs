//! The call, with pomelo-rs: two servers and the tcp transport with its defaults.

use std::net::TcpListener;
use std::sync::Arc;

use pomelo::app::Running;
use pomelo::net::transport::{Tcp, TcpOptions};
use pomelo::{Result, remote, to};

use crate::round::{Calls, USERS};

pomelo::servers! {
    connector: {},
    chat: { remotes: [ChatRemote] },
}

/// The callee.
pub struct ChatRemote;

#[remote]
impl ChatRemote {
    /// So many users of a room.
    pub async fn users(_room: String, limit: u32) -> Result<Vec<String>> {
        Ok(USERS.iter().take(limit as usize).map(|user| (*user).to_owned()).collect())
    }
}

/// The caller.
#[derive(Clone)]
pub struct Ours(App);

impl Ours {
    /// Starts caller and callee.
    pub async fn start() -> (Self, Running<Rpc>) {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("its number").port();
        drop(free);
        let servers = format!(
            r#"{{ "connector": [{{ "id": "connector-1" }}], "chat": [{{ "id": "chat-1", "port": {port} }}] }}"#
        );
        let transport = Arc::new(Tcp::new(TcpOptions::default()));
        let running =
            App::builder().servers(servers).transport(transport).start().await.expect("two servers");
        let app = running.app("connector-1").expect("it is up").clone();
        (Self(app), running)
    }
}

impl Calls for Ours {
    async fn users(&self, room: String, limit: u32) -> Vec<String> {
        self.0.rpc.chat.chat_remote.users(to("chat-1"), room, limit).await.expect("an answer")
    }
}
