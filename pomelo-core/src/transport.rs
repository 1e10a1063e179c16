//! What carries envelopes between servers.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::cluster::Member;
use crate::envelope::Envelope;
use crate::error::{Error, Result};
use crate::server::{ServerId, ServerInfo};
use crate::session::Incarnation;

/// Moves envelopes between servers: in this process, over tcp, over a bus.
///
/// It knows nothing of what an [`Envelope`] says. It keeps the order of what one server sends to another, delivers
/// each envelope at most once, and never waits: what it can't take it refuses, and the sender acts on that. It also
/// sees who is up, since it holds the links.
pub trait Transport: Send + Sync + 'static {
    /// Makes a server reachable, and returns what it sends by. What others send it goes to `inbox`.
    ///
    /// # Errors
    /// If it can't listen: the error names the address.
    fn bind(&self, server: Member, inbox: Arc<dyn Inbox>) -> BoxFuture<'_, Result<Arc<dyn Outlet>>>;
}

/// The sending side of a bound server.
pub trait Outlet: Send + Sync + 'static {
    /// Queues an envelope for a server. It calls nothing of the inbox but, in a transport within one process, the
    /// receiver's [`receive`](Inbox::receive).
    ///
    /// # Errors
    /// Why it can't; the envelope is dropped.
    fn send(&self, to: &ServerId, envelope: Envelope) -> Result<(), Unsent>;

    /// The servers to be linked with, this one included: the whole list, each time that it changes. A link to a server
    /// that is not in it any more stays until that server leaves: it may have work to end.
    fn expect(&self, servers: &[Arc<ServerInfo>]);

    /// Whether there can be a link to a server, once it is up: over tcp, one of the two needs a port.
    fn can_reach(&self, server: &ServerInfo) -> bool {
        let _ = server;
        true
    }

    /// Tells all others what the server is now. With another incarnation, all links are made anew.
    fn announce(&self, server: Member);

    /// Closes the link to that life of a server, which was declared over.
    fn cut(&self, server: &ServerId, incarnation: Incarnation);

    /// Bytes that are queued and not sent yet.
    fn queued_bytes(&self) -> usize;

    /// Makes the server unreachable. What is queued is sent, unless the other side is gone, and others learn at once
    /// that it left.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// The receiving side of a bound server: envelopes, and who is there.
///
/// [`receive`](Self::receive) runs no code of the application and never waits, so that a reader can call it directly.
/// For one server the calls come one after the other: `joined` before the first envelope of a link, `unlinked` or `left`
/// after the last. None of them but `receive` may be called from within [`Outlet::send`].
pub trait Inbox: Send + Sync + 'static {
    /// Takes an envelope in, in the order in which `from` sent it.
    fn receive(&self, from: &ServerId, envelope: Envelope);

    /// A server is linked, or announced that something of it changed.
    ///
    /// # Errors
    /// That incarnation was declared over. The link must be refused, and the other side told by its
    /// [`outcast`](Self::outcast).
    fn joined(&self, member: Member) -> Result<(), Outcast>;

    /// The link to a server broke; it may be up all the same. So many envelopes were queued and may not have arrived.
    fn unlinked(&self, server: &ServerId, lost: usize);

    /// That life of a server is over: it said goodbye, its port refuses, or it was silent for too long.
    fn left(&self, server: &ServerId, incarnation: Incarnation);

    /// Another server has declared this one's present life over. It must begin another, later than what that server
    /// knows, and [announce](Outlet::announce) it.
    fn outcast(&self, declared: Outcast);

    /// The transport can't go on for this server, whatever it tries: the server ends, and whoever runs it is told. What
    /// reports to it is mostly the [`Supervisor`](crate::supervisor::Supervisor) of the transport's tasks.
    fn failed(&self, error: Error) {
        let _ = error;
    }
}

/// The incarnation of a server that was declared over, and later than which its next one must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcast(pub Incarnation);

/// Why an envelope could not be queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsent {
    /// The queue to that server is full.
    Full,
    /// There is no way to that server now.
    NoLink,
    /// It is longer than the transport carries, or has a part that can't be sent; the log says which.
    TooLong,
    /// There can be no link to that server: neither it nor this one has a `port` in servers.json.
    NoPort,
}
