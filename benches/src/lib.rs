//! Benchmark scenes, in one place, since each is measured in several ways: timed by criterion, counted in instructions by
//! valgrind, and in allocations. Servers and sockets are real but for the last step: a [`NullSink`](null::NullSink) takes
//! all frames at once.
//!
//! Every scene wants a runtime of one thread, so that what was begun is done by whoever waits for it.

pub mod backend;
pub mod null;
pub mod request;
pub mod room;
pub mod tap;

use std::net::TcpListener;
use std::sync::Arc;

use pomelo::app::Builder;
use pomelo::net::transport::{Tcp, TcpOptions};
use pomelo::{Result, handler, remote};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pomelo::servers! {
    /// Holds the sessions.
    connector: { handlers: [EntryHandler] },
    /// Has the rooms.
    chat: { handlers: [ChatHandler], remotes: [ChatRemote] },
}

/// A connector and a chat server.
const SERVERS: &str =
    r#"{ "connector": [{ "id": "connector-1", "frontend": true }], "chat": [{ "id": "chat-1" }] }"#;

/// Builds them, without a port.
pub fn servers() -> Builder<Rpc> {
    servers_of(SERVERS)
}

/// Builds them with a link over tcp, on loopback, between the two.
///
/// # Errors
/// If there is no free port.
pub fn linked_servers() -> Result<Builder<Rpc>> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let servers = format!(
        r#"{{ "connector": [{{ "id": "connector-1", "frontend": true }}],
             "chat": [{{ "id": "chat-1", "port": {port} }}] }}"#
    );
    Ok(servers_of(&servers).transport(Arc::new(Tcp::new(TcpOptions::default()))))
}

fn servers_of(servers: &str) -> Builder<Rpc> {
    App::builder().servers(servers).configure("all", "connector", |app| app.connector(null::NullConnector))
}

/// What people say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chat {
    /// The text.
    pub msg: String,
    /// Who says it.
    pub from: String,
    /// To whom.
    pub target: String,
}

impl Chat {
    /// Some sixty bytes of text from Ann to all.
    pub fn sample() -> Self {
        let msg = "sixty-four bytes of text, more or less, as people write them now".into();
        Self { msg, from: "ann".into(), target: "*".into() }
    }
}

/// The schema of [`Chat`], as in serverProtos.json.
pub fn schema() -> Value {
    json!({ "onChat": { "required string msg": 1, "required string from": 2, "required string target": 3 } })
}

/// Handles requests at the connector.
pub struct EntryHandler;

#[handler]
impl EntryHandler {
    /// Answers what it was sent.
    pub async fn echo(message: Chat) -> Result<Chat> {
        Ok(message)
    }
}

/// Handles requests at the chat server.
pub struct ChatHandler;

#[handler]
impl ChatHandler {
    /// Answers what it was sent.
    pub async fn echo(message: Chat) -> Result<Chat> {
        Ok(message)
    }
}

/// Takes calls at the chat server.
pub struct ChatRemote;

#[remote]
impl ChatRemote {
    /// As the chat service's `add`, without a room.
    pub async fn add(uid: String, sid: String, rid: String, create: bool) -> Result<usize> {
        Ok(uid.len() + sid.len() + rid.len() + usize::from(create))
    }
}
