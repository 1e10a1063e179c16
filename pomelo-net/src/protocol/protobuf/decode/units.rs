//! CESU-8: strings for clients that read bytes as units of UTF-16, each half of a pair by itself.

use std::borrow::Cow;

use bytes::BufMut;

use super::DecodeError;
use super::scan::{read_sized, read_tag, skip};
use crate::protocol::protobuf::MAX_DEPTH;
use crate::protocol::protobuf::schema::{Kind, Shapes};
use crate::protocol::reader::Reader;
use crate::protocol::varint;

/// A character beyond U+FFFF begins by this byte or a greater one.
const ASTRAL: u8 = 0xf0;

/// The same message with its strings in CESU-8. Nearly always they are that already, and nothing is copied.
pub(in crate::protocol::protobuf) fn in_code_units<'a>(
    shapes: &Shapes,
    index: usize,
    bytes: &'a [u8],
) -> Cow<'a, [u8]> {
    // The greatest of all bytes is found several at a time.
    if bytes.iter().fold(0, |greatest, byte| greatest.max(*byte)) < ASTRAL {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len().saturating_add(bytes.len() / 2));
    match copy(shapes, index, bytes, &mut out, 0) {
        Ok(()) => Cow::Owned(out),
        // We have written it, so it is in order; what isn't stays as it is.
        Err(_) => Cow::Borrowed(bytes),
    }
}

fn copy(
    shapes: &Shapes,
    index: usize,
    bytes: &[u8],
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), DecodeError> {
    let too_deep = || DecodeError::TooDeep { field: String::new() };
    let shape = shapes.at(index).filter(|_| depth < MAX_DEPTH).ok_or_else(too_deep)?;
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let before = reader.rest();
        let (_, field) = read_tag(shape, &mut reader)?;
        if field.kind.is_counted() {
            skip(field, &mut reader)?;
            out.put_slice(read_since(before, &reader));
            continue;
        }
        out.put_slice(read_since(before, &reader));
        let value = read_sized(&mut reader)?;
        let length_at = out.len();
        out.put_u8(0);
        match field.kind {
            Kind::Message(index) => copy(shapes, index, value, out, depth.saturating_add(1))?,
            _ => put_units(out, value),
        }
        let length = out.len().saturating_sub(length_at).saturating_sub(1);
        varint::fill(out, length_at, length as u64);
    }
    Ok(())
}

/// What a reader has read of what was before it.
fn read_since<'a>(before: &'a [u8], reader: &Reader<'_>) -> &'a [u8] {
    before.get(..before.len().saturating_sub(reader.rest().len())).unwrap_or_default()
}

fn put_units(out: &mut Vec<u8>, text: &[u8]) {
    let Ok(text) = str::from_utf8(text) else { return out.put_slice(text) };
    for character in text.chars() {
        match character {
            '\0'..='\u{ffff}' => out.put_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            astral => astral.encode_utf16(&mut [0; 2]).iter().for_each(|half| put_half(out, *half)),
        }
    }
}

/// A half of a pair, in the three bytes that UTF-8 would have for it.
fn put_half(out: &mut Vec<u8>, half: u16) {
    let six_bits = |shift: u32| 0x80 | u8::try_from(half.checked_shr(shift).unwrap_or(0) & 0x3f).unwrap_or(0);
    out.put_slice(&[0xed, six_bits(6), six_bits(0)]);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::protocol::protobuf::Protos;

    #[test]
    fn strings_are_in_code_units_wherever_they_stand_and_nothing_else_changes() {
        let schema = json!({ "onChat": {
            "message User": { "required string name": 1, "optional double at": 2 },
            "required string msg": 1, "repeated string tags": 2, "repeated User users": 3, "repeated uInt32 n": 4,
            "optional sInt32 z": 5
        } });
        let protos = Protos::parse(&schema, &Value::Null).unwrap();
        let schema = protos.server().message("onChat").unwrap();
        let value = json!({
            "msg": "a😀é", "tags": ["", "x😀".repeat(40), "好"], "users": [{ "name": "😀", "at": -1.5 }, { "name": "b" }],
            "n": [4_294_967_295_u64, 240], "z": -7
        });
        let utf8 = schema.encode(&value).unwrap();
        let units = schema.in_code_units(&utf8);
        let half_of =
            |bytes: &[u8]| bytes.windows(6).filter(|six| six == b"\xed\xa0\xbd\xed\xb8\x80").count();
        assert_eq!((half_of(&utf8), half_of(&units)), (0, 42));
        assert!(units.starts_with(b"\x0a\x09a\xed\xa0\xbd\xed\xb8\x80\xc3\xa9"), "{units:?}");
        // Who reads CESU-8 as it is meant, as we do, sees the same.
        assert_eq!(schema.decode::<Value>(&units).unwrap(), schema.decode::<Value>(&utf8).unwrap());
        let plain = schema.encode(&json!({ "msg": "好", "n": [4_294_967_295_u64] })).unwrap();
        assert_eq!(schema.in_code_units(&plain), &plain[..]);
        for cut in 0..utf8.len() {
            // Nothing that is broken panics.
            let _ = schema.in_code_units(&utf8[..cut]);
        }
    }
}
