//! Serde's access to the fields of a message and the elements of an array.

use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess};

use super::scan::{Found, read_count, read_tag, read_value, scan, skip};
use super::{DecodeError, Deserializer, Node};
use crate::protocol::protobuf::schema::{Field, Shape, Shapes};
use crate::protocol::reader::Reader;

/// The fields of one message that are there, in turn.
pub(super) struct MessageAccess<'s, 'de> {
    /// What the message may have.
    shapes: &'s Shapes,
    shape: &'s Shape,
    /// All of it.
    bytes: &'de [u8],
    /// Those that were not asked for yet.
    fields: std::vec::IntoIter<Found>,
    /// The one whose key was given and whose value was not.
    current: Option<(&'s Field, Found)>,
    depth: usize,
}

impl<'s, 'de> MessageAccess<'s, 'de> {
    /// Arrays that are absent are presented as empty if `wanted` lists them.
    pub(super) fn new(
        shapes: &'s Shapes,
        index: usize,
        bytes: &'de [u8],
        depth: usize,
        wanted: &[&str],
    ) -> Result<Self, DecodeError> {
        let shape = shapes.at(index).ok_or(DecodeError::TooDeep { field: String::new() })?;
        let mut found = scan(shape, bytes)?;
        let arrays = shape.fields().iter().enumerate().filter(|(_, field)| field.repeated);
        for (position, field) in arrays {
            let is_there = found.iter().any(|found| found.position == position);
            if !is_there && wanted.contains(&field.name.as_str()) {
                found.push(Found { position, at: bytes.len() });
            }
        }
        Ok(Self { shapes, shape, bytes, fields: found.into_iter(), current: None, depth })
    }

    fn node(&self, field: &'s Field, found: Found) -> Result<Node<'s, 'de>, DecodeError> {
        let mut reader = Reader::new(self.bytes.get(found.at..).unwrap_or_default());
        if !field.repeated {
            return Ok(read_value(field.kind, &mut reader)?);
        }
        let Self { shapes, shape, depth, .. } = *self;
        let position = found.position;
        Ok(Node::Array(Elements { shapes, shape, field, position, reader, left: 0, depth }))
    }
}

impl<'de> MapAccess<'de> for MessageAccess<'_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        let Some(found) = self.fields.next() else { return Ok(None) };
        let Some(field) = self.shape.fields().get(found.position) else { return Ok(None) };
        self.current = Some((field, found));
        seed.deserialize(field.name.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        let (field, found) = self.current.take().ok_or_else(value_before_key)?;
        let node = self.node(field, found).map_err(|error| error.inside(&field.name))?;
        let value = seed.deserialize(Deserializer { shapes: self.shapes, node, depth: self.depth });
        value.map_err(|error| error.inside(&field.name))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.fields.len())
    }
}

fn value_before_key() -> DecodeError {
    serde::de::Error::custom("a value was asked for before its key")
}

/// The elements of one array, which may be in pieces between other fields.
pub(super) struct Elements<'s, 'de> {
    shapes: &'s Shapes,
    shape: &'s Shape,
    /// The array.
    field: &'s Field,
    position: usize,
    /// At a tag, or at an element if some are left.
    reader: Reader<'de>,
    /// Elements of this piece that were not read yet.
    left: usize,
    depth: usize,
}

impl<'s, 'de> Elements<'s, 'de> {
    /// Whether the message does not have it at all.
    pub(super) fn is_absent(&self) -> bool {
        self.reader.is_empty()
    }

    /// The next element, wherever its piece is.
    fn next(&mut self) -> Result<Option<Node<'s, 'de>>, DecodeError> {
        while self.left == 0 {
            if self.reader.is_empty() {
                return Ok(None);
            }
            let (position, field) = read_tag(self.shape, &mut self.reader)?;
            match position == self.position {
                false => skip(field, &mut self.reader)?,
                true if field.kind.is_counted() => self.left = read_count(&mut self.reader)?,
                true => self.left = 1,
            }
        }
        self.left = self.left.saturating_sub(1);
        Ok(Some(read_value(self.field.kind, &mut self.reader)?))
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let Some(node) = self.next()? else { return Ok(None) };
        seed.deserialize(Deserializer { shapes: self.shapes, node, depth: self.depth }).map(Some)
    }
}
