//! Errors of a client: connecting, the connection's end, and asking.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use thiserror::Error;
use tokio_tungstenite::tungstenite;

use super::{Response, UrlError};
use crate::protocol::client::{BodyError, CloseReason, SendError};
use crate::protocol::package::PackageError;
use crate::protocol::websocket::close_code;

/// Why there is no connection.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL names no server.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Nobody listens there, or the network has no way to it.
    #[error("can't connect to {address}: {source}")]
    Dial {
        /// `host:port`.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// What listens there refuses to speak websocket.
    #[error("{address} answers the websocket's upgrade with status {status}")]
    Upgrade {
        /// `host:port`.
        address: String,
        /// The HTTP status.
        status: u16,
    },
    /// What listens there doesn't speak websocket, or a header that was given can't be sent.
    #[error("no websocket with {address}: {source}")]
    WebSocket {
        /// `host:port`.
        address: String,
        /// Why not.
        source: Box<tungstenite::Error>,
    },
    /// The connection was over before its handshake was done: refused, kicked, broken.
    #[error("the handshake failed: {0}")]
    Connection(#[from] ConnectionError),
    /// What the client wants to say in its handshake is too long.
    #[error("the handshake can't be sent: {0}")]
    Handshake(#[from] PackageError),
    /// The server took too long to accept, or to answer the handshake.
    #[error("no connection within {after:?}")]
    Deadline {
        /// How long it was given.
        after: Duration,
    },
    /// The gate doesn't answer, or not with JSON.
    #[error("asking the gate failed: {0}")]
    Gate(#[from] Box<AskError>),
    /// The gate names no frontend.
    #[error("the gate names no host and port: {answer}")]
    NoFrontend {
        /// What it says instead.
        answer: Value,
    },
}

impl ConnectError {
    /// Whether another attempt may have another outcome: always but after a kick, and where this side is wrong.
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Url(_) | Self::Handshake(_) => false,
            Self::Connection(error) => error.may_reconnect(),
            Self::Gate(error) => !matches!(&**error, AskError::Connection(error) if !error.may_reconnect()),
            _ => true,
        }
    }
}

/// Why bytes don't come or go any more.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WireError {
    /// The socket failed.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// The server closed the connection.
    #[error("the server closed the connection{}", code.map(|code| format!(" with code {code}")).unwrap_or_default())]
    Closed {
        /// The code of its websocket's close, if it sent one.
        code: Option<u16>,
    },
    /// The websocket protocol was broken.
    #[error("the websocket broke: {0}")]
    WebSocket(#[source] Box<tungstenite::Error>),
    /// A websocket message is text; packages are bytes.
    #[error("the server sent a text message")]
    Text,
    /// The bytes are no package.
    #[error("broken package: {0}")]
    Package(#[from] PackageError),
}

impl WireError {
    /// Whether the server says that it stops, and that clients should come back: code 1012 of a websocket.
    pub fn is_restart(&self) -> bool {
        matches!(self, Self::Closed { code: Some(close_code::SERVICE_RESTART) })
    }
}

/// Why a connection is over.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The protocol ended it: a kick, a silent server, nonsense.
    #[error(transparent)]
    Ended(#[from] CloseReason),
    /// The wire did.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// This side closed it.
    #[error("the connection was closed by this side")]
    Closed,
}

impl ConnectionError {
    /// What the server said when it kicked this client, if it did.
    pub fn kick_reason(&self) -> Option<&str> {
        match self {
            Self::Ended(CloseReason::Kicked { reason }) => Some(reason),
            _ => None,
        }
    }

    /// Whether the server stops, or lost what it knew of this client, and wants it back.
    pub fn is_restart(&self) -> bool {
        matches!(self, Self::Wire(error) if error.is_restart())
    }

    /// Whether it makes sense to connect again: after all but a kick and a close by this side.
    pub fn may_reconnect(&self) -> bool {
        !matches!(self, Self::Closed | Self::Ended(CloseReason::Kicked { .. }))
    }
}

/// Why a [`Connection::ask`](super::Connection::ask) has no result.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AskError {
    /// The request can't be sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The connection is over.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The response isn't what was expected.
    #[error("{source}")]
    Body {
        /// What it is instead.
        source: BodyError,
        /// The response, as it came.
        body: Bytes,
    },
    /// There was no response in time.
    #[error("no response to {route} within {after:?}")]
    Deadline {
        /// The route of the request.
        route: String,
        /// How long it was given.
        after: Duration,
    },
    /// More events came meanwhile than are kept for [`next`](super::Connection::next): call that first.
    #[error("{0} events wait to be taken by `next`")]
    Backlog(usize),
}

/// Why a [`Client`](super::Client) doesn't get what it was asked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// There is no connection at the moment, so nothing was sent.
    #[error("there is no connection")]
    NotConnected,
    /// The connection was lost, and with it the response. What was asked may have been done.
    #[error("the connection was lost: {reason}")]
    Disconnected {
        /// Why.
        #[source]
        reason: Arc<ConnectionError>,
    },
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
    /// It could not connect, or not again.
    #[error(transparent)]
    Connect(Arc<ConnectError>),
    /// The message can't be sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// There was no response in time. The connection may still be good.
    #[error("no response to {route} within {after:?}")]
    Deadline {
        /// The route of the request.
        route: String,
        /// How long it was given.
        after: Duration,
    },
    /// More requests wait for their responses than may: see [`ClientOptions::max_requests`](super::ClientOptions::max_requests).
    #[error("{0} requests wait for their responses")]
    TooManyRequests(usize),
    /// The server responds with an error.
    #[error("the response to {} has the code {code}", response.route())]
    Code {
        /// The code, as [`Response::error_code`] reads it.
        code: i64,
        /// The response, which may say more.
        response: Box<Response>,
    },
    /// The response isn't what was expected.
    #[error("{source}")]
    Body {
        /// What it is instead.
        source: BodyError,
        /// The response, as it came.
        response: Box<Response>,
    },
}

impl From<ConnectError> for ClientError {
    fn from(error: ConnectError) -> Self {
        Self::Connect(Arc::new(error))
    }
}

/// What a read or write of a websocket failed with.
pub(super) fn wire_error(error: tungstenite::Error, code: Option<u16>) -> WireError {
    use tungstenite::error::{Error, ProtocolError};
    match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => WireError::Closed { code },
        Error::Io(error) => WireError::Io(error),
        other => WireError::WebSocket(Box::new(other)),
    }
}
