//! Reading from a slice that someone else filled.

use thiserror::Error;

/// Why bytes could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The bytes end before the value does.
    #[error("the bytes end too early")]
    Truncated,
    /// A varint goes on after ten bytes, or holds more than 64 bits.
    #[error("a number is longer than 64 bits")]
    NumberTooLong,
}

/// A cursor over bytes that never reads past their end.
///
/// ```
/// use pomelo_net::protocol::reader::{ReadError, Reader};
///
/// let mut reader = Reader::new(&[0, 5, b'h', b'i']);
/// assert_eq!((reader.u16_be(), reader.take(2)), (Ok(5), Ok(&b"hi"[..])));
/// assert_eq!(reader.byte(), Err(ReadError::Truncated));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// What was not read yet.
    rest: &'a [u8],
    /// How much there was at first.
    length: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, length: bytes.len() }
    }

    /// How many bytes were read so far.
    pub fn position(&self) -> usize {
        self.length.saturating_sub(self.rest.len())
    }

    /// The bytes not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes the next `count` bytes.
    ///
    /// # Errors
    /// [`ReadError::Truncated`] if there are fewer; nothing is read then.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], ReadError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(ReadError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Takes the next `N` bytes as an array.
    ///
    /// # Errors
    /// [`ReadError::Truncated`] if there are fewer; nothing is read then.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(ReadError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Takes one byte.
    ///
    /// # Errors
    /// [`ReadError::Truncated`] at the end.
    pub fn byte(&mut self) -> Result<u8, ReadError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Takes a big-endian 16-bit number.
    ///
    /// # Errors
    /// [`ReadError::Truncated`] if fewer than two bytes are left.
    pub fn u16_be(&mut self) -> Result<u16, ReadError> {
        self.array().map(u16::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_reads_past_the_end() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.take(4), Err(ReadError::Truncated));
        assert_eq!(reader.byte(), Ok(1));
        assert_eq!(reader.u16_be(), Ok(0x0203));
        assert_eq!((reader.position(), reader.is_empty()), (3, true));
        assert_eq!(reader.byte(), Err(ReadError::Truncated));
        assert_eq!(reader.take(0), Ok(&[][..]));
    }
}
