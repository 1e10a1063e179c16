//! Errors of reading: bytes that are no message of a schema.

use std::fmt::Display;

use thiserror::Error;

use crate::protocol::reader::ReadError;

/// Why bytes can't be read by their schema. Fields are named by their path, such as `point.x`; the path
/// of the whole message is empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The message has no field with this number.
    #[error("{field:?} has no field with tag {tag}")]
    UnknownTag {
        /// Path of the message.
        field: String,
        /// The number.
        tag: u64,
    },
    /// A value is cut off or too long.
    #[error("{field:?} is broken: {source}")]
    Broken {
        /// Path of the message or field.
        field: String,
        /// How.
        source: ReadError,
    },
    /// The message is nested deeper than [`MAX_DEPTH`](crate::protocol::protobuf::MAX_DEPTH).
    #[error("{field:?} is nested too deep")]
    TooDeep {
        /// Path of the field.
        field: String,
    },
    /// The type that is read did not want what is there.
    #[error("{field:?}: {message}")]
    Unwanted {
        /// Path of the field.
        field: String,
        /// What the type said.
        message: String,
    },
}

impl DecodeError {
    /// The same error, seen from the message around it.
    pub(super) fn inside(mut self, outer: &str) -> Self {
        let (Self::UnknownTag { field, .. }
        | Self::Broken { field, .. }
        | Self::TooDeep { field }
        | Self::Unwanted { field, .. }) = &mut self;
        *field = if field.is_empty() { outer.to_owned() } else { format!("{outer}.{field}") };
        self
    }
}

impl From<ReadError> for DecodeError {
    fn from(source: ReadError) -> Self {
        Self::Broken { field: String::new(), source }
    }
}

impl serde::de::Error for DecodeError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Unwanted { field: String::new(), message: message.to_string() }
    }
}
