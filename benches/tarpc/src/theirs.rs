//! The call, with tarpc: its transport by serde and tcp with bincode, served as its examples do.

use futures::StreamExt;
use tarpc::context::{self, Context};
use tarpc::serde_transport::tcp;
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Bincode;

use crate::round::{Calls, USERS};

/// The callee.
#[tarpc::service]
pub trait Chat {
    /// So many users of a room.
    async fn users(room: String, limit: u32) -> Vec<String>;
}

#[derive(Clone)]
struct ChatServer;

impl Chat for ChatServer {
    async fn users(self, _: Context, _room: String, limit: u32) -> Vec<String> {
        USERS.iter().take(limit as usize).map(|user| (*user).to_owned()).collect()
    }
}

/// A caller; its callee runs until the runtime ends.
#[derive(Clone)]
pub struct Theirs(ChatClient);

impl Theirs {
    /// Starts both.
    pub async fn start() -> Self {
        let mut listener = tcp::listen("127.0.0.1:0", Bincode::default).await.expect("a free port");
        let address = listener.local_addr();
        tokio::spawn(async move {
            while let Some(Ok(transport)) = listener.next().await {
                // As in our links: small messages must not wait for others.
                transport.get_ref().set_nodelay(true).expect("an option of tcp");
                let channel = BaseChannel::with_defaults(transport);
                tokio::spawn(channel.execute(ChatServer.serve()).for_each(|answer| async move {
                    tokio::spawn(answer);
                }));
            }
        });
        let transport = tcp::connect(address, Bincode::default).await.expect("a connection");
        transport.get_ref().set_nodelay(true).expect("an option of tcp");
        Self(ChatClient::new(tarpc::client::Config::default(), transport).spawn())
    }
}

impl Calls for Theirs {
    async fn users(&self, room: String, limit: u32) -> Vec<String> {
        self.0.users(context::current(), room, limit).await.expect("an answer")
    }
}
