//! Bodies of messages between clients and handlers.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Encoding {
    /// JSON text, in UTF-8.
    #[default]
    Json,
    /// pomelo-protobuf, by the schema that the configuration has for the route; JSON where it has none.
    Protobuf,
}

/// The body of a message, undecoded.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// How `bytes` is written.
    pub encoding: Encoding,
    /// The encoded value.
    pub bytes: Bytes,
}

impl Body {
    /// A body of JSON text.
    pub fn json(bytes: impl Into<Bytes>) -> Self {
        Self { encoding: Encoding::Json, bytes: bytes.into() }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.encoding {
            Encoding::Json => f.write_str(&String::from_utf8_lossy(&self.bytes)),
            Encoding::Protobuf => write!(f, "{:?} as protobuf", self.bytes),
        }
    }
}
