//! Packages: the outer layer of everything between client and server, `type (1) | length (3, BE) | body`.

use std::borrow::Cow;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde_json::json;
use thiserror::Error;

use super::js;
use super::reader::Reader;

/// Bytes before a package's body.
pub const HEADER_LENGTH: usize = 4;
/// The longest body that the three length bytes can announce.
pub const MAX_BODY: usize = 0x00ff_ffff;
/// A heartbeat, whole: it has no body.
pub const HEARTBEAT: Bytes = Bytes::from_static(&[3, 0, 0, 0]);

/// What a package is for; the number is the byte on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PackageKind {
    /// First package of each side, JSON.
    Handshake = 1,
    /// The client has read the server's handshake; no body.
    HandshakeAck = 2,
    /// Still there; no body.
    Heartbeat = 3,
    /// A [`Message`](super::message::Message).
    Data = 4,
    /// From the server only: why it closes, `{"reason":…}`.
    Kick = 5,
}

impl TryFrom<u8> for PackageKind {
    type Error = PackageError;

    fn try_from(byte: u8) -> Result<Self, PackageError> {
        Ok(match byte {
            1 => Self::Handshake,
            2 => Self::HandshakeAck,
            3 => Self::Heartbeat,
            4 => Self::Data,
            5 => Self::Kick,
            other => return Err(PackageError::UnknownKind(other)),
        })
    }
}

/// Why bytes are no package, or a body can't be sent as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PackageError {
    /// The first byte is none of [`PackageKind`].
    #[error("unknown package type {0}")]
    UnknownKind(u8),
    /// The body is longer than the receiver's limit, or than [`MAX_BODY`] when sending.
    #[error("a package of {length} bytes exceeds the limit of {limit}")]
    TooLong {
        /// Bytes of body, as announced or given.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A websocket frame ends before its package does, or has none.
    #[error("the frame ends inside a package")]
    Truncated,
}

/// One package.
///
/// ```
/// use bytes::BytesMut;
/// use pomelo_net::protocol::package::{Package, PackageKind};
///
/// let bytes = Package::encode(PackageKind::Data, b"hi").unwrap();
/// assert_eq!(&bytes[..], [4, 0, 0, 2, b'h', b'i']);
///
/// // Off a stream it comes whole, or not yet.
/// let mut input = BytesMut::from(&bytes[..5]);
/// assert_eq!(Package::decode(&mut input, 1024).unwrap(), None);
/// input.extend_from_slice(&bytes[5..]);
/// assert_eq!(&Package::decode(&mut input, 1024).unwrap().unwrap().body[..], b"hi");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// What it is for.
    pub kind: PackageKind,
    /// What it carries; shares the memory it was read into.
    pub body: Bytes,
}

impl Package {
    /// The bytes of a package.
    ///
    /// # Errors
    /// [`PackageError::TooLong`] if the body exceeds [`MAX_BODY`].
    pub fn encode(kind: PackageKind, body: &[u8]) -> Result<Bytes, PackageError> {
        let mut out = Vec::with_capacity(HEADER_LENGTH.saturating_add(body.len()));
        put_header(&mut out, kind, body.len())?;
        out.put_slice(body);
        Ok(out.into())
    }

    /// Takes the next package off a stream; `None` needs more bytes.
    ///
    /// An unknown type is refused with its first byte, a length with its fourth: nothing is kept or
    /// allocated for a body that is not allowed. The body is split off `input`, not copied, and takes the whole of it along if nothing
    /// follows.
    ///
    /// # Errors
    /// [`PackageError::UnknownKind`], or [`PackageError::TooLong`] if the body exceeds `limit` bytes.
    pub fn decode(input: &mut BytesMut, limit: usize) -> Result<Option<Self>, PackageError> {
        let Some(header) = Header::read(input, limit)? else { return Ok(None) };
        if input.len() < HEADER_LENGTH.saturating_add(header.length) {
            return Ok(None);
        }
        input.advance(HEADER_LENGTH);
        // What is the whole of a buffer takes it over: to share it would cost an allocation.
        let body =
            if input.len() == header.length { std::mem::take(input) } else { input.split_to(header.length) };
        Ok(Some(Self { kind: header.kind, body: body.freeze() }))
    }

    /// Takes the next package off a websocket message, which holds whole packages only; `None` at its end.
    ///
    /// Several packages in one message are fine (pomelo closes then; its own server sends such messages).
    /// Pomelo pads a package that is cut short with zeros; here it is an error.
    ///
    /// # Errors
    /// As [`Package::decode`], and [`PackageError::Truncated`].
    pub fn decode_whole(message: &mut Bytes, limit: usize) -> Result<Option<Self>, PackageError> {
        if message.is_empty() {
            return Ok(None);
        }
        let header = Header::read(message, limit)?.ok_or(PackageError::Truncated)?;
        if message.len() < HEADER_LENGTH.saturating_add(header.length) {
            return Err(PackageError::Truncated);
        }
        message.advance(HEADER_LENGTH);
        let body = if message.len() == header.length {
            std::mem::take(message)
        } else {
            message.split_to(header.length)
        };
        Ok(Some(Self { kind: header.kind, body }))
    }
}

