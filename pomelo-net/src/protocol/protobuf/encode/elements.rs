//! An array: numbers after their count, anything else one by one.

use bytes::BufMut;
use serde::Serialize;
use serde::ser::{SerializeSeq, SerializeTuple, SerializeTupleStruct};

use super::EncodeError;
use super::slot::{Place, Presence, Slot};
use crate::protocol::protobuf::schema::{Field, Shapes};
use crate::protocol::protobuf::wire::put_tag;
use crate::protocol::varint;

/// An array whose elements are being written.
pub(super) struct Elements<'a> {
    out: &'a mut Vec<u8>,
    shapes: &'a Shapes,
    /// The array's field.
    field: &'a Field,
    depth: usize,
    /// How many came.
    count: u64,
    /// Where the count goes, for an array of numbers.
    count_at: usize,
}

impl<'a> Elements<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, shapes: &'a Shapes, field: &'a Field, depth: usize) -> Self {
        Self { out, shapes, field, depth, count: 0, count_at: 0 }
    }

    /// Bytes are an array of small numbers, as in JSON.
    pub(super) fn bytes(mut self, bytes: &[u8]) -> Result<Presence, EncodeError> {
        for byte in bytes {
            self.add(byte)?;
        }
        Ok(self.finish())
    }

    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        // The tag comes with the first element, so that an empty array leaves nothing.
        if self.count == 0 && self.field.kind.is_counted() {
            put_tag(self.out, self.field);
            self.count_at = self.out.len();
            self.out.put_u8(0);
        }
        self.count = self.count.saturating_add(1);
        let place = Place::Element(self.field);
        value.serialize(Slot { out: self.out, shapes: self.shapes, place, depth: self.depth })?;
        Ok(())
    }

    fn finish(self) -> Presence {
        if self.count > 0 && self.field.kind.is_counted() {
            varint::fill(self.out, self.count_at, self.count);
        }
        Presence::Present
    }
}

macro_rules! sequence {
    ($of:ident, $add:ident) => {
        impl $of for Elements<'_> {
            type Ok = Presence;
            type Error = EncodeError;

            fn $add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
                self.add(value)
            }

            fn end(self) -> Result<Presence, EncodeError> {
                Ok(self.finish())
            }
        }
    };
}

sequence!(SerializeSeq, serialize_element);
sequence!(SerializeTuple, serialize_element);
sequence!(SerializeTupleStruct, serialize_field);
