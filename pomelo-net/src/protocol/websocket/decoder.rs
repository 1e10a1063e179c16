//! Frames of a client, put together to messages.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

use super::close_code;
use super::frame::{Header, Opcode, unmask};
use crate::protocol::reader::Reader;

/// What a client broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WebSocketError {
    /// A reserved bit is set where no extension that was agreed on has it.
    #[error("a reserved bit is set")]
    ReservedBits,
    /// No frame has this opcode.
    #[error("unknown opcode {0}")]
    UnknownOpcode(u8),
    /// Clients mask what they send.
    #[error("a frame is not masked")]
    NotMasked,
    /// A ping, pong or close is fragmented or longer than 125 bytes.
    #[error("a control frame is too long or fragmented")]
    LongControlFrame,
    /// A continuation of nothing.
    #[error("a continuation without a beginning")]
    NothingToContinue,
    /// A message begins inside another.
    #[error("a message begins inside another")]
    MessageInsideMessage,
    /// A close with half a code, or with a code that must not be sent.
    #[error("the code of a close is broken")]
    BadCloseCode,
    /// A compressed message can't be read.
    #[error("a compressed message is broken")]
    BadDeflate,
    /// A message is longer than the limit, as it came or once it is inflated.
    #[error("a message exceeds the limit of {limit} bytes")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
    },
}

impl WebSocketError {
    /// The code to close with.
    pub fn close_code(self) -> u16 {
        match self {
            Self::TooLong { .. } => close_code::TOO_BIG,
            Self::BadDeflate => close_code::INVALID_PAYLOAD,
            _ => close_code::PROTOCOL_ERROR,
        }
    }
}

/// What came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A whole message, unmasked, text or binary.
    Message(Bytes),
    /// To be answered by a pong with the same payload.
    Ping(Bytes),
    /// Nothing to do.
    Pong,
    /// The client is done; to be answered by a close. `None` is a close without a code.
    Close(Option<u16>),
}

/// Reads the frames of one client.
///
/// It holds the frames of a message that is not complete, never more than the limit of
/// [`FrameDecoder::decode`]; what it has not taken stays in the caller's buffer.
///
/// ```
/// use bytes::BytesMut;
/// use pomelo_net::protocol::websocket::{FrameDecoder, Incoming};
///
/// // "hi", masked as clients must, in one binary frame.
/// let mut input = BytesMut::from(&[0x82, 0x82, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2][..]);
/// let incoming = FrameDecoder::default().decode(&mut input, 1024)?;
/// assert!(matches!(incoming, Some(Incoming::Message(message)) if &message[..] == b"hi"));
/// # Ok::<(), pomelo_net::protocol::websocket::WebSocketError>(())
/// ```
#[derive(Debug, Default)]
pub struct FrameDecoder {
    /// Behind a pointer, since few connections have any.
    fragments: Option<Box<Fragments>>,
    /// Whether compressed messages are let in.
    inflates: bool,
}

/// The beginning of a message.
#[derive(Debug, Default)]
struct Fragments {
    /// Of all its frames so far, unmasked.
    bytes: BytesMut,
    /// Its first frame said so.
    compressed: bool,
}

impl FrameDecoder {
    /// For a client that agreed to permessage-deflate: its messages may be compressed.
    #[cfg(feature = "deflate")]
    pub fn inflating() -> Self {
        Self { inflates: true, ..Self::default() }
    }

    /// Whether permessage-deflate was agreed on.
    pub fn inflates(&self) -> bool {
        self.inflates
    }

    /// Takes frames off `input` until one of them means something; `None` needs more bytes.
    ///
    /// `limit` is in bytes of one message, whatever the number of its frames, and is checked when a
    /// length is announced; of a compressed one, while it is inflated. A message in one frame that isn't
    /// compressed is split off `input` and unmasked there, not copied.
    ///
    /// # Errors
    /// [`WebSocketError`]; close then, nothing after it can be read.
    pub fn decode(&mut self, input: &mut BytesMut, limit: usize) -> Result<Option<Incoming>, WebSocketError> {
        loop {
            let Some(header) = Header::read(input, self.inflates)? else { return Ok(None) };
            self.check(&header, limit)?;
            if input.len().saturating_sub(header.size) < header.length {
                return Ok(None);
            }
            input.advance(header.size);
            // What is the whole of a buffer takes it over: to share it would cost an allocation.
            let mut payload = match input.len() == header.length {
                true => std::mem::take(input),
                false => input.split_to(header.length),
            };
            unmask(&mut payload, header.mask);
            if let Some(incoming) = self.take(&header, payload, limit)? {
                return Ok(Some(incoming));
            }
        }
    }