/// Appends the four bytes before a body of `length` bytes.
///
/// # Errors
/// [`PackageError::TooLong`] if `length` exceeds [`MAX_BODY`].
#[inline]
pub fn put_header(out: &mut impl BufMut, kind: PackageKind, length: usize) -> Result<(), PackageError> {
    let too_long = PackageError::TooLong { length, limit: MAX_BODY };
    let [0, a, b, c] = u32::try_from(length).map_err(|_| too_long)?.to_be_bytes() else {
        return Err(too_long);
    };
    out.put_slice(&[kind as u8, a, b, c]);
    Ok(())
}

/// The body of a kick: `{"reason":…}`. Clients show the reason, so it is text for people or a word
/// that the application knows. Characters beyond U+FFFF are escaped, since not every client reads them otherwise.
///
/// ```
/// use pomelo_net::protocol::package::kick_body;
///
/// assert_eq!(&kick_body("banned")[..], br#"{"reason":"banned"}"#);
/// ```
pub fn kick_body(reason: &str) -> Bytes {
    let body = json!({ "reason": reason }).to_string();
    match js::escape_astral(body.as_bytes()) {
        Cow::Owned(escaped) => Bytes::from(escaped),
        Cow::Borrowed(_) => Bytes::from(body),
    }
}

/// The four bytes, read and checked.
struct Header {
    /// What the package is for.
    kind: PackageKind,
    /// Bytes of body, as announced.
    length: usize,
}

impl Header {
    fn read(input: &[u8], limit: usize) -> Result<Option<Self>, PackageError> {
        let mut reader = Reader::new(input);
        let Ok(kind) = reader.byte() else { return Ok(None) };
        let kind = PackageKind::try_from(kind)?;
        let Ok([a, b, c]) = reader.array() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
        if length > limit {
            return Err(PackageError::TooLong { length, limit });
        }
        Ok(Some(Self { kind, length }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_was_encoded() {
        let mut stream = BytesMut::new();
        stream.extend_from_slice(&Package::encode(PackageKind::Data, &[7; 300]).unwrap());
        stream.extend_from_slice(&HEARTBEAT);
        let data = Package::decode(&mut stream, 300).unwrap().unwrap();
        assert_eq!((data.kind, data.body.len()), (PackageKind::Data, 300));
        let beat = Package::decode(&mut stream, 300).unwrap().unwrap();
        assert_eq!((beat.kind, beat.body.len()), (PackageKind::Heartbeat, 0));
        assert_eq!(Package::decode(&mut stream, 300), Ok(None));
    }

    #[test]
    fn waits_for_a_whole_package() {
        let whole = Package::encode(PackageKind::Data, b"hello").unwrap();
        for end in 0..whole.len() {
            let mut stream = BytesMut::from(&whole[..end]);
            assert_eq!(Package::decode(&mut stream, 5), Ok(None));
            assert_eq!(stream.len(), end);
        }
    }

    #[test]
    fn refuses_an_unknown_type_with_its_first_byte() {
        for byte in [0, 6, 255] {
            let refused = Package::decode(&mut BytesMut::from(&[byte][..]), 5);
            assert_eq!(refused, Err(PackageError::UnknownKind(byte)));
        }
    }

    #[test]
    fn refuses_a_length_above_the_limit() {
        let refused = Package::decode(&mut BytesMut::from(&[4, 0xff, 0xff, 0xff][..]), 65_536);
        assert_eq!(refused, Err(PackageError::TooLong { length: MAX_BODY, limit: 65_536 }));
        let refused = Package::encode(PackageKind::Data, &vec![0; MAX_BODY + 1]);
        assert_eq!(refused, Err(PackageError::TooLong { length: MAX_BODY + 1, limit: MAX_BODY }));
    }

    #[test]
    fn a_frame_holds_whole_packages_only() {
        let mut two = Bytes::from_static(&[2, 0, 0, 0, 3, 0, 0, 0]);
        assert_eq!(Package::decode_whole(&mut two, 9).unwrap().unwrap().kind, PackageKind::HandshakeAck);
        assert_eq!(Package::decode_whole(&mut two, 9).unwrap().unwrap().kind, PackageKind::Heartbeat);
        assert_eq!(Package::decode_whole(&mut two, 9), Ok(None));
        for cut in [&[3][..], &[3, 0], &[4, 0, 0, 5, 1, 2]] {
            let mut frame = Bytes::copy_from_slice(cut);
            assert_eq!(Package::decode_whole(&mut frame, 9), Err(PackageError::Truncated));
        }
    }

    #[test]
    fn a_kick_names_its_reason() {
        assert_eq!(kick_body("attack"), r#"{"reason":"attack"}"#);
        assert_eq!(kick_body("好😀"), r#"{"reason":"好\ud83d\ude00"}"#);
    }
}
