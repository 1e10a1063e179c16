//! From any [`Serialize`] to bytes.

mod body;
mod elements;
mod error;
mod key;
mod serializer;
mod slot;

use serde::Serialize;

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

#[cfg(test)]
mod tests;
