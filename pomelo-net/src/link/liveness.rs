//! Liveness: failure detection by silence, one half for each direction of a link.
//!
//! ```text
//! Speaking: said ── beat ──▶ a word is due, if nothing else was said
//! Hearing: heard ── silence ──▶ the other side is lost
//! ```
//!
//! Both sides follow the same two times, the second several times the first: a link on which nothing is lost is never silent.

use std::time::{Duration, Instant};

/// The half that listens.
#[derive(Debug, Clone, Copy)]
pub struct Hearing {
    /// So long is too long.
    silence: Duration,
    /// When something last came.
    heard: Instant,
}

/// What it means that something came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The other side is there.
    InTime,
    /// The other side should have been given up: this process was suspended. It was silent for no longer than usual, and has given up
    /// this one by now.
    TooLate,
}

impl Hearing {
    /// Listens from `now` on to a side that is lost when it says nothing for as long as `silence`.
    pub fn new(silence: Duration, now: Instant) -> Self {
        Self { silence, heard: now }
    }

    /// Something came, and all that was done with it is done: what that took is none of the other side's silence.
    pub fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// What something means that came just now.
    pub fn judge(&self, now: Instant) -> Heard {
        if self.is_silent(now) { Heard::TooLate } else { Heard::InTime }
    }

    /// When the other side is lost, if nothing comes.
    pub fn silent_at(&self) -> Instant {
        self.heard + self.silence
    }

    /// Whether the other side is lost.
    pub fn is_silent(&self, now: Instant) -> bool {
        now >= self.silent_at()
    }
}

/// The half that speaks.
#[derive(Debug, Clone, Copy)]
pub struct Speaking {
    /// The longest pause.
    beat: Duration,
    /// When something was last said.
    said: Instant,
}

impl Speaking {
    /// Speaks from `now` on, at the latest each `beat`.
    pub fn new(beat: Duration, now: Instant) -> Self {
        Self { beat, said: now }
    }

    /// Something was said.
    pub fn said(&mut self, now: Instant) {
        self.said = now;
    }

    /// When a word is due, if nothing else is said.
    pub fn beat_at(&self) -> Instant {
        self.said + self.beat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_says_nothing_is_lost_and_not_before() {
        let now = Instant::now();
        let mut hearing = Hearing::new(3 * SECOND, now);
        assert!(!hearing.is_silent(now + SECOND * 2) && hearing.is_silent(now + SECOND * 3));
        hearing.heard(now + SECOND * 2);
        assert_eq!(hearing.silent_at(), now + SECOND * 5);
    }

    #[test]
    fn what_comes_after_silence_was_due_comes_too_late() {
        let now = Instant::now();
        let hearing = Hearing::new(3 * SECOND, now);
        assert_eq!(hearing.judge(now + SECOND * 2), Heard::InTime);
        assert_eq!(hearing.judge(now + SECOND * 60), Heard::TooLate);
    }

    #[test]
    fn a_word_is_due_a_beat_after_the_last_one() {
        let now = Instant::now();
        let mut speaking = Speaking::new(SECOND, now);
        speaking.said(now + SECOND / 2);
        assert_eq!(speaking.beat_at(), now + SECOND + SECOND / 2);
    }
}
