//! Transports: the traits of what carries envelopes between servers.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::view::Member;
use crate::value::{Error, Incarnation, Result, ServerId, ServerInfo};
use crate::wire::envelope::Envelope;

/// Moves envelopes between servers: in this process, over tcp, over a bus.
///
/// It knows nothing of what an [`Envelope`] says. It keeps the order of what one server sends to another, delivers
/// each envelope at most once, and never waits: what it can't take it refuses, and the sender acts on that. It also
/// sees who is up, since it holds the links.
///
/// A transport that wraps another one has all that there is to see:
///
/// ```
/// use std::sync::Arc;
/// use futures::future::BoxFuture;
/// use pomelo::ext::transport::{LinkEvents, LinkSender, Member, Result, Transport};
/// use pomelo::net::transport::Memory;
///
/// /// Says who is bound, for a test that wonders.
/// struct Noted(Memory);
///
/// impl Transport for Noted {
///     fn bind(
///         &self,
///         server: Member,
///         link_events: Arc<dyn LinkEvents>,
///     ) -> BoxFuture<'_, Result<Arc<dyn LinkSender>>> {
///         println!("{} can be reached", server.info.id);
///         self.0.bind(server, link_events)
///     }
/// }
///
/// # use pomelo_doc::App;
/// # #[tokio::main]
/// # async fn main() -> Result<()> {
/// # let builder = App::builder().servers(r#"{ "chat": [{ "id": "chat-1" }] }"#);
/// let running = builder.transport(Arc::new(Noted(Memory::new()))).start().await?;
/// # running.stop().await;
/// # Ok(())
/// # }
/// ```
///
/// `conformance` has the checks that every transport must pass; `tests/outside` has one that was written from
/// the docs alone.
#[doc(alias = "mailbox")]
#[doc(alias = "acceptor")]
pub trait Transport: Send + Sync + 'static {
    /// Makes a server reachable, and returns what it sends by. What others send it goes to `link_events`.
    ///
    /// # Cancel safety
    /// A server that stops while it starts drops this: its port must be free then.
    ///
    /// # Errors
    /// If it can't listen: the error names the address.
    fn bind(
        &self,
        server: Member,
        link_events: Arc<dyn LinkEvents>,
    ) -> BoxFuture<'_, Result<Arc<dyn LinkSender>>>;
}

/// The sending side of a bound server.
pub trait LinkSender: Send + Sync + 'static {
    /// Queues an envelope for a server. It calls nothing of its receiver but, in a transport within one process, the
    /// receiver's [`receive`](LinkEvents::receive).
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

    /// Why there is no link to a server, for people: what came of the last attempt, such as `connection refused at
    /// 10.0.0.9:4050`. None if nothing is known, or there is a link.
    fn trouble(&self, server: &ServerId) -> Option<String> {
        let _ = server;
        None
    }

    /// Tells all others what the server is now. With another incarnation, which only a server takes that has not started yet,
    /// all links are made anew. Changes are told one after the other, in their order: it must not wait for another one.
    fn announce(&self, server: Member);

    /// Closes the link to that incarnation of a server, which was declared over.
    fn cut(&self, server: &ServerId, incarnation: Incarnation);

    /// After how long without a link a server counts as gone. 5 s by default.
    fn gone_after(&self) -> Duration {
        Duration::from_secs(5)
    }

    /// Bytes that are queued and not sent yet.
    fn queued_bytes(&self) -> usize;

    /// Makes the server unreachable. What is queued is sent, unless the other side is gone, and others learn at once
    /// that it left.
    ///
    /// # Cancel safety
    /// It is dropped after a few seconds: what isn't sent until then may be lost, and the port must be free all the same.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// The receiving side of a bound server: envelopes, and who is there.
///
/// [`receive`](Self::receive) runs no code of the application and never waits, so that a reader can call it directly.
/// For one server the calls come one after the other: `greeting` and `joined` before the first envelope of a link, `unlinked`
/// or `left` after the last. None of them but `receive` may be called from within [`LinkSender::send`].
pub trait LinkEvents: Send + Sync + 'static {
    /// Takes an envelope in, in the order in which `from` sent it.
    fn receive(&self, from: &ServerId, envelope: Envelope);

    /// The first envelope of a new link to `peer`. It must be queued before the link is open for
    /// [`send`](LinkSender::send): the two sides settle by it what they lost of each other, before anything else.
    fn greeting(&self, peer: &Member) -> Envelope;

    /// There is a new link to a server.
    ///
    /// # Errors
    /// A later process of that id is known. The link must be refused, and the other side told by its
    /// [`refused`](Self::refused).
    fn joined(&self, member: Member) -> Result<(), Superseded>;

    /// A server that is linked announced that something of it changed.
    fn changed(&self, member: Member);

    /// The link to a server broke; it may be up all the same. So many envelopes were queued and may not have arrived.
    fn unlinked(&self, server: &ServerId, lost: usize);

    /// That process of a server counts as gone: it said goodbye, its port refuses, or it was silent for too long. If it was
    /// only cut off it may come back, by a new link.
    fn left(&self, server: &ServerId, incarnation: Incarnation);

    /// A peer takes no link to this server.
    fn refused(&self, by: &ServerId, why: Refused) {
        let _ = (by, why);
    }

    /// The transport can't go on for this server, whatever it tries: the server ends, and whoever runs it is told. What
    /// reports to it is mostly the [`Supervisor`](crate::runtime::Supervisor) of the transport's tasks.
    fn failed(&self, error: Error) {
        let _ = error;
    }
}

/// A later process has the id: this is its incarnation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superseded(pub Incarnation);

/// Why a peer, or a registry of servers, doesn't take a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Refused {
    /// Another process has the id, and answers.
    Occupied {
        /// The host that it runs on.
        host: String,
        /// Its process on that host.
        pid: u32,
        /// Which process of the server it is.
        incarnation: Incarnation,
    },
    /// A later process had the id, or its clock was ahead: only one that begins after this is taken.
    Superseded(Incarnation),
}

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
