//! Connectors: the trait of what listens for clients of one frontend.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

use crate::error::Result;
use crate::message::{Body, Encoding};
use crate::session::Frontend;

/// Listens for the clients of a frontend server.
///
/// A connector accepts connections, speaks their protocol up to the handshake, then [opens](Frontend::open) a session
/// and hands it the client's messages. What the server sends, the connection's [`Outbox`](crate::outbox::Outbox)
/// writes.
pub trait Connector: Send + Sync + 'static {
    /// The encodings of bodies that its clients take.
    fn encoding(&self) -> Encoding;

    /// Listens, and accepts clients until it is stopped.
    ///
    /// # Errors
    /// If it can't listen: the error names the address.
    fn start(self: Arc<Self>, frontend: Arc<Frontend>) -> BoxFuture<'static, Result<Listening>>;
}

/// A connector that listens.
pub struct Listening {
    /// Where clients connect to; the port that was chosen where 0 was asked for.
    pub address: SocketAddr,
    /// What kind of clients it takes, for people: `tcp+ws`.
    pub protocol: &'static str,
    /// Stops accepting; the sessions that are open stay. Dropping it stops accepting, too: so it is where servers end without being
    /// stopped.
    pub stop: Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>,
}

/// How a kind of connection frames what it is sent, such as tcp or websocket with a certain dictionary.
///
/// One frame is built for all connections of a format and shared by them.
pub trait Format: Send + Sync + 'static {
    /// The encoding of bodies that these connections take.
    fn encoding(&self) -> Encoding;

    /// The frame of a push.
    ///
    /// # Errors
    /// If the route or the body is too long for the protocol.
    fn push(&self, route: &str, body: &Body) -> Result<Bytes>;

    /// The frame of the response to the client's request `id`.
    ///
    /// # Errors
    /// If the body is too long for the protocol.
    fn response(&self, id: u64, body: &Body) -> Result<Bytes>;

    /// The last frames of a connection: a kick with its reason, and whatever says that it closes.
    fn kick(&self, reason: &str) -> Bytes;

    /// The last frames of a connection that its client should make again, such as one whose server stops: whatever says
    /// that it closes, and no kick, after which published clients never come back. By default nothing: the connection
    /// closes after what is still to be sent.
    fn restart(&self) -> Bytes {
        Bytes::new()
    }
}

/// The number of a [`Format`] at its frontend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FormatId(pub(crate) u8);
