//! Failure detection by silence: how long a peer without a link counts as up (no sockets, no clock).
//!
//! ```text
//! last word ── dead_after ──▶ the link is closed ──▶ attempts of 500 ms ──▶ gone_at ── connect_timeout ──▶ declared gone
//!                                                                             └ an attempt begun from here on must fail
//! ```
//!
//! An attempt that began before `gone_at` proves nothing: what it sent may be lost in a hole that is over by now.

use std::time::Duration;

use tokio::time::Instant;

use super::options::TcpOptions;

/// An attempt takes no longer while the peer counts as up: a system whose first packet was dropped sends the next after a
/// second, so a fresh attempt finds a network that is there again sooner.
const ATTEMPT_WHILE_UP: Duration = Duration::from_millis(500);

/// The longest pause between two attempts while the peer counts as up.
const PAUSE_WHILE_UP: Duration = Duration::from_millis(250);

/// When a peer without a link counts as gone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// None if it doesn't count as up.
    gone_at: Option<Instant>,
    connect_timeout: Duration,
    gone_after: Duration,
}

impl Patience {
    pub(super) fn new(options: &TcpOptions, gone_at: Option<Instant>) -> Self {
        Self { gone_at, connect_timeout: options.connect_timeout, gone_after: options.gone_after }
    }

    /// Until when the peer counts as up.
    pub(super) fn gone_at(&self) -> Option<Instant> {
        self.gone_at
    }

    /// How long an attempt that begins now may take.
    pub(super) fn attempt(&self, now: Instant) -> Duration {
        let short = self.connect_timeout.min(ATTEMPT_WHILE_UP);
        match self.gone_at {
            None => self.connect_timeout,
            Some(gone_at) if now < gone_at => short,
            Some(gone_at) => (gone_at + self.connect_timeout).saturating_duration_since(now).max(short),
        }
    }

    /// When the next attempt begins, if nothing happens until then and pauses are that long by now.
    pub(super) fn next_attempt(&self, now: Instant, pause: Duration) -> Instant {
        match self.gone_at {
            None => now + pause,
            Some(gone_at) if now < gone_at => gone_at.min(now + pause.min(PAUSE_WHILE_UP)),
            Some(_) => now + pause.min(PAUSE_WHILE_UP),
        }
    }

    /// Whether the peer is gone, after an attempt of that time made no link. Who has `answered` and makes no link is
    /// waited for as long again as for who is silent.
    pub(super) fn is_over(&self, began: Instant, ended: Instant, answered: bool) -> bool {
        let more = if answered { self.gone_after.max(self.connect_timeout) } else { self.connect_timeout };
        self.gone_at.is_some_and(|gone_at| began >= gone_at && ended >= gone_at + more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let options = TcpOptions::default();
            let silent_since = self.began - last_word;
            let patience = Patience::new(&options, Some(silent_since + options.gone_after));
            let mut now = silent_since + options.dead_after;
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
                pause = options.max_retry.min(pause * 2);
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
            let (last_word, options) = (Duration::from_millis(ms), TcpOptions::default());
            let after = hole.gone(last_word).unwrap() - (began - last_word);
            let limit = options.gone_after + options.connect_timeout + ATTEMPT_WHILE_UP;
            assert!(after >= options.gone_after && after <= limit, "after {after:?}");
        }
    }

    #[test]
    fn an_attempt_that_began_before_proves_nothing() {
        let (options, now) = (TcpOptions::default(), Instant::now());
        let (gone_at, late) = (now + Duration::from_secs(1), now + Duration::from_secs(60));
        let patience = Patience::new(&options, Some(gone_at));
        assert!(!patience.is_over(gone_at - Duration::from_millis(1), late, false));
        assert!(patience.is_over(gone_at, late, false));
        assert!(!patience.is_over(gone_at, gone_at + options.connect_timeout, true), "it has answered");
        assert!(patience.is_over(gone_at, gone_at + options.gone_after, true), "it makes no link");
        assert!(!Patience::new(&options, None).is_over(now, late, false), "it is not up");
    }

    #[test]
    fn attempts_are_short_and_come_often_until_the_last_one_only() {
        let (options, now) = (TcpOptions::default(), Instant::now());
        let gone_at = now + Duration::from_secs(5);
        let patience = Patience::new(&options, Some(gone_at));
        assert_eq!(patience.attempt(now), ATTEMPT_WHILE_UP);
        assert_eq!(patience.attempt(gone_at), options.connect_timeout);
        assert_eq!(patience.next_attempt(now, options.max_retry), now + PAUSE_WHILE_UP);
        let shortly_before = gone_at - Duration::from_millis(10);
        assert_eq!(patience.next_attempt(shortly_before, options.max_retry), gone_at);
        let down = Patience::new(&options, None);
        assert_eq!(
            (down.attempt(now), down.next_attempt(now, options.max_retry)),
            (options.connect_timeout, now + options.max_retry)
        );
    }
}
