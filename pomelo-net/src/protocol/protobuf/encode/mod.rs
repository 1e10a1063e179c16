//! From any [`Serialize`] to bytes.
//!
//! ```text
//!  value's Serialize ─▶ serializer ─▶ Slot (root, field, element) ─┬▶ a number or a text: tag and value
//!                                                                  ├▶ MessageBody: fields, their length in front
//!                                                                  └▶ Elements: a count, or the tag for each
//! ```
//!
//! Bytes are written straight into one buffer. Where a length goes in front, a byte is left free for it, and
//! what follows moves if it needs more.

mod body;
mod elements;
mod error;
mod key;
mod serializer;
mod slot;

use serde::Serialize;
use serde_json::{Map, Value};

use super::schema::Shapes;
use slot::{Place, Slot};

pub use error::EncodeError;

pub(super) fn encode<T: Serialize + ?Sized>(
    shapes: &Shapes,
    index: usize,
    value: &T,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    value.serialize(Slot { out, shapes, place: Place::Root(index), depth: 0 })?;
    Ok(())
}

/// Writes what a message has of `fields`, and leaves out what doesn't fit.
pub(super) fn encode_known(shapes: &Shapes, index: usize, fields: &Map<String, Value>, out: &mut Vec<u8>) {
    let slot = Slot { out, shapes, place: Place::Root(index), depth: 0 };
    if let Ok(mut body) = slot.body() {
        for (name, value) in fields {
            body.put_if_it_fits(name, value);
        }
    }
}

#[cfg(test)]
mod tests;
