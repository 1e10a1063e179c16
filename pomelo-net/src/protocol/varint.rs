//! Base-128 numbers, lowest seven bits first: message ids, and most of protobuf.
//!
//! ```
//! use pomelo_net::protocol::reader::Reader;
//! use pomelo_net::protocol::varint;
//!
//! let mut out = Vec::new();
//! varint::put(&mut out, 300);
//! assert_eq!((&out[..], varint::length(300)), (&[0xac, 0x02][..], 2));
//! assert_eq!(varint::read(&mut Reader::new(&out)), Ok(300));
//! ```

use bytes::BufMut;

use super::reader::{ReadError, Reader};

/// The most bytes a 64-bit number takes.
pub const MAX_LENGTH: usize = 10;

/// How many bytes [`put`] writes for `value`: 1 to 10.
pub fn length(value: u64) -> usize {
    let bits = u64::BITS.saturating_sub(value.leading_zeros()).max(1);
    usize::try_from(bits.div_ceil(7)).unwrap_or(MAX_LENGTH)
}

/// Appends `value`.
pub fn put<B: BufMut>(out: &mut B, mut value: u64) {
    while value >= 0x80 {
        out.put_u8(low_bits(value) | 0x80);
        value >>= 7;
    }
    out.put_u8(low_bits(value));
}

/// Reads what [`put`] wrote. Longer forms of a small number (`85 00` for 5) are read as pomelo does.
///
/// # Errors
/// [`ReadError::Truncated`] if the bytes end inside the number, [`ReadError::NumberTooLong`] if it
/// does not fit 64 bits or ten bytes.
pub fn read(reader: &mut Reader<'_>) -> Result<u64, ReadError> {
    let mut value = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = reader.byte()?;
        let bits = u64::from(byte & 0x7f);
        let placed = bits.checked_shl(shift).unwrap_or(0);
        if placed.checked_shr(shift) != Some(bits) {
            return Err(ReadError::NumberTooLong);
        }
        value |= placed;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(ReadError::NumberTooLong)
}

/// Puts `value` where one byte was left free at `mark`, moving what follows if it needs more than one.
///
/// This is how a length goes before a body that is written straight into the same buffer.
pub(crate) fn fill(out: &mut Vec<u8>, mark: usize, value: u64) {
    let extra = length(value).saturating_sub(1);
    if extra > 0 {
        let end = out.len();
        out.put_bytes(0, extra);
        let body = mark.saturating_add(1);
        out.copy_within(body..end, body.saturating_add(extra));
    }
    let mut rest = value;
    for (slot, last) in out.iter_mut().skip(mark).zip((0..=extra).rev()) {
        *slot = low_bits(rest) | if last > 0 { 0x80 } else { 0 };
        rest >>= 7;
    }
}

fn low_bits(value: u64) -> u8 {
    u8::try_from(value & 0x7f).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_was_put() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, 1 << 31, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put(&mut out, value);
            assert_eq!(out.len(), length(value));
            let mut reader = Reader::new(&out);
            assert_eq!(read(&mut reader), Ok(value));
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn refuses_more_than_64_bits() {
        let mut eleven = Reader::new(&[0xff; 11]);
        assert_eq!(read(&mut eleven), Err(ReadError::NumberTooLong));
        let mut too_high = Reader::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]);
        assert_eq!(read(&mut too_high), Err(ReadError::NumberTooLong));
        assert_eq!(read(&mut Reader::new(&[0x80])), Err(ReadError::Truncated));
    }

    #[test]
    fn fills_a_length_before_a_body() {
        for size in [0, 1, 127, 128, 20_000] {
            let mut out = vec![9, 0];
            out.put_bytes(7, size);
            fill(&mut out, 1, size as u64);
            let mut reader = Reader::new(&out[1..]);
            assert_eq!(read(&mut reader), Ok(size as u64));
            assert_eq!((out[0], reader.rest()), (9, &vec![7; size][..]));
        }
    }
}
