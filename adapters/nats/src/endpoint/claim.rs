//! The claim of an id, and the round of answers after it: a process has its id once nobody has answered that it is taken, and is settled
//! once whoever is there has answered that it is.

use std::time::{Duration, Instant};

/// How far a process is with its place in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// It asks for its id; nobody may have heard it yet. Questions up to that number were answered, or lost.
    Asking { after: u64 },
    /// All have heard the question. Unless somebody answers, the id is free then.
    Asked { free_at: Instant },
    /// The id is this process's, and it says that it is there; nobody may have heard it yet. Beats up to that number don't count.
    Greeting { after: u64 },
    /// All have heard that it is there. Who else is there has answered by then.
    Greeted { settled_at: Instant },
    /// The id is its own, and it knows who is there.
    Settled,
    /// It gives the id up.
    Over,
}

/// What has become true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The id is this process's.
    Taken,
    /// Who is there has answered.
    Settled,
}

impl Claim {
    /// Nothing was asked yet.
    pub(super) fn new() -> Self {
        Self::Asking { after: 0 }
    }

    pub(super) fn is_held(self) -> bool {
        matches!(self, Self::Greeting { .. } | Self::Greeted { .. } | Self::Settled)
    }

    pub(super) fn is_asking(self) -> bool {
        matches!(self, Self::Asking { .. } | Self::Asked { .. })
    }

    /// The process heard its own words with that number, and so did all others. They have `answer` to say something to that.
    pub(super) fn heard(&mut self, number: u64, now: Instant, answer: Duration) {
        match *self {
            Self::Asking { after } if number > after => *self = Self::Asked { free_at: now + answer },
            Self::Greeting { after } if number > after => *self = Self::Greeted { settled_at: now + answer },
            _ => {}
        }
    }

    /// Somebody has the id, or the bus is away: what was said up to that number counts no more.
    pub(super) fn begin_again(&mut self, after: u64) {
        match self {
            Self::Asking { .. } | Self::Asked { .. } => *self = Self::Asking { after },
            Self::Greeting { .. } | Self::Greeted { .. } => *self = Self::Greeting { after },
            Self::Settled | Self::Over => {}
        }
    }

    /// Goes on if the time to answer is over; says what has become true just now. What was said up to `said` was of the claim.
    pub(super) fn step(&mut self, now: Instant, said: u64) -> Option<Step> {
        match *self {
            Self::Asked { free_at } if now >= free_at => {
                *self = Self::Greeting { after: said };
                Some(Step::Taken)
            }
            Self::Greeted { settled_at } if now >= settled_at => {
                *self = Self::Settled;
                Some(Step::Settled)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: Duration = Duration::from_millis(500);

    #[test]
    fn an_id_is_taken_when_nobody_has_answered_in_time() {
        let (mut claim, now) = (Claim::new(), Instant::now());
        assert_eq!(claim.step(now + ANSWER, 1), None, "nobody has heard it");
        claim.heard(1, now, ANSWER);
        assert_eq!(claim.step(now, 1), None);
        assert_eq!((claim.step(now + ANSWER, 1), claim.is_held()), (Some(Step::Taken), true));
        assert_eq!(claim.step(now + ANSWER, 1), None, "it was taken before");
    }

    #[test]
    fn the_echo_of_a_question_that_comes_after_its_answer_does_not_count() {
        let (mut claim, now) = (Claim::new(), Instant::now());
        claim.begin_again(1);
        claim.heard(1, now, ANSWER);
        assert_eq!(claim.step(now + ANSWER, 2), None);
        claim.heard(2, now, ANSWER);
        assert_eq!(claim.step(now + ANSWER, 2), Some(Step::Taken));
    }

    #[test]
    fn a_process_is_settled_when_all_have_heard_it_and_had_the_time_to_answer() {
        let (mut claim, now) = (Claim::Greeting { after: 2 }, Instant::now());
        claim.heard(2, now, ANSWER);
        assert_eq!(claim.step(now + ANSWER, 2), None, "that was the question");
        claim.heard(3, now, ANSWER);
        // The bus was away: who answered may not have been heard.
        claim.begin_again(3);
        assert_eq!(claim.step(now + ANSWER, 3), None);
        claim.heard(4, now + ANSWER, ANSWER);
        assert_eq!(claim.step(now + ANSWER, 4), None);
        assert_eq!((claim.step(now + 2 * ANSWER, 4), claim), (Some(Step::Settled), Claim::Settled));
    }
}
