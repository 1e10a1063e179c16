//! Tags, zig-zag, and the wire types that nobody reads.
//!
//! ```text
//!  tag     field number << 3 | wire type, base 128
//!  zigzag  0, -1, 1, -2, 2  becomes  0, 1, 2, 3, 4
//! ```

use super::schema::{Field, Kind};
use crate::protocol::varint;

/// The greatest whole number that clients can hold; they compute with doubles.
pub(super) const MAX_WHOLE: u64 = (1 << 53) - 1;

/// Appends the tag of a field.
pub(super) fn put_tag(out: &mut Vec<u8>, field: &Field) {
    varint::put(out, (u64::from(field.tag) << 3) | wire_type(field.kind));
}

/// The number of the field that a tag names, whatever its wire type.
pub(super) fn field_number(tag: u64) -> u64 {
    tag >> 3
}

fn wire_type(kind: Kind) -> u64 {
    match kind {
        Kind::UInt32 | Kind::SInt32 => 0,
        Kind::Double => 1,
        Kind::Text | Kind::Message(_) => 2,
        Kind::Float => 5,
    }
}

/// Puts the sign into the lowest bit, so that small negative numbers are short.
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// Undoes [`zigzag`].
pub(super) fn unzigzag(value: u64) -> i64 {
    let magnitude = (value >> 1).cast_signed();
    if value & 1 == 0 { magnitude } else { !magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zigzag_is_undone() {
        for (value, coded) in
            [(0, 0), (-1, 1), (1, 2), (-2, 3), (i64::MAX, u64::MAX - 1), (i64::MIN, u64::MAX)]
        {
            assert_eq!((zigzag(value), unzigzag(coded)), (coded, value));
        }
    }
}
