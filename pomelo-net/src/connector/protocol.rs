//! Protocols: what clients and a frontend say to each other, as a state machine without I/O.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pomelo_core::metrics::Dropped;
use pomelo_core::wire::{Body, FormatId};

pub use crate::protocol::message::RouteName;

/// The server's side of one connection: bytes in, events and bytes out. It knows no socket and no clock.
///
/// The [driver](super::Acceptor) of a connection reads bytes, takes events until there is none, sends after each what
/// [`poll_transmit`](Self::poll_transmit) gives, and counts the time that [`timeout`](Self::timeout) says. Pushes, responses and kicks
/// don't come by here: the [`Format`](pomelo_core::wire::Format) of the connection builds their frames, once for all who get them.
///
/// ```text
///  Handshake ─▶ decide ─▶ answer ─▶ Open ─▶ Message, Alive, … ─▶ Closed
///  └── only where the application has a say ──┘
/// ```
pub trait Protocol: Sized + Send + 'static {
    /// What all connections of a listener have in common, such as settings, the numbers of formats, and hooks.
    type Shared: Send + Sync + 'static;
    /// What a client says of itself, and the application decides on; [`Infallible`](std::convert::Infallible) where it has no say.
    type Hello: Send + 'static;
    /// What was decided.
    type Decision: Send + 'static;

    /// The protocol of a connection of which nothing has been read.
    fn new(shared: &Self::Shared) -> Self;

    /// Takes the next event out of what was read; none if it needs more bytes, or an answer to its handshake.
    ///
    /// Bytes are taken off `input` as they are understood, and the rest stays there: how much that may be is the protocol's to limit.
    /// [`Event::Closed`] is the last.
    fn poll_event(&mut self, input: &mut BytesMut) -> Option<Event<Self::Hello>>;

    /// The next bytes to send, in order: what the protocol says by itself, such as the answer to a handshake.
    fn poll_transmit(&mut self) -> Option<Bytes>;

    /// Which frames the client takes, as far as that is known: it is asked before the first bytes are sent, and when the connection
    /// opens.
    fn format(&self, shared: &Self::Shared) -> FormatId;

    /// How long the client may be silent, once the connection is open. Until then
    /// [`ConnectionLimits::handshake_deadline`](super::ConnectionLimits) holds. Where writing is to count, it is an
    /// [`Idle`](Timeout::Idle) from the beginning.
    fn timeout(&self, shared: &Self::Shared) -> Timeout;

    /// The client was silent for as long as [`timeout`](Self::timeout) says. By default that is its end; a protocol in which the server
    /// asks whether the client is there queues its question, and has it wait.
    fn handle_timeout(&mut self) -> Overdue {
        Overdue::Close
    }

    /// Has the application decide on a client. It is not read meanwhile.
    ///
    /// # Cancel safety
    /// It is dropped if the connection ends, or if it takes longer than the handshake may.
    fn decide(
        shared: Arc<Self::Shared>,
        hello: Self::Hello,
        peer: Option<SocketAddr>,
    ) -> impl Future<Output = Self::Decision> + Send + 'static;

    /// Answers the handshake; none was decided if that took too long.
    fn answer(&mut self, decision: Option<Self::Decision>);
}

/// What happens on a connection.
#[derive(Debug)]
pub enum Event<H> {
    /// The client says what it is, and waits for the [answer](Protocol::answer). Until then there are no more events.
    Handshake(H),
    /// Messages may be sent from here on: a session opens.
    Open,
    /// The client is there: its [`Timeout::Heartbeat`] begins again.
    Alive,
    /// There is something to send before more is taken out of the input, so that little has to be held.
    Transmit,
    /// A request or a notify.
    Message(Message),
    /// Something was dropped without an answer.
    Ignored(Ignored),
    /// It is over: what is left to send goes, and the connection closes.
    Closed(Closed),
}

/// A client's message for a handler.
#[derive(Debug)]
pub struct Message {
    /// Of a request, which its response has, too; none of a notify.
    pub id: Option<u64>,
    /// The handler, as `type.handler.method`. One that isn't so is answered or dropped by the session.
    pub route: RouteName,
    /// The body, undecoded. It may share the memory of what was read: the driver copies it if it would keep much of that alive.
    pub body: Body,
}

/// Why something of a client was dropped.
#[derive(Debug)]
pub struct Ignored {
    /// For the log, at DEBUG.
    pub reason: Cow<'static, str>,
    /// The server's counter that it belongs to.
    pub counts_as: Option<Dropped>,
}

/// Why a protocol is over.
#[derive(Debug)]
pub struct Closed {
    /// For the log, and for the session's hooks.
    pub reason: Cow<'static, str>,
    /// The server's counter that it belongs to, if the client is to blame.
    pub counts_as: Option<Dropped>,
    /// The option by which a client was kept out that meant to come in: that is said in the log, once a second at most.
    pub refused_by: Option<&'static str>,
}

/// How long a client may be silent, and what counts as a sign of life.
///
/// ```
/// use std::time::Duration;
/// use pomelo::ext::connector::Timeout;
///
/// // pomelo's: what a client sends doesn't count, its heartbeats do.
/// let timeout = Timeout::Heartbeat(Duration::from_secs(6));
/// assert_ne!(timeout, Timeout::Idle(Duration::from_secs(6)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeout {
    /// Only [`Event::Alive`] counts.
    Heartbeat(Duration),
    /// Everything that is read or written counts.
    Idle(Duration),
    /// For ever.
    Never,
}

/// What becomes of a client that was silent for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// Its connection closes.
    Close,
    /// It has another [`Timeout`] to answer what [`Protocol::poll_transmit`] has for it now.
    Wait,
}
