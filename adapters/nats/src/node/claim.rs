//! The claim of an id: a process has it once nobody has answered that it is taken.

use std::time::{Duration, Instant};

/// How far a process is with its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// It asks; nobody may have heard it yet. Questions up to that number were answered, or lost.
    Asking { after: u64 },
    /// All have heard it. Unless somebody answers, the id is free then.
    Asked { free_at: Instant },
    /// The id is this process's.
    Held,
    /// It gives the id up.
    Over,
}

impl Claim {
    /// Nothing was asked yet.
    pub(super) fn new() -> Self {
        Self::Asking { after: 0 }
    }

    pub(super) fn is_held(self) -> bool {
        self == Self::Held
    }

    pub(super) fn is_asking(self) -> bool {
        matches!(self, Self::Asking { .. } | Self::Asked { .. })
    }

    /// The process heard its own question with that number, and so did all others.
    pub(super) fn heard(&mut self, number: u64, now: Instant, answer: Duration) {
        if matches!(self, Self::Asking { after } if number > *after) {
            *self = Self::Asked { free_at: now + answer };
        }
    }

    /// Somebody has the id, or the bus is away: what was asked up to that number counts no more.
    pub(super) fn begin_again(&mut self, after: u64) {
        if self.is_asking() {
            *self = Self::Asking { after };
        }
    }

    /// Takes the id if the time to answer is over; says whether it did just now.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let is_free = matches!(self, Self::Asked { free_at } if now >= *free_at);
        if is_free {
            *self = Self::Held;
        }
        is_free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: Duration = Duration::from_millis(500);

    #[test]
    fn an_id_is_taken_when_nobody_has_answered_in_time() {
        let (mut claim, now) = (Claim::new(), Instant::now());
        assert!(!claim.take(now + ANSWER), "nobody has heard it");
        claim.heard(1, now, ANSWER);
        assert!(!claim.take(now) && claim.take(now + ANSWER) && claim.is_held());
        assert!(!claim.take(now + ANSWER), "it was taken before");
    }

    #[test]
    fn the_echo_of_a_question_that_comes_after_its_answer_does_not_count() {
        let (mut claim, now) = (Claim::new(), Instant::now());
        claim.begin_again(1);
        claim.heard(1, now, ANSWER);
        assert!(!claim.take(now + ANSWER));
        claim.heard(2, now, ANSWER);
        assert!(claim.take(now + ANSWER));
    }
}
