//! Frames: `fin, reserved, opcode (1) | mask bit, length (1, 3 or 9) | mask (4, clients only) | payload`.
//!
//! ```text
//!  FIN RSV1-3 opcode │ MASK length (7 bits; 126: 2 more bytes; 127: 8 more) │ mask (4) │ payload
//! ```
//!
//! Servers send no masks and no fragments, so a server's frame is its header and the payload as it is: that
//! is why one frame can be shared.

use bytes::{BufMut, Bytes};

use super::WebSocketError;
use crate::protocol::reader::{ReadError, Reader};

/// The codes with which we close (RFC 6455, 7.4.1).
pub mod close_code {
    /// Done. Pomelo closes with it in all cases.
    pub const NORMAL: u16 = 1000;
    /// The server stops, and another will do: the client may connect again (in the IANA registry since RFC 6455).
    pub const SERVICE_RESTART: u16 = 1012;
    /// The client broke the websocket protocol.
    pub const PROTOCOL_ERROR: u16 = 1002;
    /// A compressed message is broken.
    pub const INVALID_PAYLOAD: u16 = 1007;
    /// A message is longer than we allow.
    pub const TOO_BIG: u16 = 1009;
}

/// The last frame of a message.
const FIN: u8 = 0x80;
/// Bits that extensions may use.
const RESERVED: u8 = 0x70;
/// RSV1: the message that begins is compressed (RFC 7692, 6).
pub(super) const COMPRESSED: u8 = 0x40;
/// The payload is masked, as a client's must be.
const MASKED: u8 = 0x80;
/// The length follows in two bytes.
const LENGTH_16: u8 = 126;
/// The length follows in eight bytes.
const LENGTH_64: u8 = 127;

/// What a frame is; the number is that on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// More of a message that was begun.
    Continuation = 0,
    /// A message. Old clients send packages as text, pomelo reads them like binary ones, so do we.
    Text = 1,
    /// A message.
    Binary = 2,
    /// The last frame of a side.
    Close = 8,
    /// To be answered with a pong.
    Ping = 9,
    /// The answer to a ping.
    Pong = 10,
}

impl Opcode {
    fn of(first: u8) -> Result<Self, WebSocketError> {
        Ok(match first & 0x0f {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            other => return Err(WebSocketError::UnknownOpcode(other)),
        })
    }

    /// Whether it may come between the frames of a message; such frames are short and whole.
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// How many bytes [`put_header`] writes: 2, 4 or 10.
pub fn header_length(payload: usize) -> usize {
    match payload {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => 10,
    }
}

/// Appends the header of an unmasked, unfragmented frame, which is what servers send.
#[inline]
pub fn put_header(out: &mut impl BufMut, opcode: Opcode, payload: usize) {
    out.put_u8(FIN | opcode as u8);
    match (u8::try_from(payload), u16::try_from(payload)) {
        (Ok(length @ 0..LENGTH_16), _) => out.put_u8(length),
        (_, Ok(length)) => {
            out.put_u8(LENGTH_16);
            out.put_u16(length);
        }
        _ => {
            out.put_u8(LENGTH_64);
            out.put_u64(u64::try_from(payload).unwrap_or(u64::MAX));
        }
    }
}

/// A whole frame, as servers send it.
pub fn frame(opcode: Opcode, payload: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(header_length(payload.len()).saturating_add(payload.len()));
    put_header(&mut out, opcode, payload.len());
    out.put_slice(payload);
    out.into()
}

/// A close frame with this code and no text.
pub fn close(code: u16) -> Bytes {
    frame(Opcode::Close, &code.to_be_bytes())
}

/// The header of a client's frame.
pub(super) struct Header {
    /// It ends its message.
    pub(super) last: bool,
    /// The message that begins is compressed.
    pub(super) compressed: bool,
    /// What the frame is.
    pub(super) opcode: Opcode,
    /// Bytes of header.
    pub(super) size: usize,
    /// Bytes of payload, as announced.
    pub(super) length: usize,
    /// What each four bytes of payload are combined with.
    pub(super) mask: [u8; 4],
}

impl Header {
    /// Reads the header at the start of `input`; `None` needs more bytes. Where compression was agreed on, the first
    /// frame of a message may say that it is.
    pub(super) fn read(input: &[u8], inflates: bool) -> Result<Option<Self>, WebSocketError> {
        let mut reader = Reader::new(input);
        let Ok(first) = reader.byte() else { return Ok(None) };
        let begins = matches!(Opcode::of(first), Ok(Opcode::Text | Opcode::Binary));
        let allowed = if inflates && begins { COMPRESSED } else { 0 };
        if first & RESERVED & !allowed != 0 {
            return Err(WebSocketError::ReservedBits);
        }
        let opcode = Opcode::of(first)?;
        let Ok(second) = reader.byte() else { return Ok(None) };
        if second & MASKED == 0 {
            return Err(WebSocketError::NotMasked);
        }
        let (last, compressed) = (first & FIN != 0, first & COMPRESSED != 0);
        if opcode.is_control() && (!last || second & !MASKED >= LENGTH_16) {
            return Err(WebSocketError::LongControlFrame);
        }
        let Ok((length, mask)) = lengths(second & !MASKED, &mut reader) else { return Ok(None) };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(Some(Self { last, compressed, opcode, size: reader.position(), length, mask }))
    }
}

fn lengths(short: u8, reader: &mut Reader<'_>) -> Result<(u64, [u8; 4]), ReadError> {
    let length = match short {
        LENGTH_16 => u64::from(reader.u16_be()?),
        LENGTH_64 => u64::from_be_bytes(reader.array()?),
        length => u64::from(length),
    };
    Ok((length, reader.array()?))
}

/// Takes a client's mask off (or puts it on), in place, sixteen bytes at a time.
pub(super) fn unmask(payload: &mut [u8], [a, b, c, d]: [u8; 4]) {
    let mask = u128::from_ne_bytes([a, b, c, d, a, b, c, d, a, b, c, d, a, b, c, d]);
    let (blocks, tail) = payload.as_chunks_mut::<16>();
    for block in blocks {
        *block = (u128::from_ne_bytes(*block) ^ mask).to_ne_bytes();
    }
    for (byte, mask) in tail.iter_mut().zip([a, b, c, d].into_iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_as_long_as_it_says() {
        for payload in [0, 125, 126, 127, 65_535, 65_536, 16_777_219] {
            let mut out = Vec::new();
            put_header(&mut out, Opcode::Binary, payload);
            assert_eq!(out.len(), header_length(payload));
            out[1] |= MASKED;
            out.put_u32(0);
            let header = Header::read(&out, false).unwrap().unwrap();
            assert_eq!((header.length, header.size), (payload, out.len()));
        }
    }

    #[test]
    fn unmasks_every_length() {
        for length in 0..70 {
            let mut payload: Vec<u8> = (0..length).collect();
            let expected: Vec<u8> =
                payload.iter().enumerate().map(|(i, byte)| byte ^ [1, 2, 3, 4][i % 4]).collect();
            unmask(&mut payload, [1, 2, 3, 4]);
            assert_eq!(payload, expected);
        }
    }

    #[test]
    fn a_close_carries_its_code() {
        assert_eq!(close(1000), &[0x88, 2, 0x03, 0xe8][..]);
    }
}
