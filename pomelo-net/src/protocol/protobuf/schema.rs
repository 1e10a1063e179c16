//! Schemas made ready for encoding and decoding: names and tags resolved to positions.
//!
//! A file is resolved once: each message becomes a [`Shape`], each type of a field the place of one. So
//! neither writing nor reading looks a type up by name, and messages may contain each other.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::definition::{Definition, Definitions, FieldDefinition, FieldOption, ProtosError};
use super::{DecodeError, Deserializer, EncodeError, decode, encode};

/// Memory that a longer body took is not kept for the next.
const SCRATCH: usize = 64 * 1024;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whole, not negative, base 128.
    UInt32,
    /// `int32` and `sInt32` are the same on the wire.
    SInt32,
    /// Four bytes, little-endian.
    Float,
    /// Eight bytes, little-endian.
    Double,
    /// A string: length and bytes.
    Text,
    /// A message, by its place among [`Shapes`].
    Message(usize),
}

impl Kind {
    fn scalar(name: &str) -> Option<Self> {
        Some(match name {
            "uInt32" => Self::UInt32,
            "int32" | "sInt32" => Self::SInt32,
            "float" => Self::Float,
            "double" => Self::Double,
            "string" => Self::Text,
            _ => return None,
        })
    }

    /// Whether an array of it is one tag, a count and the elements.
    pub(super) fn is_counted(self) -> bool {
        !matches!(self, Self::Text | Self::Message(_))
    }

    /// Its name, for messages to people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::UInt32 => "uInt32",
            Self::SInt32 => "int32",
            Self::Float => "float",
            Self::Double => "double",
            Self::Text => "string",
            Self::Message(_) => "message",
        }
    }
}

/// A field of a message.
#[derive(Debug)]
pub(super) struct Field {
    /// As values name it.
    pub(super) name: String,
    /// As the wire does.
    pub(super) tag: u32,
    /// What its value, or each of its elements, is.
    pub(super) kind: Kind,
    /// Its absence is an error.
    pub(super) required: bool,
    /// It is an array.
    pub(super) repeated: bool,
}

/// One message: its fields in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// By name.
    positions: HashMap<String, usize>,
    /// In the order of the file.
    fields: Vec<Field>,
    /// Sorted by tag.
    tags: Vec<(u32, usize)>,
}

impl Shape {
    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The position of a field by name; `guess` is looked at first, as values mostly list their fields
    /// in the order of the file.
    pub(super) fn position(&self, name: &str, guess: usize) -> Option<usize> {
        match self.fields.get(guess) {
            Some(field) if field.name == name => Some(guess),
            _ => self.positions.get(name).copied(),
        }
    }

    pub(super) fn by_tag(&self, tag: u64) -> Option<(usize, &Field)> {
        let tag = u32::try_from(tag).ok()?;
        let found = self.tags.binary_search_by_key(&tag, |(tag, _)| *tag).ok()?;
        let (_, position) = self.tags.get(found)?;
        Some((*position, self.fields.get(*position)?))
    }
}

/// All messages of one file, nested ones included.
#[derive(Debug)]
pub(super) struct Shapes(Vec<Shape>);

impl Shapes {
    pub(super) fn at(&self, index: usize) -> Option<&Shape> {
        self.0.get(index)
    }
}

/// How one message is written and read. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Schema {
    /// All messages of its file.
    shapes: Arc<Shapes>,
    /// This one's place among them.
    index: usize,
}

