//! What carries envelopes between servers.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::cluster::Member;
use crate::envelope::Envelope;
use crate::error::Result;
use crate::server::ServerId;

/// Moves envelopes between servers: in this process, over tcp, over a bus.
///
/// It knows nothing of what an [`Envelope`] says. It keeps the order of what one server sends to another, delivers
/// each envelope at most once, and never waits: what it can't take it refuses, and the sender acts on that.
pub trait Transport: Send + Sync + 'static {
    /// Makes a server reachable, and returns what it sends by. What others send it goes to `inbox`.
    ///
    /// # Errors
    /// If it can't listen: the error names the address.
    fn bind(&self, server: Member, inbox: Arc<dyn Inbox>) -> BoxFuture<'_, Result<Arc<dyn Outlet>>>;
}

/// The sending side of a bound server.
pub trait Outlet: Send + Sync + 'static {
    /// Queues an envelope for a server, or for this one itself.
    ///
    /// # Errors
    /// Why it can't; the envelope is dropped.
    fn send(&self, to: &ServerId, envelope: Envelope) -> Result<(), Unsent>;

    /// Makes the server unreachable. What is queued is sent, unless the other side is gone.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// The receiving side of a bound server.
///
/// [`receive`](Self::receive) runs no code of the application and never waits, so that a reader can call it directly.
pub trait Inbox: Send + Sync + 'static {
    /// Takes an envelope in, in the order in which `from` sent it.
    fn receive(&self, from: &ServerId, envelope: Envelope);
}

/// Why an envelope could not be queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsent {
    /// The queue to that server is full.
    Full,
    /// There is no way to that server now.
    NoLink,
}
