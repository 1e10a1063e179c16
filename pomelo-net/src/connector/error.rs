//! Errors of a connector's configuration.
//!
//! An option that can't be meant is found before anything listens, and named as the application wrote it,
//! with what it is and what it may be. Files are named with their path.

use std::time::Duration;

use pomelo_core::value::bounds::OutOfBounds;
use serde_json::Value;
use thiserror::Error;

use crate::protocol::dictionary::DictionaryError;
use crate::protocol::package::PackageError;
use crate::protocol::protobuf::ProtosError;
use crate::protocol::websocket::OriginError;

/// Why a connector doesn't start, before it has tried to listen.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(super) enum OptionError {
    #[error("Hybrid: {0}")]
    Bounds(#[from] OutOfBounds),
    #[error(
        "Hybrid::timeout of {timeout:?} drops every client: it must be longer than the heartbeat, {heartbeat:?}"
    )]
    Timeout { timeout: Duration, heartbeat: Duration },
    #[error(
        "Hybrid::outbox_limit of {limit} bytes has no room for the answer to a handshake, {answer} bytes"
    )]
    OutboxLimit { limit: usize, answer: usize },
    #[error("Hybrid::allowed_origins: {0}")]
    Origin(#[from] OriginError),
    #[error("servers.json: max-connections must be a whole number, but it is {0}")]
    MaxConnections(Value),
    #[error("servers.json: max-connections is 0, allowed is 1 or more: leave it out for no limit")]
    NoConnections,
    #[error("{0}")]
    Formats(pomelo_core::value::Error),
    #[error("servers.json gives it no clientPort, and neither does Hybrid::port")]
    NoPort,
    #[error(transparent)]
    Dictionary(#[from] DictionaryError),
    #[error("{file}: {source}")]
    Protos { file: &'static str, source: ProtosError },
    #[error("dictionary.json, serverProtos.json and clientProtos.json don't fit a handshake: {0}")]
    Handshake(#[from] PackageError),
}
