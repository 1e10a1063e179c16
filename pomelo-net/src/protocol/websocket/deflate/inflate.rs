//! Inflation of messages that a client has compressed, up to a limit.
//!
//! A few bytes may inflate to gigabytes, so the limit is on what comes out, and memory is given as that
//! grows. The state is the thread's, and is reset for each message: no connection holds one.

use std::cell::RefCell;

use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};

use super::TAIL;
use crate::protocol::websocket::WebSocketError;

/// The memory that a message is given at first, as a multiple of what came; JSON shrinks to a third or so.
const FIRST_GUESS: usize = 4;

thread_local! {
    static DECOMPRESSOR: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

/// The message, which may have `limit` bytes; no more are ever inflated.
pub(in super::super) fn inflate(payload: &[u8], limit: usize) -> Result<Bytes, WebSocketError> {
    DECOMPRESSOR.with_borrow_mut(|decompressor| {
        decompressor.reset(false);
        let first = payload.len().saturating_mul(FIRST_GUESS).min(limit).saturating_add(1);
        let mut out = Vec::with_capacity(first);
        for input in [payload, &TAIL] {
            read(decompressor, input, &mut out, limit)?;
        }
        Ok(Bytes::from(out))
    })
}

/// Inflates all of `input`; a last block may be followed by another stream (RFC 7692, 7.2.3.4).
fn read(
    decompressor: &mut Decompress,
    mut input: &[u8],
    out: &mut Vec<u8>,
    limit: usize,
) -> Result<(), WebSocketError> {
    loop {
        let (taken, given) = (decompressor.total_in(), out.len());
        let status = decompressor
            .decompress_vec(input, out, FlushDecompress::Sync)
            .map_err(|_| WebSocketError::BadDeflate)?;
        if out.len() > limit {
            return Err(WebSocketError::TooLong { limit });
        }
        let taken = decompressor.total_in().saturating_sub(taken);
        let taken = usize::try_from(taken).unwrap_or(usize::MAX);
        input = input.get(taken..).unwrap_or_default();
        let is_full = out.len() == out.capacity();
        match status {
            Status::StreamEnd => decompressor.reset(false),
            _ if is_full => {}
            _ if input.is_empty() => return Ok(()),
            _ if taken == 0 && out.len() == given => return Err(WebSocketError::BadDeflate),
            _ => {}
        }
        if input.is_empty() && !is_full {
            return Ok(());
        }
        if is_full {
            // One byte above the limit tells that it is exceeded.
            out.reserve_exact(out.len().min(limit.saturating_add(1).saturating_sub(out.len())).max(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compress, Compression, FlushCompress};

    use super::*;

    /// A message as a client compresses it, by the library alone.
    fn deflated(payload: &[u8], level: u32) -> Vec<u8> {
        let mut out = Vec::with_capacity(payload.len() * 2 + 100);
        let mut compressor = Compress::new(Compression::new(level), false);
        compressor.compress_vec(payload, &mut out, FlushCompress::Sync).unwrap();
        assert_eq!(compressor.total_in(), payload.len() as u64);
        out.strip_suffix(&TAIL).unwrap().to_vec()
    }

    #[test]
    fn reads_the_examples_of_the_rfc() {
        let examples: [&[u8]; 4] = [
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
            &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
        ];
        for example in examples {
            assert_eq!(inflate(example, 100).unwrap(), "Hello", "{example:02x?}");
        }
        assert_eq!(inflate(&[0x00], 100).unwrap(), "");
    }

    #[test]
    fn reads_up_to_the_limit_and_nothing_beyond() {
        for (size, level) in [(0, 1), (1, 9), (1000, 0), (1000, 6), (100_000, 0), (100_000, 9)] {
            let payload: Vec<u8> = (0..size).map(|n| (n % 256) as u8).collect();
            let bytes = deflated(&payload, level);
            assert_eq!(inflate(&bytes, size).unwrap(), payload);
            assert_eq!(inflate(&bytes, size + 1000).unwrap(), payload);
            if let Some(limit) = size.checked_sub(1) {
                assert_eq!(inflate(&bytes, limit), Err(WebSocketError::TooLong { limit }));
            }
        }
    }

    #[test]
    fn a_bomb_is_stopped_at_the_limit() {
        let bomb = deflated(&vec![0; 5_000_000], 9);
        assert!(bomb.len() < 6_000);
        assert_eq!(inflate(&bomb, 65_536), Err(WebSocketError::TooLong { limit: 65_536 }));
        assert_eq!(inflate(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], 100).unwrap(), "Hello");
    }

    /// What it then says is for the layers above to refuse: packages have a length.
    #[test]
    fn what_is_cut_or_changed_never_exceeds_the_limit() {
        let payload = br#"{"msg":"hello, hello, hello","from":"me","target":"*"}"#.repeat(9);
        let bytes = deflated(&payload, 6);
        for end in 0..bytes.len() {
            let read = inflate(&bytes[..end], payload.len());
            assert!(read.is_err() || read.is_ok_and(|read| read.len() <= payload.len()), "{end}");
        }
        for at in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[at / 8] ^= 1 << (at % 8);
            let read = inflate(&changed, payload.len());
            assert!(read.is_err() || read.is_ok_and(|read| read.len() <= payload.len()), "{at}");
        }
    }
}
