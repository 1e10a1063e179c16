//! Closing of an outbox: at once, or after its last frames.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::state::Closing;
use super::{Frames, Outbox};

/// How long a closing connection may take to accept its last frames, once they have been offered.
pub(super) const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

impl Outbox {
    /// Whether nothing will be written any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closing == Closing::Closed
    }

    /// Sends `last`, which may be empty, after all that is queued, then closes; at the latest a second after the first
    /// attempt.
    pub fn finish(self: &Arc<Self>, last: Bytes) {
        self.end(last, false);
    }

    /// Finishes the half-written frame, discards the rest, sends `last` and closes; at the latest a second after the first
    /// attempt.
    pub fn cut(self: &Arc<Self>, last: Bytes) {
        self.end(last, true);
    }

    fn end(self: &Arc<Self>, last: Bytes, discard: bool) {
        let mut state = self.lock();
        if state.closing != Closing::Open {
            return;
        }
        state.closing = if discard && state.taken { Closing::Cutting } else { Closing::Draining };
        if discard {
            state.discard_unstarted();
            self.charge(&mut state);
        }
        if !last.is_empty() {
            state.bytes += last.len();
            state.queue.push(last);
        }
        let unclaimed = !std::mem::replace(&mut state.claimed, true);
        let offered = state.blocked && state.begin_lingering();
        drop(state);
        if unclaimed {
            self.flusher.mark(self.clone());
        }
        if offered {
            self.close_in_time();
        }
    }

    /// Closes in a while. The time doesn't begin before the sink was offered something: where every worker is busy with
    /// something else, a timer may fire before the flusher has had its first turn.
    pub(super) fn close_in_time(self: &Arc<Self>) {
        self.flusher.close_in(LINGER_TIMEOUT, self.clone());
    }

    /// Whether the flusher should try to write again after a panic; the second time the outbox is closed, and it should not.
    pub(super) fn may_be_tried_again(&self) -> bool {
        if !std::mem::replace(&mut self.lock().faulty, true) {
            return true;
        }
        // This runs while the first panic is on its way.
        let closed = catch_unwind(AssertUnwindSafe(|| self.close()));
        let session = self.session().map(tracing::field::display);
        tracing::error!(session, closed = closed.is_ok(), "writing to a connection panics: it is closed");
        false
    }

    /// Closes at once; what is queued is lost.
    pub fn close(&self) {
        let mut state = self.lock();
        if state.closing == Closing::Closed {
            return;
        }
        state.closing = Closing::Closed;
        state.queue = Frames::new();
        state.bytes = 0;
        self.unstall(&mut state);
        drop(state);
        self.sink.close();
    }
}
