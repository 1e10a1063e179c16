//! Reconnecting: how long a client waits before it connects again, as our JavaScript client does.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// How a client comes back when its connection was lost.
///
/// Each wait is longer than the one before, and moved at random, so that clients that lost the same server come back spread out. A client
/// doesn't come back after a kick, nor after a close of its own.
///
/// ```
/// use std::time::Duration;
///
/// use pomelo_net::client::{ClientOptions, Reconnect};
///
/// let options = ClientOptions::new().reconnect(Reconnect::new().longest(Duration::from_secs(10)).attempts(20));
/// let at_most_once = ClientOptions::new().reconnect(Reconnect::never());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Reconnect {
    first: Duration,
    longest: Duration,
    factor: f32,
    jitter: f64,
    /// After so many that failed it gives up.
    attempts: Option<u32>,
}

impl Reconnect {
    /// After 1 s, then twice as long each time, up to 30 s, moved by a quarter at most; without end.
    pub fn new() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(30),
            factor: 2.0,
            jitter: 0.25,
            attempts: None,
        }
    }

    /// Not at all.
    pub fn never() -> Self {
        Self::new().attempts(0)
    }

    /// The wait before the first attempt.
    #[must_use]
    pub fn first(mut self, wait: Duration) -> Self {
        self.first = wait;
        self
    }

    /// The longest wait.
    #[must_use]
    pub fn longest(mut self, wait: Duration) -> Self {
        self.longest = wait;
        self
    }

    /// How many times as long each wait is as the one before; at least once.
    #[must_use]
    pub fn factor(mut self, factor: f32) -> Self {
        self.factor = factor.max(1.0);
        self
    }

    /// The share by which a wait is moved at random, up or down, from 0 to 1.
    #[must_use]
    pub fn jitter(mut self, share: f64) -> Self {
        self.jitter = share.clamp(0.0, 1.0);
        self
    }

    /// How many attempts are made after a loss before the client gives up.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// The waits after one loss.
    pub(super) fn waits(&self) -> Waits {
        let (first, longest) = (self.first.min(self.longest), self.longest);
        let waits = ExponentialBuilder::default()
            .with_min_delay(first)
            .with_max_delay(longest)
            .with_factor(self.factor)
            .without_max_times()
            .build();
        Waits { waits, longest, jitter: self.jitter, attempts: self.attempts, attempt: 0 }
    }
}

impl Default for Reconnect {
    fn default() -> Self {
        Self::new()
    }
}

/// The waits before attempts to connect again, counted from 1; they end where the client gives up.
pub(super) struct Waits {
    waits: ExponentialBackoff,
    longest: Duration,
    jitter: f64,
    attempts: Option<u32>,
    attempt: u32,
}

impl Iterator for Waits {
    type Item = (u32, Duration);

    fn next(&mut self) -> Option<Self::Item> {
        if self.attempts.is_some_and(|most| self.attempt >= most) {
            return None;
        }
        self.attempt = self.attempt.saturating_add(1);
        let wait = self.waits.next().unwrap_or(self.longest);
        Some((self.attempt, moved(wait, self.jitter, random_share())))
    }
}

/// A wait that is moved by a share of itself, up or down; `random` is from 0 to 1.
fn moved(wait: Duration, jitter: f64, random: f64) -> Duration {
    let factor = 1.0 + jitter * (2.0 * random - 1.0);
    Duration::try_from_secs_f64(wait.as_secs_f64() * factor).unwrap_or(wait)
}

/// A number from 0 to 1. On a system without randomness clients come back all the same, only not spread out.
fn random_share() -> f64 {
    getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(reconnect: &Reconnect) -> Vec<u64> {
        reconnect.waits().take(7).map(|(_, wait)| wait.as_secs()).collect()
    }

    #[test]
    fn waits_grow_up_to_the_longest() {
        let reconnect = Reconnect::new().jitter(0.0);
        assert_eq!(seconds(&reconnect), [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(seconds(&reconnect.clone().first(Duration::from_secs(60))), [30; 7]);
        assert_eq!(seconds(&reconnect.clone().factor(0.1)), [1; 7]);
        assert_eq!(seconds(&reconnect.attempts(2)), [1, 2]);
        assert_eq!(seconds(&Reconnect::never()), [0; 0]);
    }

    #[test]
    fn a_wait_is_moved_by_a_quarter_at_most() {
        let wait = Duration::from_secs(8);
        for (random, expected) in [(0.0, 6), (0.5, 8), (1.0, 10)] {
            assert_eq!(moved(wait, 0.25, random), Duration::from_secs(expected));
        }
        let (_, first) = Reconnect::new().waits().next().unwrap();
        assert!((Duration::from_millis(750)..=Duration::from_millis(1250)).contains(&first), "{first:?}");
    }
}
