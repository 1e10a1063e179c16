//! The writer of a dirty list: the task that takes outboxes off the list, and writes to each connection what its outbox has queued.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use tokio::sync::Notify;

use super::state::{Closing, Progress, State};
use super::{BURST_CAPACITY, Flusher, Frames, Outbox, Sink};

/// How many connections are written before other tasks get a turn.
///
/// Between two rounds reads and new pushes land, which the connections that are still dirty then send in the same
/// write. Measured on a bare server of this shape: at 16 to 64 the coalescing is best; at 256, or without yielding,
/// it is gone.
const CONNECTIONS_PER_TURN: usize = 64;

/// A drained queue keeps at most this many places, so that a burst doesn't stay as memory.
pub(super) const KEEP_CAPACITY: usize = 16;

/// How many frames go into one vectored write.
const MAX_SLICES: usize = 64;

/// Frames that together are no longer than this are copied into one piece first.
///
/// The kernel takes longer over each piece of a vectored write than a short frame takes to copy.
const COPIED_BYTES: usize = 16 * 1024;

/// A dirty list, and the waker of the one task that writes it. No two of them share a cache line.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct List {
    dirty: Mutex<Dirty>,
    wake: Notify,
}

#[derive(Default)]
struct Dirty {
    outboxes: Vec<Arc<Outbox>>,
    /// Nobody writes any more.
    is_ended: bool,
}

impl Flusher {
    /// Puts an outbox on the list.
    pub fn mark(&self, outbox: Arc<Outbox>) {
        self.own().mark(|outboxes| outboxes.push(outbox));
    }

    /// Puts all of them on the list, and empties `outboxes`.
    pub fn mark_all(&self, outboxes: &mut Vec<Arc<Outbox>>) {
        if !outboxes.is_empty() {
            self.own().mark(|dirty| dirty.append(outboxes));
        }
    }

    /// The list of this thread. Threads that are no workers use the first one.
    fn own(&self) -> &List {
        &self.lists[tokio::runtime::worker_index().unwrap_or(0) % self.lists.len()]
    }
}

impl List {
    /// Puts outboxes on the list, and wakes its task; closes them if nobody writes any more.
    fn mark(&self, add: impl FnOnce(&mut Vec<Arc<Outbox>>)) {
        let mut dirty = self.dirty();
        add(&mut dirty.outboxes);
        if dirty.is_ended {
            let outboxes = std::mem::take(&mut dirty.outboxes);
            drop(dirty);
            return outboxes.iter().for_each(|outbox| outbox.close());
        }
        drop(dirty);
        self.wake.notify_one();
    }

    /// Closes what is on the list, and from now on whatever is put there.
    pub(super) fn end(&self) {
        self.dirty().is_ended = true;
        self.mark(|_| {});
    }

    /// Writes what is on the list, for ever.
    pub(super) async fn run(&self) {
        let mut batch = Batch { list: self, outboxes: Vec::new(), written: 0 };
        let mut spare = Frames::new();
        loop {
            std::mem::swap(&mut batch.outboxes, &mut self.dirty().outboxes);
            if batch.outboxes.is_empty() {
                self.wake.notified().await;
                continue;
            }
            while let Some(outbox) = batch.outboxes.get(batch.written) {
                outbox.flush(&mut spare);
                if spare.capacity() > KEEP_CAPACITY * 64 {
                    spare = Frames::new();
                }
                batch.written += 1;
                if batch.written.is_multiple_of(CONNECTIONS_PER_TURN) {
                    tokio::task::yield_now().await;
                }
            }
            batch.clear();
        }
    }

    fn dirty(&self) -> MutexGuard<'_, Dirty> {
        self.dirty.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The outboxes that are being written.
struct Batch<'a> {
    list: &'a List,
    outboxes: Vec<Arc<Outbox>>,
    /// How many of them are.
    written: usize,
}

impl Batch<'_> {
    fn clear(&mut self) {
        self.outboxes.clear();
        self.written = 0;
    }
}

impl Drop for Batch<'_> {
    /// What isn't written goes back on the list. The first of it may be what made the task panic; if it does so again, only that
    /// connection is closed.
    fn drop(&mut self) {
        let mut left = self.outboxes.drain(..).skip(self.written);
        let first = left.next().filter(|first| first.may_be_tried_again());
        let left: Vec<_> = first.into_iter().chain(left).collect();
        self.list.mark(|outboxes| outboxes.extend(left));
    }
}

impl Outbox {
    /// Writes all that is queued, and on a socket that would block arranges to be called again.
    ///
    /// The queue is swapped with `spare` while it is written, so that appending never waits for a system call.
    fn flush(self: &Arc<Self>, spare: &mut Frames) {
        let mut frames = 0;
        loop {
            let mut taken = {
                let mut state = self.lock();
                if state.queue.is_empty() {
                    return self.drained(state, spare, frames >= BURST_CAPACITY);
                }
                std::mem::swap(&mut state.queue, spare);
                (state.taken, state.blocked) = (true, false);
                let progress = Progress { written: state.written, sent: 0, done: 0 };
                Taken { outbox: self, frames: spare, progress }
            };
            frames += taken.frames.len();
            let result = self.write(taken.frames, &mut taken.progress);
            let took = taken.progress.sent > 0;
            drop(taken);
            match result {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut state = self.lock();
                    let begins = state.block();
                    self.stall(&mut state, took);
                    drop(state);
                    if begins {
                        self.close_in_time();
                    }
                    return self.sink.wait_writable(self.clone());
                }
                Err(_) => return self.close(),
            }
        }
    }

    /// Writes `frames` until there are none left or the sink would block.
    fn write(&self, frames: &Frames, progress: &mut Progress) -> io::Result<()> {
        while progress.done < frames.len() {
            match write_some(&*self.sink, &frames[progress.done..], progress.written) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => progress.advance(frames, sent),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn drained(&self, mut state: MutexGuard<'_, State>, spare: &mut Frames, was_burst: bool) {
        state.claimed = false;
        self.unstall(&mut state);
        let finished = matches!(state.closing, Closing::Draining | Closing::Cutting);
        // Memory stays with the connection only if it needed some.
        if state.queue.spilled() != was_burst && spare.spilled() == was_burst {
            std::mem::swap(&mut state.queue, spare);
        }
        if state.queue.spilled() && (!was_burst || state.queue.capacity() > KEEP_CAPACITY) {
            state.queue = Frames::new();
        }
        drop(state);
        if finished {
            self.close();
        }
    }
}

/// Frames that are being written. What isn't written goes back, also if the sink panics.
struct Taken<'a> {
    outbox: &'a Outbox,
    frames: &'a mut Frames,
    progress: Progress,
}

impl Drop for Taken<'_> {
    #[inline]
    fn drop(&mut self) {
        self.outbox.lock().put_back(self.frames, &self.progress);
    }
}

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes as many of `frames` as go into one call, the first without its `written` bytes; gives how many bytes went.
fn write_some(sink: &dyn Sink, frames: &[Bytes], written: usize) -> io::Result<usize> {
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
    use super::*;

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
        write_some(&sink, &frames, written).unwrap();
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
