//! Commands of a client's handles to its task, and what the task tells them of itself.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{Agreement, ClientError, ConnectError, ConnectionError};

/// A message to be sent, on the connection that it was written for.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) agreement: Arc<Agreement>,
    pub(super) route: String,
    pub(super) body: Bytes,
}

/// What handles ask of the task.
#[derive(Debug)]
pub(super) enum Command {
    Request { message: Message, respond: oneshot::Sender<Result<Bytes, ClientError>> },
    Notify { message: Message, sent: oneshot::Sender<Result<(), ClientError>> },
    Close,
}

/// Where a client stands.
#[derive(Debug, Clone)]
pub(super) enum Status {
    /// There is no connection yet, or none at the moment.
    Connecting,
    Open(Arc<Agreement>),
    /// For good.
    Over(Over),
}

/// Why a client is over.
#[derive(Debug, Clone)]
pub(super) enum Over {
    /// It was closed, or nobody has it any more.
    Closed,
    /// It was kicked, or lost its connection and doesn't come back.
    Lost(Arc<ConnectionError>),
    /// It could not connect, or not again.
    Unreachable(Arc<ConnectError>),
}

impl Over {
    pub(super) fn error(&self) -> ClientError {
        match self {
            Self::Closed => ClientError::Closed,
            Self::Lost(reason) => ClientError::Disconnected { reason: reason.clone() },
            Self::Unreachable(error) => ClientError::Connect(error.clone()),
        }
    }
}