    /// What is wrong with a frame by its header alone, before room is made for its payload.
    fn check(&self, header: &Header, limit: usize) -> Result<(), WebSocketError> {
        let held = self.fragments.as_ref().map(|fragments| fragments.bytes.len());
        match (header.opcode, held) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => return Ok(()),
            (Opcode::Continuation, None) => return Err(WebSocketError::NothingToContinue),
            (Opcode::Text | Opcode::Binary, Some(_)) => return Err(WebSocketError::MessageInsideMessage),
            _ => {}
        }
        let compressed = header.compressed || self.fragments.as_ref().is_some_and(|held| held.compressed);
        // What can't be compressed gets longer by some bytes for every block.
        let longest = if compressed { limit.saturating_add(limit / 64) } else { limit };
        if held.unwrap_or(0).saturating_add(header.length) > longest {
            return Err(WebSocketError::TooLong { limit });
        }
        Ok(())
    }

    fn take(
        &mut self,
        header: &Header,
        payload: BytesMut,
        limit: usize,
    ) -> Result<Option<Incoming>, WebSocketError> {
        Ok(match header.opcode {
            Opcode::Ping => Some(Incoming::Ping(payload.freeze())),
            Opcode::Pong => Some(Incoming::Pong),
            Opcode::Close => Some(Incoming::Close(read_close_code(&payload)?)),
            _ => return self.take_data(header, payload, limit),
        })
    }

    fn take_data(
        &mut self,
        header: &Header,
        payload: BytesMut,
        limit: usize,
    ) -> Result<Option<Incoming>, WebSocketError> {
        let (bytes, compressed) = match (self.fragments.take(), header.last) {
            (None, true) => (payload, header.compressed),
            (fragments, last) => {
                let mut fragments = fragments.unwrap_or_default();
                fragments.compressed |= header.compressed;
                // Copied, so that many tiny fragments don't keep the buffers alive that they came in.
                fragments.bytes.extend_from_slice(&payload);
                if !last {
                    self.fragments = Some(fragments);
                    return Ok(None);
                }
                (fragments.bytes, fragments.compressed)
            }
        };
        let message = if compressed { inflate(&bytes, limit)? } else { bytes.freeze() };
        Ok(Some(Incoming::Message(message)))
    }
}

#[cfg(feature = "deflate")]
use super::deflate::inflate;

/// Without the feature, nothing compressed is let in.
#[cfg(not(feature = "deflate"))]
fn inflate(_: &[u8], _: usize) -> Result<Bytes, WebSocketError> {
    Err(WebSocketError::ReservedBits)
}

