//! A map's key, looked up among the fields of a message.

use serde::Serialize;
use serde::ser::{Impossible, Serializer};

use super::EncodeError;

/// Finds the position of the field that a key names. Whole numbers are names, as in JSON.
pub(super) struct Key<F>(pub(super) F);

/// The path is filled in by whoever knows it.
const BAD: EncodeError = EncodeError::BadKey { field: String::new() };

macro_rules! names {
    ($($method:ident: $key:ty),*) => {
        $(fn $method(self, key: $key) -> Result<Option<usize>, EncodeError> {
            Ok((self.0)(&key.to_string()))
        })*
    };
}

macro_rules! refuses {
    ($($method:ident($($argument:ty),*) -> $ok:ty;)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<$ok, EncodeError> {
            Err(BAD)
        })*
    };
}

type No = Impossible<Option<usize>, EncodeError>;

impl<F: Fn(&str) -> Option<usize>> Serializer for Key<F> {
    type Ok = Option<usize>;
    type Error = EncodeError;
    type SerializeSeq = No;
    type SerializeTuple = No;
    type SerializeTupleStruct = No;
    type SerializeTupleVariant = No;
    type SerializeMap = No;
    type SerializeStruct = No;
    type SerializeStructVariant = No;

    names!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128);
    names!(serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128);
    names!(serialize_char: char, serialize_bool: bool);

    fn serialize_str(self, key: &str) -> Result<Option<usize>, EncodeError> {
        Ok((self.0)(key))
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Option<usize>, EncodeError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        key: &T,
    ) -> Result<Option<usize>, EncodeError> {
        key.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, key: &T) -> Result<Option<usize>, EncodeError> {
        key.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Option<usize>, EncodeError> {
        Err(BAD)
    }

    refuses! {
        serialize_f32(f32) -> Option<usize>;
        serialize_f64(f64) -> Option<usize>;
        serialize_bytes(&[u8]) -> Option<usize>;
        serialize_none() -> Option<usize>;
        serialize_unit() -> Option<usize>;
        serialize_unit_struct(&'static str) -> Option<usize>;
        serialize_seq(Option<usize>) -> No;
        serialize_tuple(usize) -> No;
        serialize_tuple_struct(&'static str, usize) -> No;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> No;
        serialize_map(Option<usize>) -> No;
        serialize_struct(&'static str, usize) -> No;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> No;
    }
}
