//! Types out of a tree, as serde asks for them.

use indexmap::{IndexMap, map};
use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use crate::error::DataError;
use crate::tree::Tree;

/// Asks for an integer: a float that is one will do.
macro_rules! whole {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
            match self {
                Tree::Number(number) => number.whole().visit(visitor),
                other => other.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Tree {
    type Error = DataError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(truth) => visitor.visit_bool(truth),
            Self::Number(number) => number.visit_any(visitor),
            Self::String(text) => visitor.visit_string(text),
            Self::Array(elements) => visit_array(elements, visitor),
            Self::Object(entries) => visit_object(*entries, visitor),
        }
    }

    whole! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
        match self {
            Self::Number(number) => number.visit(visitor),
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
        match self {
            Self::Null => visitor.visit_none(),
            other => visitor.visit_some(other),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DataError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DataError> {
        match self {
            Self::String(variant) => visitor.visit_enum(Variant { variant, content: None }),
            Self::Object(entries) if entries.len() == 1 => {
                let (variant, content) = entries.into_iter().next().unwrap_or((String::new(), Self::Null));
                visitor.visit_enum(Variant { variant, content: Some(content) })
            }
            other => {
                Err(DataError::invalid_type(other.unexpected(), &"a variant's name, or an object of one"))
            }
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
        match self {
            Self::String(text) => visitor.visit_byte_buf(text.into_bytes()),
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
        self.deserialize_bytes(visitor)
    }

    forward_to_deserialize_any! {
        bool char str string unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

fn visit_array<'de, V: Visitor<'de>>(elements: Vec<Tree>, visitor: V) -> Result<V::Value, DataError> {
    let length = elements.len();
    let mut elements = Elements { elements: elements.into_iter(), index: 0 };
    let value = visitor.visit_seq(&mut elements)?;
    match elements.elements.len() {
        0 => Ok(value),
        _ => Err(DataError::invalid_length(length, &"fewer elements in array")),
    }
}

fn visit_object<'de, V: Visitor<'de>>(
    entries: IndexMap<String, Tree>,
    visitor: V,
) -> Result<V::Value, DataError> {
    visitor.visit_map(Entries { entries: entries.into_iter(), next: None })
}

struct Elements {
    elements: std::vec::IntoIter<Tree>,
    index: usize,
}

impl<'de> SeqAccess<'de> for &mut Elements {
    type Error = DataError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DataError> {
        let Some(element) = self.elements.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        seed.deserialize(element).map(Some).map_err(|error| error.at_index(index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.elements.len())
    }
}

struct Entries {
    entries: map::IntoIter<String, Tree>,
    /// The entry of which the key was read.
    next: Option<(String, Tree)>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = DataError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DataError> {
        self.next = self.entries.next();
        let Some((key, _)) = &self.next else { return Ok(None) };
        seed.deserialize(Key(key.clone())).map(Some).map_err(|error| error.at_key(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DataError> {
        let (key, value) = self.next.take().ok_or_else(|| DataError::custom("a value without a key"))?;
        seed.deserialize(value).map_err(|error| error.at_key(&key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// An object's key. It is a text, but a map may have other keys: then what the text says.
struct Key(String);

/// Asks for what a key's text says.
macro_rules! said {
    ($($method:ident: $type:ty => $visit:ident,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
            match self.0.parse::<$type>() {
                Ok(said) => visitor.$visit(said),
                Err(_) => visitor.visit_string(self.0),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Key {
    type Error = DataError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
        visitor.visit_string(self.0)
    }

    said! {
        deserialize_bool: bool => visit_bool,
        deserialize_i8: i8 => visit_i8,
        deserialize_i16: i16 => visit_i16,
        deserialize_i32: i32 => visit_i32,
        deserialize_i64: i64 => visit_i64,
        deserialize_i128: i128 => visit_i128,
        deserialize_u8: u8 => visit_u8,
        deserialize_u16: u16 => visit_u16,
        deserialize_u32: u32 => visit_u32,
        deserialize_u64: u64 => visit_u64,
        deserialize_u128: u128 => visit_u128,
        deserialize_f32: f32 => visit_f32,
        deserialize_f64: f64 => visit_f64,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DataError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DataError> {
        let text: StringDeserializer<DataError> = self.0.into_deserializer();
        text.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Variant {
    variant: String,
    content: Option<Tree>,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = DataError;
    type Variant = Content;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content), DataError> {
        let Self { variant, content } = self;
        let text: StringDeserializer<DataError> = variant.clone().into_deserializer();
        Ok((seed.deserialize(text)?, Content { variant, content }))
    }
}

/// What a variant holds, if anything.
struct Content {
    variant: String,
    content: Option<Tree>,
}

impl Content {
    fn read<T>(self, wanted: &str, read: impl FnOnce(Tree) -> Result<T, DataError>) -> Result<T, DataError> {
        let Self { variant, content } = self;
        let content = content.ok_or_else(|| DataError::invalid_type(Unexpected::UnitVariant, &wanted))?;
        read(content).map_err(|error| error.at_key(&variant))
    }
}

impl<'de> VariantAccess<'de> for Content {
    type Error = DataError;

    fn unit_variant(self) -> Result<(), DataError> {
        match &self.content {
            None | Some(Tree::Null) => Ok(()),
            Some(other) => {
                Err(DataError::invalid_type(other.unexpected(), &"unit variant").at_key(&self.variant))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DataError> {
        self.read("newtype variant", |content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DataError> {
        self.read("tuple variant", |content| content.deserialize_any(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DataError> {
        self.read("struct variant", |content| content.deserialize_any(visitor))
    }
}
