//! The errors of a client that can't go on.

use std::io;

use pomelo_net::protocol::message::MessageError;
use pomelo_net::protocol::outgoing::OutgoingError;
use pomelo_net::protocol::package::PackageError;
use pomelo_net::protocol::protobuf::{DecodeError, ProtosError};
use thiserror::Error;
use tokio_tungstenite::tungstenite;

/// Why a client can't go on, or an answer can't be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// There is no connection.
    #[error("can't connect to {address}: {source}")]
    Connect {
        /// Where to.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// The websocket broke, or is none.
    #[error("the websocket broke: {0}")]
    WebSocket(#[from] Box<tungstenite::Error>),
    /// The server hung up.
    #[error("the server closed the connection")]
    Closed,
    /// The server hung up and said why.
    #[error("kicked: {0}")]
    Kicked(String),
    /// The handshake was refused.
    #[error("the server refuses the handshake with code {0}")]
    Refused(u64),
    /// What came is no package.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// What came is no message.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// What was to be sent fits no message.
    #[error(transparent)]
    Outgoing(#[from] OutgoingError),
    /// The handshake, or a body, is not the JSON that was expected.
    #[error("unexpected JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The server's schemas can't be used.
    #[error("the handshake's protos: {0}")]
    Schemas(#[from] ProtosError),
    /// A body doesn't fit its schema.
    #[error("a body of {route} doesn't fit its schema: {source}")]
    Body {
        /// The route it came by.
        route: String,
        /// What is wrong.
        source: DecodeError,
    },
    /// A route's number is in no dictionary.
    #[error("route {0} is not in the dictionary")]
    UnknownRoute(u16),
    /// The server sent what only clients send.
    #[error("the server sent {0}")]
    Unexpected(&'static str),
    /// A request was not answered in time.
    #[error("{0} was not answered in time")]
    Deadline(&'static str),
}

impl From<tungstenite::Error> for ClientError {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => Self::Closed,
            tungstenite::Error::Io(error) => Self::Io(error),
            other => Self::WebSocket(Box::new(other)),
        }
    }
}
