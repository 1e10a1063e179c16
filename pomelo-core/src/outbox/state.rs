//! State of an outbox: its queue, and how far writing and closing have come.

use bytes::Bytes;

use super::backlog::Stall;
use super::{Frames, PLACE_BYTES};

/// What is behind the lock of an outbox.
#[derive(Default)]
pub(super) struct State {
    /// Frames to be written, the oldest first.
    pub(super) queue: Frames,
    /// Bytes queued and not written, those that the flusher has taken out included.
    pub(super) bytes: usize,
    /// How much of the first frame is written already.
    pub(super) written: usize,
    /// On the dirty list, in the flusher's hands or waiting to be writable: somebody will look at the queue.
    pub(super) claimed: bool,
    /// The flusher is writing what was queued; `queue` holds only what came after.
    pub(super) taken: bool,
    /// The sink would block, and calls when it no longer does.
    pub(super) blocked: bool,
    /// From the first time that the sink would block until all is written.
    pub(super) stall: Option<Box<Stall>>,
    /// On the list of blocked outboxes.
    pub(super) listed: bool,
    /// The time in which the last frames must leave has begun.
    pub(super) lingering: bool,
    /// Writing it made the flusher panic.
    pub(super) faulty: bool,
    /// How far the end of the connection has come.
    pub(super) closing: Closing,
}

/// How far an outbox has come with closing.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    #[default]
    Open,
    /// The frames that are queued are the last ones.
    Draining,
    /// As `Draining`, and of what the flusher has taken only the half-written frame still goes.
    Cutting,
    Closed,
}

/// How far a flush has come.
pub(super) struct Progress {
    /// How much of the first frame is written.
    pub(super) written: usize,
    /// Bytes written.
    pub(super) sent: usize,
    /// Frames written.
    pub(super) done: usize,
}

impl Progress {
    pub(super) fn advance(&mut self, frames: &Frames, sent: usize) {
        self.sent += sent;
        self.written += sent;
        while let Some(frame) = frames.get(self.done)
            && self.written >= frame.len()
        {
            self.written -= frame.len();
            self.done += 1;
        }
    }
}

impl State {
    /// What it counts for: frames and places.
    pub(super) fn held(&self) -> usize {
        // The first place is the outbox's own.
        self.bytes + if self.queue.spilled() { self.queue.capacity() * PLACE_BYTES } else { 0 }
    }

    /// Drops every frame that isn't half-written; those that are taken, the flusher drops.
    pub(super) fn discard_unstarted(&mut self) {
        let keep = usize::from(self.written > 0 && !self.taken);
        let dropped: usize = self.queue.iter().skip(keep).map(Bytes::len).sum();
        self.queue.truncate(keep);
        self.queue.shrink_to_fit();
        self.bytes -= dropped;
    }

    /// Notes that the sink would block, and says whether that begins the time of the last frames.
    pub(super) fn block(&mut self) -> bool {
        self.blocked = true;
        matches!(self.closing, Closing::Draining | Closing::Cutting) && self.begin_lingering()
    }

    pub(super) fn begin_lingering(&mut self) -> bool {
        !std::mem::replace(&mut self.lingering, true)
    }

    /// Takes back what could not be written, in front of what was appended meanwhile.
    #[inline]
    pub(super) fn put_back(&mut self, frames: &mut Frames, progress: &Progress) {
        self.taken = false;
        if self.closing == Closing::Closed {
            frames.clear();
            return;
        }
        self.written = progress.written;
        self.bytes -= progress.sent;
        if progress.done == frames.len() && self.closing == Closing::Open {
            frames.clear();
            return;
        }
        frames.drain(..progress.done);
        if self.closing == Closing::Cutting {
            let keep = usize::from(progress.written > 0);
            self.bytes -= frames.iter().skip(keep).map(Bytes::len).sum::<usize>();
            frames.truncate(keep);
            // What is cut is cut: the last frames, queued behind, stay whatever happens next.
            self.closing = Closing::Draining;
        }
        if !frames.is_empty() {
            frames.append(&mut self.queue);
            std::mem::swap(frames, &mut self.queue);
        }
    }
}
