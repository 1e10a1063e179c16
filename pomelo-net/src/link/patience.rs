//! Patience: how long a peer without a link counts as up, and how often it is dialed meanwhile.
//!
//! ```text
//! last word ── dead_after ──▶ the link is closed ──▶ attempts of 500 ms ──▶ gone_at ── connect_timeout ──▶ declared gone
//!                                                                             └ an attempt begun from here on must fail
//! ```
//!
//! An attempt that began before `gone_at` proves nothing: what it sent may be lost in a hole that is over by now.

use std::time::{Duration, Instant};

/// An attempt takes no longer while the peer counts as up: a system whose first packet was dropped sends the next after a
/// second, so a fresh attempt finds a network that is there again sooner.
const ATTEMPT_WHILE_UP: Duration = Duration::from_millis(500);

/// The longest pause between two attempts while the peer counts as up.
const PAUSE_WHILE_UP: Duration = Duration::from_millis(250);

/// How long peers without a link are waited for.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long connecting and the handshake may take.
    pub connect_timeout: Duration,
    /// After how long without a word a peer counts as gone, if an attempt that begins then fails.
    pub gone_after: Duration,
}

/// When a peer without a link counts as gone.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// None if it doesn't count as up.
    gone_at: Option<Instant>,
    limits: Limits,
}

impl Patience {
    /// The patience with a peer that counts as up until then, if it does.
    pub fn new(limits: Limits, gone_at: Option<Instant>) -> Self {
        Self { gone_at, limits }
    }

    /// Until when the peer counts as up.
    pub fn gone_at(&self) -> Option<Instant> {
        self.gone_at
    }

    /// How long an attempt that begins now may take.
    pub fn attempt(&self, now: Instant) -> Duration {
        let short = self.limits.connect_timeout.min(ATTEMPT_WHILE_UP);
        match self.gone_at {
            None => self.limits.connect_timeout,
            Some(gone_at) if now < gone_at => short,
            Some(gone_at) => {
                (gone_at + self.limits.connect_timeout).saturating_duration_since(now).max(short)
            }
        }
    }

    /// When the next attempt begins, if nothing happens until then and pauses are that long by now.
    pub fn next_attempt(&self, now: Instant, pause: Duration) -> Instant {
        match self.gone_at {
            None => now + pause,
            Some(gone_at) if now < gone_at => gone_at.min(now + pause.min(PAUSE_WHILE_UP)),
            Some(_) => now + pause.min(PAUSE_WHILE_UP),
        }
    }

    /// Whether the peer is gone, after an attempt of that time made no link. Who has `answered` and makes no link is
    /// waited for as long again as for who is silent.
    pub fn is_over(&self, began: Instant, ended: Instant, answered: bool) -> bool {
        let more = if answered {
            self.limits.gone_after.max(self.limits.connect_timeout)
        } else {
            self.limits.connect_timeout
        };
        self.gone_at.is_some_and(|gone_at| began >= gone_at && ended >= gone_at + more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { connect_timeout: Duration::from_secs(2), gone_after: Duration::from_secs(5) };
    /// After how long without a word a link is closed.
    const DEAD_AFTER: Duration = Duration::from_secs(3);
    /// The longest pause between two attempts.
    const MAX_RETRY: Duration = Duration::from_secs(2);

    /// What a network does that drops everything for a while, as a peer sees that dials: a system sends the first packet of
    /// a connection again after 1 s and after 3 s.
    struct Hole {
        began: Instant,
        lasts: Duration,
    }

    impl Hole {
        /// When a connection is made, of an attempt that begins then.
        fn connected(&self, began: Instant) -> Option<Instant> {
            let sent = [0, 1, 3].map(|second| began + Duration::from_secs(second));
            sent.into_iter().find(|at| *at >= self.began + self.lasts)
        }

        /// When the peer is declared gone, or none if it is linked first. The last word came that long before the hole.
        fn gone(&self, last_word: Duration) -> Option<Instant> {
            let silent_since = self.began - last_word;
            let patience = Patience::new(LIMITS, Some(silent_since + LIMITS.gone_after));
            let mut now = silent_since + DEAD_AFTER;
            let mut pause = Duration::from_millis(50);
            loop {
                let (began, limit) = (now, patience.attempt(now));
                match self.connected(began) {
                    Some(at) if at <= began + limit => return None,
                    _ => now += limit,
                }
                if patience.is_over(began, now, false) {
                    return Some(now);
                }
                now = patience.next_attempt(now, pause);
                pause = MAX_RETRY.min(pause * 2);
            }
        }
    }

    #[test]
    fn a_hole_of_4_s_declares_nobody_gone_whenever_the_last_word_came() {
        let began = Instant::now() + Duration::from_secs(100);
        for ms in 0..=1_000 {
            // A hole that somebody makes lasts a little longer than they want.
            let hole = Hole { began, lasts: Duration::from_millis(4_200) };
            assert_eq!(hole.gone(Duration::from_millis(ms)), None, "the last word came {ms} ms before");
        }
    }

    #[test]
    fn who_stays_silent_is_gone_by_then() {
        let began = Instant::now() + Duration::from_secs(100);
        for ms in 0..=1_000 {
            let hole = Hole { began, lasts: Duration::from_secs(20) };
            let last_word = Duration::from_millis(ms);
            let after = hole.gone(last_word).unwrap() - (began - last_word);
            let limit = LIMITS.gone_after + LIMITS.connect_timeout + ATTEMPT_WHILE_UP;
            assert!(after >= LIMITS.gone_after && after <= limit, "after {after:?}");
        }
    }

    #[test]
    fn an_attempt_that_began_before_proves_nothing() {
        let now = Instant::now();
        let (gone_at, late) = (now + Duration::from_secs(1), now + Duration::from_secs(60));
        let patience = Patience::new(LIMITS, Some(gone_at));
        assert!(!patience.is_over(gone_at - Duration::from_millis(1), late, false));
        assert!(patience.is_over(gone_at, late, false));
        assert!(!patience.is_over(gone_at, gone_at + LIMITS.connect_timeout, true), "it has answered");
        assert!(patience.is_over(gone_at, gone_at + LIMITS.gone_after, true), "it makes no link");
        assert!(!Patience::new(LIMITS, None).is_over(now, late, false), "it is not up");
    }

    #[test]
    fn attempts_are_short_and_come_often_until_the_last_one_only() {
        let now = Instant::now();
        let gone_at = now + Duration::from_secs(5);
        let patience = Patience::new(LIMITS, Some(gone_at));
        assert_eq!(patience.attempt(now), ATTEMPT_WHILE_UP);
        assert_eq!(patience.attempt(gone_at), LIMITS.connect_timeout);
        assert_eq!(patience.next_attempt(now, MAX_RETRY), now + PAUSE_WHILE_UP);
        let shortly_before = gone_at - Duration::from_millis(10);
        assert_eq!(patience.next_attempt(shortly_before, MAX_RETRY), gone_at);
        let down = Patience::new(LIMITS, None);
        assert_eq!(
            (down.attempt(now), down.next_attempt(now, MAX_RETRY)),
            (LIMITS.connect_timeout, now + MAX_RETRY)
        );
    }
}