fn read_close_code(payload: &[u8]) -> Result<Option<u16>, WebSocketError> {
    if payload.is_empty() {
        return Ok(None);
    }
    match Reader::new(payload).u16_be() {
        Ok(code @ (1000..=1003 | 1007..=1014 | 3000..=4999)) => Ok(Some(code)),
        _ => Err(WebSocketError::BadCloseCode),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::websocket::frame;

    fn client(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = frame(Opcode::Binary, payload).to_vec();
        bytes[0] = first;
        bytes[1] |= 0x80;
        let head = bytes.len() - payload.len();
        unmask(&mut bytes[head..], [9, 8, 7, 6]);
        bytes.splice(head..head, [9, 8, 7, 6]);
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Vec<Incoming>, WebSocketError> {
        let (mut decoder, mut input) = (FrameDecoder::default(), BytesMut::from(bytes));
        let mut all = Vec::new();
        while let Some(incoming) = decoder.decode(&mut input, 1000)? {
            all.push(incoming);
        }
        Ok(all)
    }

    fn message(bytes: &'static [u8]) -> Incoming {
        Incoming::Message(Bytes::from_static(bytes))
    }

    #[test]
    fn joins_fragments_around_control_frames() {
        let bytes =
            [client(0x02, b"he"), client(0x89, b"p"), client(0x00, b""), client(0x80, b"llo")].concat();
        assert_eq!(decode(&bytes), Ok(vec![Incoming::Ping(Bytes::from_static(b"p")), message(b"hello")]));
    }

    #[test]
    fn text_is_read_like_binary() {
        assert_eq!(decode(&client(0x81, b"\xff")), Ok(vec![message(b"\xff")]));
    }

    #[test]
    fn refuses_what_the_rfc_forbids() {
        use WebSocketError::*;
        let cases = [
            (client(0xc2, b""), ReservedBits),
            (client(0x83, b""), UnknownOpcode(3)),
            (client(0x8b, b""), UnknownOpcode(11)),
            (frame(Opcode::Binary, b"x").to_vec(), NotMasked),
            (client(0x09, b""), LongControlFrame),
            (client(0x89, &[0; 126]), LongControlFrame),
            (client(0x80, b"x"), NothingToContinue),
            ([client(0x02, b"x"), client(0x82, b"y")].concat(), MessageInsideMessage),
            (client(0x88, b"x"), BadCloseCode),
            (client(0x88, &1005_u16.to_be_bytes()), BadCloseCode),
        ];
        for (bytes, error) in cases {
            assert_eq!(decode(&bytes), Err(error));
        }
    }

    #[test]
    fn a_length_above_the_limit_is_refused_before_its_payload() {
        let lie = [0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        assert_eq!(decode(&lie), Err(WebSocketError::TooLong { limit: 1000 }));
        let many = client(0x02, &[0; 400]).repeat(1);
        let more = client(0x00, &[0; 400]);
        let bytes = [many, more.clone(), more].concat();
        assert_eq!(decode(&bytes), Err(WebSocketError::TooLong { limit: 1000 }));
    }

    #[test]
    fn reads_the_code_of_a_close() {
        assert_eq!(decode(&client(0x88, b"")), Ok(vec![Incoming::Close(None)]));
        assert_eq!(decode(&client(0x88, b"\x03\xe8bye")), Ok(vec![Incoming::Close(Some(1000))]));
    }

    #[cfg(feature = "deflate")]
    mod inflating {
        use super::*;

        /// "Hello", compressed (RFC 7692, 7.2.3.1).
        const HELLO: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

        fn decode(bytes: &[u8]) -> Result<Vec<Incoming>, WebSocketError> {
            let (mut decoder, mut input) = (FrameDecoder::inflating(), BytesMut::from(bytes));
            let mut all = Vec::new();
            while let Some(incoming) = decoder.decode(&mut input, 1000)? {
                all.push(incoming);
            }
            Ok(all)
        }

        #[test]
        fn reads_compressed_messages_plain_ones_and_fragments_of_both() {
            let bytes = [
                client(0xc2, HELLO),
                client(0x82, b"plain"),
                client(0x42, &HELLO[..3]),
                client(0x89, b"p"),
                client(0x00, &[]),
                client(0x80, &HELLO[3..]),
                client(0x02, b"pla"),
                client(0x80, b"in"),
            ];
            let ping = Incoming::Ping(Bytes::from_static(b"p"));
            let expected =
                vec![message(b"Hello"), message(b"plain"), ping, message(b"Hello"), message(b"plain")];
            assert_eq!(decode(&bytes.concat()), Ok(expected));
        }

        #[test]
        fn refuses_the_bit_where_no_message_begins_and_the_other_bits_everywhere() {
            let begun = client(0x42, HELLO);
            for first in [0xc8, 0xc9, 0xca, 0xa2, 0x92, 0xe2, 0xc3] {
                assert_eq!(decode(&client(first, b"")), Err(WebSocketError::ReservedBits), "{first:x}");
            }
            for first in [0xc0, 0x40] {
                let bytes = [begun.clone(), client(first, b"")].concat();
                assert_eq!(decode(&bytes), Err(WebSocketError::ReservedBits), "{first:x}");
            }
        }

        #[test]
        fn refuses_a_bomb_also_in_fragments_and_what_is_no_deflate() {
            let bomb = crate::protocol::websocket::deflate::deflated_frame(&[0; 2000]);
            let bomb = &bomb[2..];
            let too_long = Err(WebSocketError::TooLong { limit: 1000 });
            assert_eq!(decode(&client(0xc2, bomb)), too_long);
            let (first, second) = bomb.split_at(4);
            assert_eq!(decode(&[client(0x42, first), client(0x80, second)].concat()), too_long);
            assert_eq!(decode(&client(0xc2, &[0; 1100])), too_long);
            assert_eq!(decode(&client(0xc2, &[0xff; 20])), Err(WebSocketError::BadDeflate));
            assert_eq!(WebSocketError::BadDeflate.close_code(), 1007);
        }
    }
}
