//! Turns: how many frames a task queues before the flusher and the readers of connections get theirs.
//!
//! A loop that takes in what others send, such as the reader of a link, may find hundreds of pushes at once, each for thousands
//! of connections. Where it goes on until there are none left, queues grow that nobody writes, and connections that
//! have ended meanwhile are sent more.

use std::cell::Cell;

/// Some three tenths of a millisecond of queuing. To most, thousands of pushes are less.
const FRAMES_PER_TURN: usize = 8_192;

thread_local! {
    static QUEUED: Cell<usize> = const { Cell::new(0) };
}

/// This thread has queued so many frames.
pub(crate) fn queued(frames: usize) {
    QUEUED.set(QUEUED.get().saturating_add(frames));
}

/// Whether a loop on this thread, which makes it queue frames, should yield. Asked again, it begins to count anew.
pub fn is_over() -> bool {
    let is_over = QUEUED.get() >= FRAMES_PER_TURN;
    if is_over {
        QUEUED.set(0);
    }
    is_over
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_over_once_after_so_many_frames() {
        queued(FRAMES_PER_TURN - 1);
        assert!(!is_over());
        queued(1);
        assert!(is_over() && !is_over());
    }
}
