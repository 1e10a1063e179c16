//! Events of a connection.
//!
//! | event | the driver |
//! |---|---|
//! | `Upgraded`, `Handshake` | asks the application, then calls `accept` or `refuse` |
//! | `Working` | opens a session |
//! | `Heartbeat` | sets its deadline anew |
//! | `Message` | hands it to the session |
//! | `Ignored` | counts it |
//! | `Closed` | sends what is queued, and closes the socket |

use std::borrow::Cow;

use bytes::Bytes;
use thiserror::Error;

use crate::protocol::handshake::{HandshakeError, HandshakeRequest};
use crate::protocol::message::{MessageError, MessageKind, RouteName};
use crate::protocol::package::PackageError;
use crate::protocol::websocket::{UpgradeRequest, WebSocketError, close_code};

/// What the driver of a connection learns.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The connection is a websocket from here on, by this request; only where the settings want it kept.
    Upgraded(Box<UpgradeRequest>),
    /// The client said what it is: answer by [`accept`](super::Connection::accept) or
    /// [`refuse`](super::Connection::refuse). Until then there are no more events.
    Handshake(HandshakeRequest),
    /// The client has the answer; a heartbeat was queued, from which it starts its own, if it is asked for any. Messages may
    /// be sent from here on.
    Working,
    /// The client is there, and was answered if heartbeats are asked for; its deadline starts again.
    Heartbeat,
    /// A websocket ping, answered. Counts for nothing.
    Ping,
    /// A request or notify.
    Message(ClientMessage),
    /// Something was dropped without an answer, as pomelo does; to be counted.
    Ignored(IgnoredReason),
    /// It is over: send what is queued and close the socket. The last event.
    Closed(CloseReason),
}

/// How a body is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodyEncoding {
    /// UTF-8, made so if the client sent something else; whether it is JSON was not looked at.
    Json,
    /// By the client's schema for the route.
    Protobuf,
}

/// A message for a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientMessage {
    /// Of a request, never 0; none of a notify and of a request with id 0, which want no answer.
    pub id: Option<u64>,
    /// The route by name, with a dot in it. Shares memory with the package or the dictionary.
    pub route: RouteName,
    /// The body, undecoded.
    pub body: Bytes,
    /// How to decode it.
    pub encoding: BodyEncoding,
}

/// Why something was dropped.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IgnoredReason {
    /// Data or a heartbeat before the client has acknowledged the handshake.
    #[error("data or a heartbeat before the handshake was acknowledged")]
    BeforeAck,
    /// An acknowledgement of nothing, or a second one.
    #[error("an acknowledgement of nothing")]
    UnexpectedAck,
    /// No entry of the dictionary has this code, or there is no dictionary.
    #[error("unknown route code {0}")]
    UnknownRouteCode(u16),
    /// A handshake after the first.
    #[error("a second handshake")]
    SecondHandshake,
    /// The route is empty.
    #[error("an empty route")]
    NoRoute,
    /// The route names no server type.
    #[error("the route {0:?} has no dot")]
    RouteWithoutDot(RouteName),
    /// A response or a push, which only servers send.
    #[error("a {0:?} from a client")]
    NotForServers(MessageKind),
}

/// Why a connection is over.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// The client sent an HTTP request that is no websocket's; it was answered.
    #[error("an HTTP request that is no websocket upgrade, answered with {status}: {why}")]
    Http {
        /// The status it was answered with.
        status: u16,
        /// What is wrong with it.
        why: String,
    },
    /// The client broke the websocket protocol.
    #[error("broken websocket: {0}")]
    WebSocket(#[source] WebSocketError),
    /// The client closed its websocket.
    #[error("closed by the client")]
    ByClient {
        /// The code it gave.
        code: Option<u16>,
    },
    /// A package is of no known type, too long, or cut off by its frame.
    #[error("broken package: {0}")]
    Package(#[source] PackageError),
    /// A websocket message holds no package.
    #[error("an empty websocket message")]
    EmptyFrame,
    /// The body of a data package is no message.
    #[error("broken message: {0}")]
    Message(#[source] MessageError),
    /// Only servers kick.
    #[error("a kick from a client")]
    KickFromClient,
    /// The handshake can't be read; the client was told code 500.
    #[error("broken handshake: {0}")]
    BadHandshake(#[source] HandshakeError),
    /// The application refused the handshake.
    #[error("refused with code {code}")]
    Refused {
        /// What the client was told.
        code: u16,
    },
    /// The application kicked the client.
    #[error("kicked: {reason}")]
    Kicked {
        /// What the client was told.
        reason: String,
    },
    /// The application closed the connection.
    #[error("closed by the server")]
    ByServer,
}

impl CloseReason {
    /// What the client is told in a kick, if anything. Where pomelo just closes, so do we; where its
    /// connection is stuck or pads with zeros, the client learns what it did wrong.
    pub(super) fn kick_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Kicked { reason } => Some(Cow::Borrowed(reason)),
            Self::Message(_) => Some(Cow::Owned(self.to_string())),
            Self::Package(PackageError::TooLong { .. } | PackageError::Truncated) => {
                Some(Cow::Owned(self.to_string()))
            }
            Self::WebSocket(WebSocketError::TooLong { .. }) => Some(Cow::Owned(self.to_string())),
            _ => None,
        }
    }

    /// Pomelo closes with 1000 whatever the reason; a broken websocket gets the code of the RFC, and a
    /// close of the client's gets its own code back.
    pub(super) fn websocket_code(&self) -> u16 {
        match self {
            Self::WebSocket(error) => error.close_code(),
            Self::ByClient { code } => code.unwrap_or(close_code::NORMAL),
            _ => close_code::NORMAL,
        }
    }
}
