//! Outcome of queueing a frame: queued, or dropped, and why.

use crate::metrics::Dropped;

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is queued, and somebody already minds the queue.
    Queued,
    /// It is queued, and the outbox must be put on its flusher's list.
    NeedsFlush,
    /// Too much waits for this client already; it was dropped.
    Overflow,
    /// Too much waits for all clients of the server that take nothing at the moment, of which this is one; it was dropped.
    OutboxesFull,
    /// It is longer than all that may ever wait for a client; it was dropped.
    TooLong,
    /// The connection is closing; it was dropped.
    Closed,
}

impl Appended {
    /// Why the frame was dropped, if it was.
    pub fn dropped(self) -> Option<Dropped> {
        match self {
            Self::Queued | Self::NeedsFlush => None,
            Self::Overflow => Some(Dropped::Overflow),
            Self::OutboxesFull => Some(Dropped::OutboxesFull),
            Self::TooLong => Some(Dropped::TooLong),
            Self::Closed => Some(Dropped::Closing),
        }
    }
}
