//! Errors of writing: values that a schema has no place for.

use std::fmt::Display;

use thiserror::Error;

/// Why a value can't be written by its schema. Fields are named by their path, such as `point.x`; the
/// path of the whole message is empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A required field is absent or null.
    #[error("required field {field} is missing")]
    Missing {
        /// Path of the field.
        field: String,
    },
    /// The value is of another type than the field.
    #[error("field {field:?} must be {expected}, but it is {found}")]
    WrongType {
        /// Path of the field.
        field: String,
        /// What the schema says.
        expected: &'static str,
        /// What the value is.
        found: &'static str,
    },
    /// A whole number is negative though unsigned, not finite, or has more than 53 bits.
    #[error("the number in field {field} can't be written as {expected}")]
    OutOfRange {
        /// Path of the field.
        field: String,
        /// What the schema says.
        expected: &'static str,
    },
    /// The value is nested deeper than [`MAX_DEPTH`](crate::protocol::protobuf::MAX_DEPTH) messages.
    #[error("field {field} is nested too deep")]
    TooDeep {
        /// Path of the field.
        field: String,
    },
    /// A map has keys that are neither text nor whole numbers.
    #[error("a key in {field:?} is not text")]
    BadKey {
        /// Path of the map.
        field: String,
    },
    /// The value's own `Serialize` refused.
    #[error("field {field:?}: {message}")]
    Refused {
        /// Path of the field.
        field: String,
        /// What it said.
        message: String,
    },
}

impl EncodeError {
    /// The same error, seen from the message around it.
    pub(super) fn inside(mut self, outer: Option<&str>) -> Self {
        let (Self::Missing { field }
        | Self::WrongType { field, .. }
        | Self::OutOfRange { field, .. }
        | Self::TooDeep { field }
        | Self::BadKey { field }
        | Self::Refused { field, .. }) = &mut self;
        match outer {
            Some(outer) if field.is_empty() => *field = outer.to_owned(),
            Some(outer) => *field = format!("{outer}.{field}"),
            None => {}
        }
        self
    }
}

impl serde::ser::Error for EncodeError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Refused { field: String::new(), message: message.to_string() }
    }
}
