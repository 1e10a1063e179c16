//! From bytes to any [`serde::Deserialize`].
//!
//! ```text
//!  bytes ─▶ scan: where each field is ─▶ MessageAccess: one after the other ─▶ a Node each ─▶ the type's own Deserialize
//!                                                                                └ an array: Elements
//! ```
//!
//! A field is found before it is read, so that of one that comes twice the last counts, and arrays in pieces
//! are one. Depth is counted, and a count of elements is believed only as far as bytes are left.

mod access;
mod error;
mod scan;
mod units;

use serde::de::value::MapAccessDeserializer;
use serde::de::{IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::MAX_DEPTH;
use super::schema::Shapes;
use crate::protocol::text;
use access::{Elements, MessageAccess};

pub use error::DecodeError;
pub(super) use units::in_code_units;

/// Reads one message by its schema, for any [`serde::Deserialize`]; see
/// [`Schema::deserializer`](super::Schema::deserializer).
///
/// Strings that are valid UTF-8 are borrowed from the bytes. Of a field that comes twice the last one
/// counts, arrays in pieces are joined. Required fields are not looked for here: the type that is read
/// says what it needs. Into a struct, an array that is absent is read as empty (or as `None`).
pub struct Deserializer<'s, 'de> {
    shapes: &'s Shapes,
    /// What is read now.
    node: Node<'s, 'de>,
    /// Messages around it.
    depth: usize,
}

/// What there is to read.
enum Node<'s, 'de> {
    /// A whole number without a sign.
    UInt(u64),
    /// A whole number with one.
    Int(i64),
    /// A number with a point.
    Real(f64),
    /// A string, not yet looked at.
    Text(&'de [u8]),
    /// By its place among the shapes.
    Message(usize, &'de [u8]),
    /// An array, read as it is asked for.
    Array(Elements<'s, 'de>),
}

pub(super) fn deserializer<'s, 'de>(
    shapes: &'s Shapes,
    index: usize,
    bytes: &'de [u8],
) -> Deserializer<'s, 'de> {
    Deserializer { shapes, node: Node::Message(index, bytes), depth: 0 }
}

impl<'s, 'de> Deserializer<'s, 'de> {
    fn message(
        &self,
        index: usize,
        bytes: &'de [u8],
        wanted: &[&str],
    ) -> Result<MessageAccess<'s, 'de>, DecodeError> {
        if self.depth >= MAX_DEPTH {
            return Err(DecodeError::TooDeep { field: String::new() });
        }
        MessageAccess::new(self.shapes, index, bytes, self.depth.saturating_add(1), wanted)
    }
}

impl<'de> serde::Deserializer<'de> for Deserializer<'_, 'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.node {
            Node::UInt(number) => visitor.visit_u64(number),
            Node::Int(number) => visitor.visit_i64(number),
            Node::Real(number) => visitor.visit_f64(number),
            Node::Text(bytes) => match text::decode(bytes) {
                std::borrow::Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                std::borrow::Cow::Owned(text) => visitor.visit_string(text),
            },
            Node::Message(index, bytes) => visitor.visit_map(self.message(index, bytes, &[])?),
            Node::Array(elements) => visitor.visit_seq(elements),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.node {
            Node::Message(index, bytes) => visitor.visit_map(self.message(index, bytes, fields)?),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.node {
            Node::Array(elements) if elements.is_absent() => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    /// As in JSON: a string is a variant without fields, a message with one field is a variant with some.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.node {
            Node::Text(bytes) => visitor.visit_enum(text::decode(bytes).into_deserializer()),
            Node::Message(index, bytes) => {
                let access = self.message(index, bytes, &[])?;
                MapAccessDeserializer::new(access).deserialize_enum(name, variants, visitor)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.node {
            Node::Text(bytes) => visitor.visit_borrowed_bytes(bytes),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        unit unit_struct seq tuple tuple_struct map identifier
    }
}

#[cfg(test)]
mod tests;
