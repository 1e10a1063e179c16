//! Finding the fields of a message without reading their values.

use super::{DecodeError, Node};
use crate::protocol::protobuf::schema::{Field, Kind, Shape};
use crate::protocol::protobuf::wire::{field_number, unzigzag};
use crate::protocol::reader::{ReadError, Reader};
use crate::protocol::varint;

/// A field that is there.
#[derive(Clone, Copy)]
pub(super) struct Found {
    /// Among the fields of the shape.
    pub(super) position: usize,
    /// Offset of the value that counts; of an array, of its first tag.
    pub(super) at: usize,
}

/// The fields that are there, each once, in the order in which they first come.
///
/// Nothing is kept per element of an array, so this takes memory by the size of the schema only.
pub(super) fn scan(shape: &Shape, bytes: &[u8]) -> Result<Vec<Found>, DecodeError> {
    let mut reader = Reader::new(bytes);
    let mut all: Vec<Found> = Vec::with_capacity(shape.fields().len().min(bytes.len()));
    while !reader.is_empty() {
        let tag_at = reader.position();
        let (position, field) = read_tag(shape, &mut reader)?;
        let value_at = reader.position();
        skip(field, &mut reader).map_err(|error| DecodeError::from(error).inside(&field.name))?;
        match all.iter_mut().rev().find(|found| found.position == position) {
            Some(_) if field.repeated => {}
            Some(found) => found.at = value_at,
            None => all.push(Found { position, at: if field.repeated { tag_at } else { value_at } }),
        }
    }
    Ok(all)
}

/// Reads a tag; its wire type is not looked at, as no pomelo decoder does.
pub(super) fn read_tag<'s>(
    shape: &'s Shape,
    reader: &mut Reader<'_>,
) -> Result<(usize, &'s Field), DecodeError> {
    let tag = field_number(varint::read(reader)?);
    shape.by_tag(tag).ok_or(DecodeError::UnknownTag { field: String::new(), tag })
}

/// Skips what follows the tag of this field.
pub(super) fn skip(field: &Field, reader: &mut Reader<'_>) -> Result<(), ReadError> {
    let count = if field.repeated && field.kind.is_counted() { read_count(reader)? } else { 1 };
    for _ in 0..count {
        read_value(field.kind, reader)?;
    }
    Ok(())
}

/// The number of elements that follow. Each takes a byte at least, so more than that is a lie.
pub(super) fn read_count(reader: &mut Reader<'_>) -> Result<usize, ReadError> {
    let count = usize::try_from(varint::read(reader)?).map_err(|_| ReadError::Truncated)?;
    if count > reader.rest().len() {
        return Err(ReadError::Truncated);
    }
    Ok(count)
}

/// Reads one value; what is inside a message is not looked at yet.
pub(super) fn read_value<'s, 'de>(kind: Kind, reader: &mut Reader<'de>) -> Result<Node<'s, 'de>, ReadError> {
    Ok(match kind {
        Kind::UInt32 => Node::UInt(varint::read(reader)?),
        Kind::SInt32 => Node::Int(unzigzag(varint::read(reader)?)),
        Kind::Float => Node::Real(f64::from(f32::from_le_bytes(reader.array()?))),
        Kind::Double => Node::Real(f64::from_le_bytes(reader.array()?)),
        Kind::Text => Node::Text(read_sized(reader)?),
        Kind::Message(index) => Node::Message(index, read_sized(reader)?),
    })
}

pub(super) fn read_sized<'de>(reader: &mut Reader<'de>) -> Result<&'de [u8], ReadError> {
    let length = usize::try_from(varint::read(reader)?).map_err(|_| ReadError::Truncated)?;
    reader.take(length)
}
