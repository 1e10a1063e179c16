//! The wire: bodies and how they are encoded, the frames of clients, and what servers send each other.

mod body;
mod codecs;
pub mod envelope;
mod format;

pub use self::body::{Body, Encoding};
pub use self::codecs::{Codecs, SchemaCodec};
pub use self::format::{Format, FormatId};
