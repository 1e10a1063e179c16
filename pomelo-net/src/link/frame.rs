//! Frames: the length of a body in four bytes, a tag of as many bytes as the protocol has, and the body.
//!
//! ```text
//!  length of the body (4, BE) │ tag (as many bytes as the protocol has) │ body
//! ```
//!
//! ```
//! use bytes::BytesMut;
//! use pomelo_net::link::frame;
//!
//! let mut out = BytesMut::new();
//! let start = frame::begin(&mut out, [7]);
//! out.extend_from_slice(b"hello");
//! let length = frame::length::<1>(&out, start);
//! frame::end(&mut out, start, length);
//!
//! // The other side takes it off what it has read, and none that is too long.
//! let (tag, body) = frame::take::<1>(&mut out, 1024).unwrap().unwrap();
//! assert_eq!((tag, &body[..]), ([7], &b"hello"[..]));
//! ```

use bytes::{Buf, Bytes, BytesMut};

/// The bytes of a length.
const LENGTH: usize = 4;

/// A length that is more than the receiver takes, by the limit that it has now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {0} bytes is too long")]
pub struct TooLong(
    /// How many bytes the body would have.
    pub usize,
);

/// Takes the next frame off `input`: its tag and its body, of no more than `limit` bytes. None if more bytes are needed; then
/// there is room in `input` for the rest.
///
/// # Errors
/// If the body is longer. Nothing was allocated for it, and what follows can't be told from it: the link is to be closed.
pub fn take<const TAG: usize>(
    input: &mut BytesMut,
    limit: usize,
) -> Result<Option<([u8; TAG], Bytes)>, TooLong> {
    let Some((length, rest)) = input.split_first_chunk::<LENGTH>() else { return Ok(None) };
    let Some(tag) = rest.first_chunk::<TAG>().copied() else { return Ok(None) };
    let length = u32::from_be_bytes(*length) as usize;
    if length > limit {
        return Err(TooLong(length));
    }
    let whole = LENGTH + TAG + length;
    if input.len() < whole {
        input.reserve(whole - input.len());
        return Ok(None);
    }
    input.advance(LENGTH + TAG);
    Ok(Some((tag, input.split_to(length).freeze())))
}

/// Begins a frame at the end of `out`: whatever is appended is its body, until [`end`]. Returns where it begins, to be
/// truncated to if there is to be no frame.
pub fn begin<const TAG: usize>(out: &mut BytesMut, tag: [u8; TAG]) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH]);
    out.extend_from_slice(&tag);
    start
}

/// The length of the body of the frame that began there, so far.
pub fn length<const TAG: usize>(out: &BytesMut, start: usize) -> usize {
    out.len() - start - LENGTH - TAG
}

/// Ends the frame that began there, whose body has `length` bytes; some of them may follow `out`. Frames are bounded far below
/// 4 GiB.
pub fn end(out: &mut BytesMut, start: usize, length: usize) {
    out[start..start + LENGTH].copy_from_slice(&(length as u32).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;
    use proptest::prelude::*;

    use super::*;

    fn put<const TAG: usize>(out: &mut BytesMut, tag: [u8; TAG], body: &[u8]) {
        let start = begin(out, tag);
        out.extend_from_slice(body);
        let length = length::<TAG>(out, start);
        end(out, start, length);
    }

    #[test]
    fn a_length_that_lies_takes_no_memory() {
        let mut input = BytesMut::from(&[0xff, 0xff, 0xff, 0xff, 0][..]);
        assert_eq!(take::<1>(&mut input, 1 << 20), Err(TooLong(0xffff_ffff)));
        assert!(input.capacity() < 1 << 10);
    }

    #[test]
    fn a_frame_has_its_length_in_front_and_then_its_tag() {
        let mut out = BytesMut::new();
        put(&mut out, [7], b"abc");
        put(&mut out, [], b"d");
        assert_eq!(&out[..], b"\x00\x00\x00\x03\x07abc\x00\x00\x00\x01d");
    }

    proptest! {
        #[test]
        fn frames_are_read_as_they_were_written_however_they_arrive(
            bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8),
            cuts in proptest::collection::vec(1_usize..9, 1..20),
        ) {
            let mut whole = BytesMut::new();
            for (n, body) in bodies.iter().enumerate() {
                put(&mut whole, [n as u8], body);
            }
            let (mut input, mut seen, mut cuts) = (BytesMut::new(), Vec::new(), cuts.into_iter().cycle());
            while !whole.is_empty() {
                let next = cuts.next().unwrap_or(1).min(whole.len());
                input.put(whole.split_to(next));
                while let Some(([tag], body)) = take(&mut input, 40).unwrap() {
                    prop_assert_eq!(usize::from(tag), seen.len());
                    seen.push(body.to_vec());
                }
            }
            prop_assert_eq!(seen, bodies);
        }

        #[test]
        fn any_bytes_are_frames_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (mut tagged, mut bare) = (BytesMut::from(&bytes[..]), BytesMut::from(&bytes[..]));
            while let Ok(Some(_)) = take::<1>(&mut tagged, 1 << 10) {}
            while let Ok(Some(_)) = take::<0>(&mut bare, 1 << 10) {}
        }
    }
}
