//! Connectors: the trait of what listens for clients of one frontend.

use std::net::SocketAddr;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::Frontend;
use crate::value::Result;
use crate::wire::Encoding;

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
    /// # Cancel safety
    /// A server that stops while it starts drops this: its port must be free then.
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
