//! Errors of messages.

use thiserror::Error;

use crate::protocol::reader::ReadError;

/// Why bytes are no message, or a message has no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MessageError {
    /// There is not even a byte of flags.
    #[error("the message is empty")]
    Empty,
    /// Kinds 4 to 7 do not exist.
    #[error("unknown message type {0}")]
    UnknownKind(u8),
    /// The id is cut off or longer than 64 bits.
    #[error("the message's id is broken: {0}")]
    Id(#[source] ReadError),
    /// The route is cut off.
    #[error("the message ends inside its route")]
    RouteTruncated,
    /// A route to be sent is longer than [`MAX_ROUTE`](super::MAX_ROUTE) bytes.
    #[error("a route of {0} bytes is longer than 255")]
    RouteTooLong(usize),
}
