//! Heartbeats of a client: answers the server's one interval later, and notices a server that is silent for two.

use std::time::{Duration, Instant};

/// What is due at some time.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing yet.
    Nothing,
    /// A heartbeat is to be sent.
    Beat,
    /// The server is lost: it was silent for this long.
    Lost(Duration),
}

/// The heartbeats of one connection. Without an interval nothing is ever due.
#[derive(Debug, Default)]
pub(super) struct Heartbeat {
    interval: Option<Duration>,
    /// When the server's last heartbeat is to be answered.
    beat_at: Option<Instant>,
    /// When the server is lost unless something comes.
    lost_at: Option<Instant>,
}

impl Heartbeat {
    pub(super) fn start(interval: Option<Duration>, now: Instant) -> Self {
        let mut heartbeat = Self { interval, beat_at: None, lost_at: None };
        heartbeat.seen(now);
        heartbeat
    }

    /// Something came. A moment that the clock can't name never comes.
    pub(super) fn seen(&mut self, now: Instant) {
        self.lost_at = self.interval.and_then(|interval| now.checked_add(interval.saturating_mul(2)));
    }

    /// A heartbeat came. Two sides that answer at once would do nothing else: a client waits for one interval.
    pub(super) fn received(&mut self, now: Instant) {
        let beat_at = self.interval.and_then(|interval| now.checked_add(interval));
        self.beat_at = self.beat_at.or(beat_at);
    }

    /// When to look what is due.
    pub(super) fn next(&self) -> Option<Instant> {
        match (self.beat_at, self.lost_at) {
            (Some(beat), Some(lost)) => Some(beat.min(lost)),
            (beat, lost) => beat.or(lost),
        }
    }

    /// What is due now; a heartbeat that is due counts as sent.
    pub(super) fn due(&mut self, now: Instant) -> Due {
        let is_over = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_over(self.lost_at) {
            return Due::Lost(self.interval.unwrap_or_default().saturating_mul(2));
        }
        if is_over(self.beat_at) {
            self.beat_at = None;
            return Due::Beat;
        }
        Due::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_heartbeat_is_answered_one_interval_later_and_once() {
        let now = Instant::now();
        let mut heartbeat = Heartbeat::start(Some(3 * SECOND), now);
        heartbeat.received(now);
        heartbeat.received(now + SECOND);
        assert_eq!(heartbeat.next(), Some(now + 3 * SECOND));
        assert_eq!(heartbeat.due(now + 2 * SECOND), Due::Nothing);
        assert_eq!(heartbeat.due(now + 3 * SECOND), Due::Beat);
        assert_eq!(heartbeat.due(now + 3 * SECOND), Due::Nothing);
    }

    #[test]
    fn a_server_is_lost_after_two_intervals_without_a_word() {
        let now = Instant::now();
        let mut heartbeat = Heartbeat::start(Some(3 * SECOND), now);
        heartbeat.seen(now + 5 * SECOND);
        assert_eq!(heartbeat.due(now + 10 * SECOND), Due::Nothing);
        assert_eq!(heartbeat.due(now + 11 * SECOND), Due::Lost(6 * SECOND));
    }

    #[test]
    fn without_an_interval_nothing_is_due() {
        let now = Instant::now();
        let mut heartbeat = Heartbeat::start(None, now);
        heartbeat.received(now);
        assert_eq!((heartbeat.next(), heartbeat.due(now + 1000 * SECOND)), (None, Due::Nothing));
    }

    #[test]
    fn an_interval_beyond_all_clocks_never_ends() {
        let now = Instant::now();
        let mut heartbeat = Heartbeat::start(Some(Duration::MAX), now);
        heartbeat.received(now);
        assert_eq!(heartbeat.next(), None);
    }
}
