//! Many frames in one write.

use std::cell::RefCell;
use std::io::{self, IoSlice};

use bytes::Bytes;

use super::Sink;

/// How many frames go into one vectored write.
const MAX_SLICES: usize = 64;

/// Frames that together are no longer than this are copied into one piece first.
///
/// The kernel takes longer over each piece of a vectored write than a short frame takes to copy.
const COPIED_BYTES: usize = 16 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes as many of `frames` as go into one call, the first without its `written` bytes; gives how many bytes went.
pub(super) fn write(sink: &dyn Sink, frames: &[Bytes], written: usize) -> io::Result<usize> {
    let Some((first, rest)) = frames.split_first() else { return Ok(0) };
    let first = &first[written..];
    if rest.is_empty() {
        return sink.try_write(&[IoSlice::new(first)]);
    }
    if first.len() + rest[0].len() > COPIED_BYTES {
        return write_vectored(sink, first, rest);
    }
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        buffer.extend_from_slice(first);
        for frame in rest {
            if buffer.len() + frame.len() > COPIED_BYTES {
                break;
            }
            buffer.extend_from_slice(frame);
        }
        sink.try_write(&[IoSlice::new(buffer)])
    })
}

fn write_vectored(sink: &dyn Sink, first: &[u8], rest: &[Bytes]) -> io::Result<usize> {
    let mut slices: [IoSlice<'_>; MAX_SLICES] = std::array::from_fn(|_| IoSlice::new(&[]));
    let frames = std::iter::once(first).chain(rest.iter().map(|frame| &**frame));
    let mut count = 0;
    for (slice, frame) in slices.iter_mut().zip(frames) {
        *slice = IoSlice::new(frame);
        count += 1;
    }
    sink.try_write(&slices[..count])
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::outbox::Outbox;

    /// Takes everything, and notes the pieces of each write.
    #[derive(Default)]
    struct Pieces(Mutex<Vec<Vec<usize>>>, Mutex<Vec<u8>>);

    impl Sink for Pieces {
        fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
            self.0.lock().unwrap().push(frames.iter().map(|frame| frame.len()).collect());
            frames.iter().for_each(|frame| self.1.lock().unwrap().extend_from_slice(frame));
            Ok(frames.iter().map(|frame| frame.len()).sum())
        }

        fn wait_writable(&self, _: Arc<Outbox>) {}

        fn close(&self) {}
    }

    fn pieces(lengths: &[usize], written: usize) -> (Vec<usize>, Vec<u8>) {
        let sink = Pieces::default();
        let frames: Vec<Bytes> =
            (0..).zip(lengths).map(|(n, length)| Bytes::from(vec![n; *length])).collect();
        write(&sink, &frames, written).unwrap();
        let Pieces(pieces, bytes) = sink;
        (pieces.into_inner().unwrap().remove(0), bytes.into_inner().unwrap())
    }

    #[test]
    fn short_frames_leave_in_one_piece_without_what_is_written_already() {
        let (pieces, bytes) = pieces(&[3, 2, 1], 2);
        assert_eq!((pieces, bytes), (vec![4], vec![0, 1, 1, 2]));
    }

    #[test]
    fn what_does_not_fit_waits_for_the_next_write() {
        assert_eq!(pieces(&[COPIED_BYTES - 10, 10, 1], 0).0, [COPIED_BYTES]);
        assert_eq!(pieces(&[10, COPIED_BYTES, 1], 10).0, [COPIED_BYTES]);
    }

    #[test]
    fn long_frames_are_not_copied() {
        assert_eq!(pieces(&[COPIED_BYTES, 1], 0).0, [COPIED_BYTES, 1]);
        assert_eq!(pieces(&[100_000, 5, 100_000], 99_999).0, [1 + 5]);
        assert_eq!(pieces(&[5], 2).0, [3]);
        assert_eq!(pieces(&[COPIED_BYTES; 100], 0).0.len(), MAX_SLICES);
    }
}