impl Schema {
    /// Writes `value`, which must be a struct or a map.
    ///
    /// A value that has none of the fields gives no bytes, an empty body.
    ///
    /// # Errors
    /// [`EncodeError`], naming the field.
    ///
    /// ```
    /// use pomelo_net::protocol::protobuf::Protos;
    /// use serde_json::{Value, json};
    ///
    /// let protos = Protos::parse(&json!({ "onChat": { "required string msg": 1 } }), &Value::Null)?;
    /// let schema = protos.server().message("onChat").expect("it is there");
    /// // pomelo sends an empty body here; this names the field.
    /// assert_eq!(schema.encode(&json!({})).unwrap_err().to_string(), "required field msg is missing");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn encode<T: Serialize + ?Sized>(&self, value: &T) -> Result<Bytes, EncodeError> {
        // Taken, since serializing a value may encode another one. So a body takes memory once, as much as it needs.
        let mut out = BUFFER.take();
        out.clear();
        let bytes = self.encode_into(value, &mut out).map(|()| Bytes::copy_from_slice(&out));
        if out.capacity() <= SCRATCH {
            BUFFER.set(out);
        }
        bytes
    }

    /// Writes those of `fields` that the message has and that fit; others, and fields that are required and absent, are
    /// left out. For answers that the message is not made for, such as an error: no published client misses a required
    /// field.
    pub fn encode_known(&self, fields: &Map<String, Value>) -> Bytes {
        let mut out = Vec::new();
        encode::encode_known(&self.shapes, self.index, fields, &mut out);
        Bytes::from(out)
    }

    /// Appends what [`Schema::encode`] writes.
    ///
    /// # Errors
    /// As [`Schema::encode`]; a part may have been appended then.
    pub fn encode_into<T: Serialize + ?Sized>(
        &self,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        encode::encode(&self.shapes, self.index, value, out)
    }

    /// Reads what [`Schema::encode`] wrote, or a client.
    ///
    /// # Errors
    /// [`DecodeError`], if the bytes are broken or `T` is something else.
    pub fn decode<'de, T: Deserialize<'de>>(&self, bytes: &'de [u8]) -> Result<T, DecodeError> {
        T::deserialize(self.deserializer(bytes))
    }

    /// What [`Schema::encode`] wrote, with strings for clients that read bytes as units of UTF-16, as pomelo's for browsers does: a
    /// character beyond U+FFFF has three bytes for each half (CESU-8).
    pub fn in_code_units<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        decode::in_code_units(&self.shapes, self.index, bytes)
    }

    /// A deserializer over `bytes`, for `T: Deserialize` that is known elsewhere.
    pub fn deserializer<'s, 'de>(&'s self, bytes: &'de [u8]) -> Deserializer<'s, 'de> {
        decode::deserializer(&self.shapes, self.index, bytes)
    }
}

/// Resolves all messages of a file; returns the schema of each key at its root.
pub(super) fn resolve(definitions: &Definitions) -> Result<HashMap<String, Schema>, ProtosError> {
    let roots = &definitions.messages;
    let mut resolver = Resolver { roots, shapes: Vec::new() };
    resolver.shapes.resize_with(roots.len(), Shape::default);
    for (index, (name, definition)) in roots.iter().enumerate() {
        resolver.resolve(index, name, definition)?;
    }
    let shapes = Arc::new(Shapes(resolver.shapes));
    let schema = |(index, name): (usize, &String)| (name.clone(), Schema { shapes: shapes.clone(), index });
    Ok(roots.keys().enumerate().map(schema).collect())
}

struct Resolver<'a> {
    /// They take the first places, in this order.
    roots: &'a IndexMap<String, Definition>,
    shapes: Vec<Shape>,
}

impl Resolver<'_> {
    fn resolve(&mut self, index: usize, path: &str, definition: &Definition) -> Result<(), ProtosError> {
        let mut nested = HashMap::new();
        for (name, definition) in &definition.nested {
            let place = self.shapes.len();
            self.shapes.push(Shape::default());
            self.resolve(place, &format!("{path}.{name}"), definition)?;
            nested.insert(name.as_str(), place);
        }
        let mut shape = Shape::default();
        for (position, (name, field)) in definition.fields.iter().enumerate() {
            let kind = self.kind(&field.kind, &nested).ok_or_else(|| unknown_type(path, name, field))?;
            shape.positions.insert(name.clone(), position);
            shape.fields.push(Field {
                name: name.clone(),
                tag: field.tag,
                kind,
                required: field.option == FieldOption::Required,
                repeated: field.option == FieldOption::Repeated,
            });
        }
        let tag = |(tag, name): (&u32, &String)| Some((*tag, *shape.positions.get(name)?));
        shape.tags = definition.tags.iter().filter_map(tag).collect();
        shape.tags.sort_unstable();
        if let Some(slot) = self.shapes.get_mut(index) {
            *slot = shape;
        }
        Ok(())
    }

    /// Where clients look for a type: scalars, the messages inside this one, those at the root.
    fn kind(&self, name: &str, nested: &HashMap<&str, usize>) -> Option<Kind> {
        let inside = || nested.get(name).copied().map(Kind::Message);
        let at_root = || self.roots.get_index_of(&format!("message {name}")).map(Kind::Message);
        Kind::scalar(name).or_else(inside).or_else(at_root)
    }
}

fn unknown_type(path: &str, name: &str, field: &FieldDefinition) -> ProtosError {
    ProtosError::UnknownType { message: path.to_owned(), field: name.to_owned(), kind: field.kind.clone() }
}
