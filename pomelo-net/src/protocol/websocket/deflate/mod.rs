//! permessage-deflate (RFC 7692), without context takeover in either direction.
//!
//! Every message is compressed by itself. So a compressed frame can be built once and shared by all who
//! take it, and no connection holds a window: one compressor and one decompressor per thread serve all.
//! What is longer than [`THRESHOLD`] and gets shorter is compressed, all else goes as it is.
//!
//! | file | noun |
//! |---|---|
//! | `offer` | what a client offers, and what it is answered |
//! | `inflate` | messages of clients, up to a limit |
//! | `mod` | frames for clients, built once |

mod inflate;
mod offer;

use std::cell::RefCell;

use bytes::{BufMut, Bytes, BytesMut};
use flate2::{Compress, Compression, FlushCompress, Status};

use super::frame::{COMPRESSED, Opcode, frame, header_length, put_header};

pub(super) use inflate::inflate;
pub(super) use offer::{ANSWER, is_acceptable};

/// What a shorter message would save isn't worth the time of both sides.
///
/// Of a chat message in JSON of 150 bytes deflate saves 34, of one of 250 bytes 90, and takes 6 to 7 µs here for
/// either. Headers of TCP and IP are another 40 bytes at least.
pub const THRESHOLD: usize = 256;

/// What ends a block at a byte, and is left out on the wire (RFC 7692, 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

thread_local! {
    static COMPRESSOR: RefCell<(Compress, Vec<u8>)> =
        RefCell::new((Compress::new(Compression::default(), false), Vec::new()));
}

/// A frame with one message, as a server sends it to those that agreed to deflate.
pub fn deflated_frame(payload: &[u8]) -> Bytes {
    if payload.len() < THRESHOLD {
        return frame(Opcode::Binary, payload);
    }
    COMPRESSOR.with_borrow_mut(|(compressor, out)| match deflate(compressor, payload, out) {
        Some(compressed) => compressed_frame(compressed),
        None => frame(Opcode::Binary, payload),
    })
}

/// Compresses into `out`, without the tail; none if that saves nothing.
fn deflate<'a>(compressor: &mut Compress, payload: &[u8], out: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    compressor.reset();
    out.clear();
    // More than it takes at worst: the library must never run out of room in the middle of a block.
    out.reserve(payload.len().saturating_add(payload.len() / 8).saturating_add(64));
    let status = compressor.compress_vec(payload, out, FlushCompress::Sync);
    let is_whole = matches!(status, Ok(Status::Ok)) && compressor.total_in() == payload.len() as u64;
    out.strip_suffix(&TAIL).filter(|out| is_whole && out.len() < payload.len())
}

fn compressed_frame(payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(header_length(payload.len()).saturating_add(payload.len()));
    put_header(&mut out, Opcode::Binary, payload.len());
    if let Some(first) = out.first_mut() {
        *first |= COMPRESSED;
    }
    out.put_slice(payload);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_or_gets_no_shorter_is_a_plain_frame() {
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        })
        .take(2000)
        .collect();
        for payload in [&b""[..], &[7; THRESHOLD - 1], &noise] {
            assert_eq!(deflated_frame(payload), frame(Opcode::Binary, payload));
        }
    }

    #[test]
    fn what_is_sent_is_read_again() {
        for size in [THRESHOLD, 1000, 70_000, 1_000_000] {
            let payload: Vec<u8> = (0..size).map(|n| (n % 251) as u8 | 0x20).collect();
            let bytes = deflated_frame(&payload);
            assert_eq!((bytes[0], bytes.len() < size / 2 + 200), (0xc2, true), "{size}");
            let head = header_length(bytes.len() - header_length(bytes.len()));
            assert_eq!(inflate(&bytes[head..], size).unwrap(), payload);
        }
    }

    #[test]
    fn a_message_is_compressed_the_same_whatever_came_before() {
        let payload = b"all that is sent to everyone ".repeat(20);
        let first = deflated_frame(&payload);
        deflated_frame(&b"something else entirely ".repeat(20));
        assert_eq!(deflated_frame(&payload), first);
    }
}
