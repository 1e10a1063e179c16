//! The contract: the handlers and remotes of each type of server as traits, without their code. It is the one crate that all others depend on.

use pomelo::{Result, Session, handler, remote};
use serde::{Deserialize, Serialize};

pomelo::servers! {
    /// Where clients are connected.
    connector: { handlers: [impl EntryHandler] },
    /// Where rooms are.
    chat: { handlers: [impl ChatHandler], remotes: [impl ChatRemote] },
}

/// Who wants to be where.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Enter {
    /// The user.
    pub name: String,
    /// The room.
    pub room: String,
}

/// Lets clients into rooms.
#[handler]
pub trait EntryHandler {
    /// Enters a room; returns who is in it.
    async fn enter(&self, session: &Session, message: Enter) -> Result<Vec<String>>;
}

/// What clients say.
#[handler]
pub trait ChatHandler {
    /// Says something to all in the session's room, as `onChat`.
    async fn send(&self, session: &Session, text: String) -> Result<()>;
}

/// Who is in which room.
#[remote]
pub trait ChatRemote {
    /// Adds a user at a connector to a room and tells the others, as `onAdd`; returns who is in it.
    async fn add(&self, name: String, sid: String, room: String) -> Result<Vec<String>>;

    /// Takes a user out of a room.
    async fn leave(&self, name: String, sid: String, room: String) -> Result<()>;
}
