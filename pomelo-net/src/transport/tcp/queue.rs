//! The queue of a link: frames that wait to be written.
//!
//! ```text
//!  send ─▶ tail (short frames, one after the other) ─▶ pieces ─▶ Batch ─▶ one vectored write of up to 32 pieces
//!          └ a long body is a piece of its own, uncopied ──┘
//! ```
//!
//! The limit counts what is queued and what the writer has taken and not written. What is about the link
//! itself is let in beyond it, and so few that it doesn't matter.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use pomelo_core::cluster::Unsent;
use pomelo_core::wire::envelope::Envelope;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::wire::{self, Control, Unwritten};

/// An emptied buffer that is larger is not kept, so that a burst doesn't stay as memory.
const KEPT_BUFFER_BYTES: usize = 256 << 10;

/// How many pieces go into one vectored write.
const MAX_SLICES: usize = 32;

/// A bounded queue of frames: many write to it, the link's writer empties it.
pub(super) struct Queue {
    /// What waits.
    state: Mutex<Waiting>,
    /// Wakes the writer.
    wake: Notify,
    /// The other side answered that it is there.
    heard: Notify,
    /// The link is to end, so nothing is queued any more, or what was queued is given up.
    closed: Notify,
    /// Bytes of envelopes that may wait.
    limit: usize,
    /// Bytes that one envelope may have.
    max_frame: usize,
}

#[derive(Default)]
struct Waiting {
    /// Pieces that are complete; long bodies are pieces of their own.
    pieces: VecDeque<Bytes>,
    /// Where the next frame goes.
    tail: BytesMut,
    /// Bytes queued, and those in the writer's hands.
    bytes: usize,
    /// Envelopes among them.
    envelopes: usize,
    /// Nothing more is queued.
    is_closed: bool,
    /// What was queued is given up.
    is_abandoned: bool,
}

/// What the writer took out.
#[derive(Default)]
pub(super) struct Batch {
    /// In the order in which they go.
    pieces: VecDeque<Bytes>,
    /// That are not written yet.
    bytes: usize,
    /// How many of them.
    envelopes: usize,
}

impl Queue {
    pub(super) fn new(limit: usize, max_frame: usize) -> Self {
        Self {
            state: Mutex::default(),
            wake: Notify::new(),
            heard: Notify::new(),
            closed: Notify::new(),
            limit,
            max_frame,
        }
    }

