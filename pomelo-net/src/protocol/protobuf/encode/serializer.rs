//! The serde serializer that fills a [`Slot`].
//!
//! | serde has | the wire gets |
//! |---|---|
//! | a number | a number of the field's type |
//! | a text, a char | a string; where the field is a whole number and the text is one, that |
//! | a bool | nothing: it is an error, since there is no such type |
//! | `Some`, a newtype | what is inside |
//! | `None`, `()` | nothing |
//! | a unit variant | its name as a text |
//! | any other variant | a message with the one field that is named like it |
//! | a sequence, a tuple, bytes | the elements of an array |
//! | a struct, a map | a message |

use serde::Serialize;
use serde::ser::{Impossible, SerializeStruct, Serializer};

use super::EncodeError;
use super::body::MessageBody;
use super::elements::Elements;
use super::slot::{Presence, Slot};

macro_rules! whole_numbers {
    ($($method:ident: $number:ty),*) => {
        $(fn $method(self, value: $number) -> Result<Presence, EncodeError> {
            self.whole(i128::from(value))
        })*
    };
}

impl<'a> Serializer for Slot<'a> {
    type Ok = Presence;
    type Error = EncodeError;
    type SerializeSeq = Elements<'a>;
    type SerializeTuple = Elements<'a>;
    type SerializeTupleStruct = Elements<'a>;
    type SerializeTupleVariant = Impossible<Presence, EncodeError>;
    type SerializeMap = MessageBody<'a>;
    type SerializeStruct = MessageBody<'a>;
    type SerializeStructVariant = MessageBody<'a>;

    whole_numbers!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64);
    whole_numbers!(serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64);
    whole_numbers!(serialize_i128: i128);

    fn serialize_u128(self, value: u128) -> Result<Presence, EncodeError> {
        // What does not fit is out of range for every type that asks for whole numbers.
        self.whole(i128::try_from(value).unwrap_or(i128::MAX))
    }

    fn serialize_f32(self, value: f32) -> Result<Presence, EncodeError> {
        self.real(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Result<Presence, EncodeError> {
        self.real(value)
    }

    fn serialize_bool(self, _: bool) -> Result<Presence, EncodeError> {
        Err(self.wrong("a boolean"))
    }

    fn serialize_char(self, value: char) -> Result<Presence, EncodeError> {
        self.text(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<Presence, EncodeError> {
        self.text(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Presence, EncodeError> {
        self.elements()?.bytes(value)
    }

    fn serialize_none(self) -> Result<Presence, EncodeError> {
        self.null()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Presence, EncodeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Presence, EncodeError> {
        self.null()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Presence, EncodeError> {
        self.null()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Presence, EncodeError> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Presence, EncodeError> {
        value.serialize(self)
    }

    /// As in JSON, a variant is a message with one field, named like it.
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Presence, EncodeError> {
        let mut body = self.body()?;
        body.serialize_field(variant, value)?;
        SerializeStruct::end(body)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements<'a>, EncodeError> {
        self.elements()
    }

    fn serialize_tuple(self, _: usize) -> Result<Elements<'a>, EncodeError> {
        self.elements()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Elements<'a>, EncodeError> {
        self.elements()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, EncodeError> {
        Err(self.wrong("an enum variant with unnamed fields"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<MessageBody<'a>, EncodeError> {
        self.body()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<MessageBody<'a>, EncodeError> {
        self.body()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<MessageBody<'a>, EncodeError> {
        self.body()?.into_variant(variant)
    }
}
