//! Events of a client's connection.

use bytes::Bytes;
use serde_json::Value;
use thiserror::Error;

use crate::protocol::message::{MessageKind, RouteName};
use crate::protocol::package::PackageKind;

/// What the driver of a connection learns.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The handshake is done: requests and notifies may be sent.
    Ready {
        /// What the server's handshake hook answered; null if it has none.
        user: Value,
    },
    /// The response to a request.
    Response {
        /// As [`Connection::request`](super::Connection::request) returned it.
        id: u64,
        /// The route of the request, by which [`Connection::decode`](super::Connection::decode) reads the body.
        route: RouteName,
        /// As the server sent it.
        body: Bytes,
    },
    /// A push.
    Push {
        /// What it is about.
        route: RouteName,
        /// As the server sent it; [`Connection::decode`](super::Connection::decode) reads it.
        body: Bytes,
    },
    /// Something was dropped, and the connection goes on.
    Ignored(IgnoredReason),
}

/// Why something that a server sent was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IgnoredReason {
    /// A push whose route is a number that is not in the dictionary.
    #[error("a push with the unknown route code {0}")]
    UnknownRouteCode(u16),
    /// A response to no request, or to one that was given up.
    #[error("a response to request {0}, which nobody waits for")]
    UnknownRequest(u64),
    /// A message before the handshake was done.
    #[error("a message before the handshake")]
    BeforeHandshake,
    /// A second handshake, or an acknowledgement, which only clients send.
    #[error("an unexpected {0:?}")]
    Package(PackageKind),
    /// A request or a notify, which only clients send.
    #[error("a {0:?} from a server")]
    NotForClients(MessageKind),
}
