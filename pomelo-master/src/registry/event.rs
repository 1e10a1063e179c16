//! Events of the registry, which others must be told.

use pomelo_core::value::{Incarnation, ServerId};

/// A connection of a server to this master.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LinkId(pub(crate) u64);

/// What others must be told of a change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The list of expected servers is another one.
    Expected,
    /// A server without a port is up, or something of it changed; see [`Registry::portless`](super::Registry::portless).
    Up(ServerId),
    /// That incarnation of a server is over.
    Gone(ServerId, Incarnation),
    /// Another connection has taken that one's place: of the same process, or of one that began later.
    Superseded(LinkId, Option<Incarnation>),
    /// The server at that connection was to stop when nobody could tell it.
    Stop(LinkId),
}
