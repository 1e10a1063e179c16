//! The wire: bodies and how they are encoded, the frames of clients, and what servers send each other.
//!
//! A body is decoded by who handles it and encoded by who holds the value; everybody between hands it on as
//! an encoding and bytes.

mod body;
mod codecs;
pub mod envelope;
mod format;

/// The crate whose traits a [`Codec`] takes values by.
pub use erased_serde;

pub use self::body::{Body, CustomEncoding, Encoding};
pub use self::codecs::{Codec, Codecs};
pub use self::format::{Format, FormatId};
