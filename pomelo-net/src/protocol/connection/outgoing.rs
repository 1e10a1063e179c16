//! The queue of bytes that a connection itself sends: handshakes, heartbeats, kicks, closes.

use std::collections::VecDeque;

use bytes::Bytes;

/// Bytes to send, in order. Most connections have nothing to say, for a long time: then it takes no memory.
#[derive(Debug, Default)]
#[expect(clippy::box_collection, reason = "an idle connection has none, and there are many of them")]
pub(super) struct Outgoing(Option<Box<VecDeque<Bytes>>>);

impl Outgoing {
    /// Queues bytes behind the others.
    pub(super) fn push_back(&mut self, bytes: Bytes) {
        self.0.get_or_insert_default().push_back(bytes);
    }

    /// The next to be sent.
    pub(super) fn pop_front(&mut self) -> Option<Bytes> {
        let queue = self.0.as_mut()?;
        let next = queue.pop_front();
        if queue.is_empty() {
            self.0 = None;
        }
        next
    }
}
