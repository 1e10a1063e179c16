//! One place for one value: the whole message, a field, or an element of an array.
//!
//! What serde calls decides what is found, and the place what is wanted: here the two meet, and a mismatch is
//! an error that names the field.

use bytes::BufMut;

use super::EncodeError;
use super::body::MessageBody;
use super::elements::Elements;
use crate::protocol::protobuf::MAX_DEPTH;
use crate::protocol::protobuf::schema::{Field, Kind, Shapes};
use crate::protocol::protobuf::wire::{MAX_WHOLE, put_tag, zigzag};
use crate::protocol::varint;

/// Whether a value was there; null and `None` are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// Something was written.
    Present,
    /// Nothing was, as for a field that isn't there.
    Absent,
}

/// Where a value goes.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    /// The whole message, by its place among the shapes: no tag, no length.
    Root(usize),
    /// A field that is no array, or the array as a whole.
    Field(&'a Field),
    /// Of the array that this field is.
    Element(&'a Field),
}

/// Room for one value.
pub(super) struct Slot<'a> {
    /// What is written to.
    pub(super) out: &'a mut Vec<u8>,
    /// All messages of the file.
    pub(super) shapes: &'a Shapes,
    /// Where it is.
    pub(super) place: Place<'a>,
    /// Messages around it.
    pub(super) depth: usize,
}

impl<'a> Slot<'a> {
    fn name(&self) -> Option<&'a str> {
        match self.place {
            Place::Root(_) => None,
            Place::Field(field) | Place::Element(field) => Some(&field.name),
        }
    }

    fn field(&self) -> String {
        self.name().unwrap_or_default().to_owned()
    }

    /// The error that something else was found than the schema has here.
    pub(super) fn wrong(&self, found: &'static str) -> EncodeError {
        let expected = match self.place {
            Place::Root(_) => "message",
            Place::Field(field) if field.repeated => "array",
            Place::Field(field) | Place::Element(field) => field.kind.name(),
        };
        EncodeError::WrongType { field: self.field(), expected, found }
    }

    /// Writes the tag, where one belongs; returns the type of the one value that goes here.
    fn begin(&mut self, found: &'static str) -> Result<Kind, EncodeError> {
        match self.place {
            Place::Root(index) => Ok(Kind::Message(index)),
            Place::Field(field) if field.repeated => Err(self.wrong(found)),
            Place::Element(field) if field.kind.is_counted() => Ok(field.kind),
            Place::Field(field) | Place::Element(field) => {
                put_tag(self.out, field);
                Ok(field.kind)
            }
        }
    }

    /// A whole number; ported code may have it as a text or with a point.
    pub(super) fn whole(mut self, value: i128) -> Result<Presence, EncodeError> {
        let kind = self.begin("a number")?;
        self.put_whole(kind, value)
    }

    fn put_whole(self, kind: Kind, value: i128) -> Result<Presence, EncodeError> {
        match kind {
            Kind::UInt32 if (0..=i128::from(MAX_WHOLE)).contains(&value) => {
                varint::put(self.out, u64::try_from(value).unwrap_or_default());
            }
            Kind::SInt32 if value.unsigned_abs() <= u128::from(MAX_WHOLE) => {
                varint::put(self.out, zigzag(i64::try_from(value).unwrap_or_default()));
            }
            Kind::UInt32 | Kind::SInt32 => return Err(self.out_of_range(kind)),
            Kind::Float => self.out.put_f32_le(value as f32),
            Kind::Double => self.out.put_f64_le(value as f64),
            Kind::Text | Kind::Message(_) => return Err(self.wrong("a number")),
        }
        Ok(Presence::Present)
    }

    /// A number with a point.
    pub(super) fn real(mut self, value: f64) -> Result<Presence, EncodeError> {
        match self.begin("a number")? {
            Kind::Float => self.out.put_f32_le(value as f32),
            Kind::Double => self.out.put_f64_le(value),
            kind @ (Kind::UInt32 | Kind::SInt32) if !value.is_finite() => return Err(self.out_of_range(kind)),
            // The fraction is dropped, as pomelo's parseInt does.
            kind => return self.put_whole(kind, value as i128),
        }
        Ok(Presence::Present)
    }

    /// A string.
    pub(super) fn text(mut self, value: &str) -> Result<Presence, EncodeError> {
        match self.begin("a string")? {
            Kind::Text => {
                varint::put(self.out, value.len() as u64);
                self.out.put_slice(value.as_bytes());
            }
            Kind::Message(_) => return Err(self.wrong("a string")),
            kind @ (Kind::UInt32 | Kind::SInt32) => match value.trim().parse() {
                Ok(number) => return self.put_whole(kind, number),
                Err(_) => return Err(self.wrong("a string")),
            },
            kind @ (Kind::Float | Kind::Double) => match value.trim().parse::<f64>() {
                Ok(number) if number.is_finite() && kind == Kind::Float => self.out.put_f32_le(number as f32),
                Ok(number) if number.is_finite() => self.out.put_f64_le(number),
                _ => return Err(self.wrong("a string")),
            },
        }
        Ok(Presence::Present)
    }

    fn out_of_range(&self, kind: Kind) -> EncodeError {
        EncodeError::OutOfRange { field: self.field(), expected: kind.name() }
    }

    /// Nothing, which is an error only where something is required.
    pub(super) fn null(self) -> Result<Presence, EncodeError> {
        match self.place {
            Place::Field(_) => Ok(Presence::Absent),
            Place::Root(_) | Place::Element(_) => Err(self.wrong("null")),
        }
    }

    /// The elements of an array follow.
    pub(super) fn elements(self) -> Result<Elements<'a>, EncodeError> {
        match self.place {
            Place::Field(field) if field.repeated => {
                Ok(Elements::new(self.out, self.shapes, field, self.depth))
            }
            _ => Err(self.wrong("an array")),
        }
    }

    /// The fields of a message follow.
    pub(super) fn body(mut self) -> Result<MessageBody<'a>, EncodeError> {
        let Kind::Message(index) = self.begin("a message")? else { return Err(self.wrong("a message")) };
        if self.depth >= MAX_DEPTH {
            return Err(EncodeError::TooDeep { field: self.field() });
        }
        let shape = self.shapes.at(index).ok_or_else(|| self.wrong("a message"))?;
        let name = self.name();
        let length_at = name.is_some().then_some(self.out.len());
        if length_at.is_some() {
            self.out.put_u8(0);
        }
        Ok(MessageBody::new(self.out, self.shapes, shape, name, length_at, self.depth.saturating_add(1)))
    }
}
