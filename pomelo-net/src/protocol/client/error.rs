//! Errors of a client's connection: why it is over, what can't be sent, what can't be read.

use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

use crate::protocol::message::MessageError;
use crate::protocol::outgoing::OutgoingError;
use crate::protocol::package::PackageError;
use crate::protocol::protobuf::{DecodeError, EncodeError, ProtosError};

/// Why a connection is over.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// The server ended it and said why.
    #[error("kicked: {reason}")]
    Kicked {
        /// What the server said; empty if nothing that can be read.
        reason: String,
    },
    /// The server refused the handshake.
    #[error("the server refuses the handshake with code {code}")]
    Refused {
        /// 501 says that this type or version of client is not served; for anything else pomelo has 500.
        code: u64,
        /// What the server's handshake hook answered; null if nothing.
        user: Value,
    },
    /// Nothing came for two intervals of heartbeats.
    #[error("nothing came from the server for {silence:?}")]
    Silent {
        /// How long it was silent, at least.
        silence: Duration,
    },
    /// The server's handshake can't be used.
    #[error("broken handshake: {0}")]
    Handshake(#[from] ReplyError),
    /// A package is of no known type, too long, or cut off by its frame.
    #[error("broken package: {0}")]
    Package(#[from] PackageError),
    /// The body of a data package is no message.
    #[error("broken message: {0}")]
    Message(#[from] MessageError),
}

/// Why a server's handshake can't be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// It is not JSON, or its dictionary has codes that are none.
    #[error("it is not what a server sends: {0}")]
    Json(#[from] pomelo_json::Error),
    /// Its schemas make no sense.
    #[error("its protos can't be used: {0}")]
    Protos(#[from] ProtosError),
}

/// Why a request or notify can't be sent. The connection goes on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The handshake isn't done, or the connection is over.
    #[error("the connection is not open")]
    NotOpen,
    /// The body can't be written as JSON.
    #[error("the body for {route} can't be JSON: {source}")]
    Json {
        /// The route of the message.
        route: String,
        /// Why not.
        source: serde_json::Error,
    },
    /// The body doesn't fit the schema that the server has for the route.
    #[error("the body for {route} doesn't fit its schema: {source}")]
    Protobuf {
        /// The route of the message.
        route: String,
        /// Why not.
        source: EncodeError,
    },
    /// The body is too long for a package, or the route for a message.
    #[error(transparent)]
    TooLong(#[from] OutgoingError),
}

/// Why a body can't be read as what was asked for. The connection goes on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BodyError {
    /// It is no JSON, or other JSON.
    #[error("a body of {route} is not the JSON that was expected: {source}")]
    Json {
        /// The route it came by.
        route: String,
        /// What is wrong.
        source: pomelo_json::Error,
    },
    /// It is no JSON, or other JSON, for a type that borrows from the body.
    #[error("a body of {route} is not the JSON that was expected: {source}")]
    PlainJson {
        /// The route it came by.
        route: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// It doesn't fit the schema of its route.
    #[error("a body of {route} doesn't fit its schema: {source}")]
    Protobuf {
        /// The route it came by.
        route: String,
        /// What is wrong.
        source: DecodeError,
    },
}