    /// Queues an envelope.
    pub(super) fn send(&self, envelope: &Envelope) -> Result<(), Unsent> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(Unsent::NoLink);
        }
        if state.bytes >= self.limit {
            return Err(Unsent::Full);
        }
        let was_empty = state.is_empty();
        let before = state.tail.len();
        let body = wire::put_envelope(&mut state.tail, envelope, self.max_frame).map_err(|error| {
            tracing::error!(%error, "an envelope can't be sent");
            match error {
                Unwritten::TooLong(_) | Unwritten::Encode(_) => Unsent::TooLong,
            }
        })?;
        state.bytes += state.tail.len() - before + body.len();
        state.envelopes += 1;
        if !body.is_empty() {
            state.seal();
            state.pieces.push_back(body);
        }
        drop(state);
        if was_empty {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Queues something about the link, whatever the limit.
    pub(super) fn say(&self, control: &Control) {
        let mut state = self.lock();
        if state.is_closed {
            return;
        }
        let before = state.tail.len();
        wire::put_control(&mut state.tail, control);
        state.bytes += state.tail.len() - before;
        drop(state);
        self.wake.notify_one();
    }

    /// As [`say`](Self::say), ahead of all that waits.
    pub(super) fn say_first(&self, control: &Control) {
        let mut state = self.lock();
        if state.is_closed {
            return;
        }
        let mut frame = BytesMut::new();
        wire::put_control(&mut frame, control);
        state.bytes += frame.len();
        // What waits begins with the head of a frame.
        state.pieces.push_front(frame.freeze());
        drop(state);
        self.wake.notify_one();
    }

    /// The other side answered that it is there.
    pub(super) fn heard(&self) {
        self.heard.notify_waiters();
    }

    /// Asks the other side whether it is there; false if it hasn't said so within `limit`, or the link ends.
    pub(super) async fn answers(&self, limit: Duration) -> bool {
        let heard = self.heard.notified();
        tokio::pin!(heard);
        // From before the question on.
        heard.as_mut().enable();
        self.say_first(&Control::Ask);
        tokio::select! {
            () = heard => true,
            () = self.closed() => false,
            () = sleep(limit) => false,
        }
    }

    /// Bytes that are not written yet.
    pub(super) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Ends the link, once what is queued is written.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_one();
        self.closed.notify_waiters();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Waits until the link is to end.
    pub(super) async fn closed(&self) {
        self.until(|state| state.is_closed).await;
    }

    /// Waits until what is queued is given up.
    pub(super) async fn abandoned(&self) {
        self.until(|state| state.is_abandoned).await;
    }

    async fn until(&self, condition: impl Fn(&Waiting) -> bool) {
        loop {
            let changed = self.closed.notified();
            if condition(&self.lock()) {
                return;
            }
            changed.await;
        }
    }

    /// Waits until there may be something to write.
    pub(super) async fn ready(&self) {
        self.wake.notified().await;
    }

    /// Takes everything out; `batch` was written.
    pub(super) fn take(&self, batch: &mut Batch) {
        let mut state = self.lock();
        // When the queue was given up meanwhile, what was in the writer's hands is counted no more.
        state.bytes = state.bytes.saturating_sub(std::mem::take(&mut batch.bytes));
        state.envelopes = state.envelopes.saturating_sub(std::mem::take(&mut batch.envelopes));
        state.seal();
        std::mem::swap(&mut state.pieces, &mut batch.pieces);
        (batch.bytes, batch.envelopes) = (state.bytes, state.envelopes);
    }

    /// Gives up what is queued or in the writer's hands, and says how many envelopes that was.
    pub(super) fn abandon(&self) -> usize {
        let mut state = self.lock();
        state.is_closed = true;
        let lost = state.envelopes;
        *state = Waiting { is_closed: true, is_abandoned: true, ..Waiting::default() };
        drop(state);
        self.closed.notify_waiters();
        lost
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.tail.is_empty()
    }

    /// Makes a piece of what was put together.
    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push_back(self.tail.split().freeze());
            if self.tail.capacity() > KEPT_BUFFER_BYTES {
                self.tail = BytesMut::new();
            }
        }
    }
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// How many envelopes are in it.
    pub(super) fn envelopes(&self) -> usize {
        self.envelopes
    }

    /// The pieces to be written next.
    pub(super) fn slices(&self) -> ([IoSlice<'_>; MAX_SLICES], usize) {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(piece);
            count += 1;
        }
        (slices, count)
    }

    /// So many bytes of them are written.
    pub(super) fn advance(&mut self, mut written: usize) {
        while let Some(piece) = self.pieces.front_mut() {
            if written < piece.len() {
                return piece.advance(written);
            }
            written -= piece.len();
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(queue: &Queue) -> Vec<String> {
        let (mut batch, mut bytes) = (Batch::default(), BytesMut::new());
        queue.take(&mut batch);
        batch.pieces.iter().for_each(|piece| bytes.extend_from_slice(piece));
        let frames = std::iter::from_fn(|| wire::take(&mut bytes, 1 << 20).unwrap());
        frames.map(|frame| format!("{frame:?}")).collect()
    }

    #[test]
    fn what_is_said_first_is_ahead_of_all_that_waits_and_cuts_no_frame() {
        let queue = Queue::new(1 << 20, 1 << 20);
        queue.say(&Control::Ping);
        // With a body that is a piece of its own.
        let long = [&[1][..], &[0; 20], &[0xdb, 0, 0, 0x40, 0], &[b'x'; 0x4000]].concat();
        queue.send(&Envelope::decode(Bytes::from(long)).unwrap()).unwrap();
        queue.say_first(&Control::Here);
        let frames = queued(&queue);
        assert_eq!((&*frames[0], &*frames[1], frames.len()), ("Control(Here)", "Control(Ping)", 3));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_asked_answers_or_not() {
        let queue = Queue::new(1 << 20, 1 << 20);
        let limit = Duration::from_secs(1);
        assert!(!queue.answers(limit).await);
        let (answered, ()) = tokio::join!(queue.answers(limit), async { queue.heard() });
        assert!(answered);
        queue.close();
        assert!(!queue.answers(Duration::from_secs(3600)).await, "the link is over");
    }

    #[test]
    fn what_was_given_up_while_it_was_written_is_not_counted() {
        let queue = Queue::new(1 << 20, 1 << 20);
        queue.say(&Control::Ping);
        let mut batch = Batch::default();
        queue.take(&mut batch);
        assert_eq!(queue.abandon(), 0);
        queue.take(&mut batch);
        assert_eq!(queue.bytes(), 0);
    }
}
