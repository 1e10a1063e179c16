//! The status of servers and the outcome of orders, as operators see them.

use std::fmt;

use pomelo_core::metrics::MissingLink;
use pomelo_core::value::ServerId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A server as the master sees it; the master itself has a row too, of the type `master`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerStatus {
    /// Its id.
    pub id: ServerId,
    /// Its type, such as `chat`.
    pub server_type: String,
    /// The host that it runs on.
    pub host: String,
    /// Its port for other servers.
    pub port: Option<u16>,
    /// Its port for clients.
    pub client_port: Option<u16>,
    /// Its process, while there is one.
    pub pid: Option<u32>,
    /// How long it has been up, in milliseconds.
    pub uptime_ms: Option<u64>,
    /// The memory that its process holds, in bytes; where the system tells.
    pub rss_bytes: Option<u64>,
    /// The clients that are connected to it now.
    pub connections: Option<u64>,
    /// What it is doing.
    pub state: ServerState,
    /// The links for want of which it is unreachable or partly linked, sorted by the server at their other end.
    #[serde(default)]
    pub missing_links: Vec<MissingLink>,
    /// Why it is down, if it should not be.
    #[serde(default)]
    pub trouble: Option<String>,
}

impl ServerStatus {
    /// What it is doing, in words.
    pub fn state_text(&self) -> String {
        self.state.to_string()
    }

    /// Whether somebody should look: it is there and can't be used by all who should, or nothing is heard of it, or it has
    /// failed. One that nobody has started is down, and well.
    pub fn is_well(&self) -> bool {
        match self.state {
            ServerState::Unreachable | ServerState::PartlyLinked | ServerState::Lost => false,
            ServerState::Down => self.trouble.is_none(),
            ServerState::Up | ServerState::Starting | ServerState::Stopping => true,
        }
    }
}

/// What a server is doing, as far as the master knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerState {
    /// Its process was started and has not registered yet.
    Starting,
    /// It is registered, its heartbeats come, and all servers that must have a link to it have one.
    Up,
    /// As up, but links to some of the servers that others reach are missing.
    #[serde(rename = "partly linked")]
    PartlyLinked,
    /// It is registered, its heartbeats come, and no other server has a link to it.
    Unreachable,
    /// It was asked to stop or said goodbye, and its process has not ended yet.
    Stopping,
    /// There is none.
    Down,
    /// It was up, and nothing has been heard of it for some seconds, or it doesn't answer; it may be serving all the same.
    Lost,
}

impl fmt::Display for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Starting => "starting",
            Self::Up => "up",
            Self::PartlyLinked => "partly linked",
            Self::Unreachable => "unreachable",
            Self::Stopping => "stopping",
            Self::Down => "down",
            Self::Lost => "lost",
        })
    }
}

/// What became of an order, for one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The server.
    pub id: ServerId,
    /// Whether it is now as it was ordered to be.
    pub ok: bool,
    /// What was done, or why it could not be.
    pub message: String,
}

impl Outcome {
    pub(crate) fn done(id: &ServerId, message: impl fmt::Display) -> Self {
        Self { id: id.clone(), ok: true, message: message.to_string() }
    }

    pub(crate) fn failed(id: &ServerId, message: impl fmt::Display) -> Self {
        Self { id: id.clone(), ok: false, message: message.to_string() }
    }
}

/// What an admin module of a server answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The server.
    pub id: ServerId,
    /// The answer, or what is in its way: as JSON beside the id, as `answer` or `error`.
    #[serde(flatten)]
    pub replied: Replied,
}

/// An answer, or what is in its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Replied {
    /// What the module says.
    Answer(Value),
    /// Why there is none, for people.
    Error(String),
}

/// Some of the servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Which {
    /// Those of these ids.
    Ids(Vec<String>),
    /// Those of a type.
    Type(String),
}
