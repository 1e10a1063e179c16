//! The fields of one message.

use bytes::BufMut;
use serde::Serialize;
use serde::ser::{SerializeMap, SerializeStruct, SerializeStructVariant};

use super::EncodeError;
use super::key::Key;
use super::slot::{Place, Presence, Slot};
use crate::protocol::protobuf::schema::{Kind, Shape, Shapes};
use crate::protocol::protobuf::wire::put_tag;
use crate::protocol::varint;

/// A message whose fields are being written.
pub(super) struct MessageBody<'a> {
    /// What is written to.
    out: &'a mut Vec<u8>,
    /// All messages of the file.
    shapes: &'a Shapes,
    /// Which one this is.
    open: Open<'a>,
    /// The message around it, if this one is the content of an enum's variant.
    around: Option<Open<'a>>,
    /// Messages around it.
    depth: usize,
    /// The field that a map's key named, until its value comes.
    key: Option<usize>,
    /// Where the next field probably is: values mostly list them in the file's order.
    guess: usize,
}

/// A message that is being written.
struct Open<'a> {
    /// What the message may have.
    shape: &'a Shape,
    /// The field that it is the value of.
    name: Option<&'a str>,
    /// Where its length goes once it is known.
    length_at: Option<usize>,
    /// Which fields came, for those that are required.
    seen: Seen,
}

impl<'a> MessageBody<'a> {
    pub(super) fn new(
        out: &'a mut Vec<u8>,
        shapes: &'a Shapes,
        shape: &'a Shape,
        name: Option<&'a str>,
        length_at: Option<usize>,
        depth: usize,
    ) -> Self {
        let open = Open { shape, name, length_at, seen: Seen::default() };
        Self { out, shapes, open, around: None, depth, key: None, guess: 0 }
    }

    /// Opens the message that is the content of a variant: the field named like the variant.
    pub(super) fn into_variant(self, variant: &str) -> Result<Self, EncodeError> {
        let Self { out, shapes, open: mut around, depth, .. } = self;
        let found = around.shape.position(variant, 0);
        let field = found.and_then(|position| Some((position, around.shape.fields().get(position)?)));
        let Some((position, field)) = field.filter(|(_, field)| !field.repeated) else {
            return Err(no_variant(around.name));
        };
        let Kind::Message(index) = field.kind else { return Err(no_variant(around.name)) };
        let shape = shapes.at(index).ok_or_else(|| no_variant(around.name))?;
        put_tag(out, field);
        let length_at = Some(out.len());
        out.put_u8(0);
        around.seen.insert(position);
        let open = Open { shape, name: Some(&field.name), length_at, seen: Seen::default() };
        Ok(Self { out, shapes, open, around: Some(around), depth, key: None, guess: 0 })
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.open.shape.position(name, self.guess)
    }

    /// Writes the value of the field at `position`; a value without a field is left out.
    fn put<T: Serialize + ?Sized>(&mut self, position: Option<usize>, value: &T) -> Result<(), EncodeError> {
        let Some(position) = position else { return Ok(()) };
        let Some(field) = self.open.shape.fields().get(position) else { return Ok(()) };
        self.guess = position.saturating_add(1);
        let slot = Slot { out: self.out, shapes: self.shapes, place: Place::Field(field), depth: self.depth };
        let presence = value.serialize(slot).map_err(|error| self.around(error))?;
        if presence == Presence::Present {
            self.open.seen.insert(position);
        }
        Ok(())
    }

    /// Writes a field, or nothing if the message has no such field or another type for it.
    pub(super) fn put_if_it_fits<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        let before = self.out.len();
        if self.put(self.position(name), value).is_err() {
            self.out.truncate(before);
        }
    }

    fn around(&self, error: EncodeError) -> EncodeError {
        error.inside(self.open.name).inside(self.around.as_ref().and_then(|around| around.name))
    }

    fn finish(self) -> Result<Presence, EncodeError> {
        self.open.finish(self.out).map_err(|error| self.around(error))?;
        if let Some(around) = self.around {
            around.finish(self.out).map_err(|error| error.inside(around.name))?;
        }
        Ok(Presence::Present)
    }
}

impl Open<'_> {
    fn finish(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut required = self.shape.fields().iter().enumerate().filter(|(_, field)| field.required);
        if let Some((_, field)) = required.find(|(position, _)| !self.seen.contains(*position)) {
            return Err(EncodeError::Missing { field: field.name.clone() });
        }
        if let Some(mark) = self.length_at {
            let length = out.len().saturating_sub(mark).saturating_sub(1);
            varint::fill(out, mark, length as u64);
        }
        Ok(())
    }
}

fn no_variant(name: Option<&str>) -> EncodeError {
    let found = "an enum variant for which it has no field that is a message";
    EncodeError::WrongType { field: name.unwrap_or_default().to_owned(), expected: "message", found }
}

/// Which fields were written; nearly all messages have fewer than 128.
#[derive(Default)]
struct Seen {
    /// A bit for each of the first 128.
    first: u128,
    /// The positions of those beyond.
    others: Vec<usize>,
}

impl Seen {
    fn bit(position: usize) -> Option<u128> {
        1_u128.checked_shl(u32::try_from(position).ok()?)
    }

    fn insert(&mut self, position: usize) {
        match Self::bit(position) {
            Some(bit) => self.first |= bit,
            None if self.others.contains(&position) => {}
            None => self.others.push(position),
        }
    }

    fn contains(&self, position: usize) -> bool {
        match Self::bit(position) {
            Some(bit) => self.first & bit != 0,
            None => self.others.contains(&position),
        }
    }
}

impl SerializeMap for MessageBody<'_> {
    type Ok = Presence;
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.key =
            key.serialize(Key(|name: &str| self.position(name))).map_err(|error| self.around(error))?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        let position = self.key.take();
        self.put(position, value)
    }

    fn end(self) -> Result<Presence, EncodeError> {
        self.finish()
    }
}

macro_rules! fields {
    ($of:ident) => {
        impl $of for MessageBody<'_> {
            type Ok = Presence;
            type Error = EncodeError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), EncodeError> {
                self.put(self.position(name), value)
            }

            fn end(self) -> Result<Presence, EncodeError> {
                self.finish()
            }
        }
    };
}

fields!(SerializeStruct);
fields!(SerializeStructVariant);
