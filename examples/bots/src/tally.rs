//! Shared counters of all bots.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

/// Latencies are kept up to this many microseconds, with three digits; longer ones count as this.
const LONGEST_US: u64 = 60_000_000;
/// How many different errors are kept as text; the rest is only counted.
const KEPT_ERRORS: usize = 8;

/// One number that counts up.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds so many.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many there are.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What all bots count together.
pub struct Tally {
    began: Instant,
    /// Clients that are in their room, those that left included.
    pub entered: Count,
    /// Of those, the ones whose connection is over before its time.
    pub lost: Count,
    /// Clients that had stopped reading and whose connection is over.
    pub cut_off: Count,
    /// Messages said.
    pub said: Count,
    /// How many listeners the messages that were said have, together.
    pub said_to: Count,
    /// How many listeners those have that were refused.
    unheard: Count,
    /// How many times they were heard.
    pub heard: Count,
    /// Requests answered well.
    pub answered: Count,
    /// Requests answered with an error.
    pub refused: Count,
    /// Requests that no answer came to, of those whose connection held.
    pub unanswered: Count,
    /// Pushes that are no bot's message: onAdd, onLeave, what people say.
    pub others: Count,
    deliveries: Mutex<Latencies>,
    answers: Mutex<Latencies>,
    refusals: Mutex<Latencies>,
    gaps: Mutex<Latencies>,
    errors: Mutex<Vec<(String, u64)>>,
}

/// How long something took, in the whole run and since somebody last looked.
struct Latencies {
    all: Histogram<u64>,
    recent: Histogram<u64>,
}

/// What a histogram says, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Percentiles {
    /// Half of them took at most this.
    pub p50: u64,
    /// 99 of 100 took at most this.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

impl Percentiles {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile);
        Self { p50: at(0.5), p99: at(0.99), max: histogram.max() }
    }
}

impl Latencies {
    fn new() -> Self {
        #[expect(clippy::unwrap_used, reason = "constants that the histogram accepts")]
        let empty = Histogram::new_with_bounds(1, LONGEST_US, 3).unwrap();
        Self { all: empty.clone(), recent: empty }
    }

    fn record(&mut self, us: u64) {
        self.all.saturating_record(us.max(1));
        self.recent.saturating_record(us.max(1));
    }
}

impl Tally {
    /// Nothing yet; the clock begins.
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            entered: Count::default(),
            lost: Count::default(),
            cut_off: Count::default(),
            said: Count::default(),
            said_to: Count::default(),
            unheard: Count::default(),
            heard: Count::default(),
            answered: Count::default(),
            refused: Count::default(),
            unanswered: Count::default(),
            others: Count::default(),
            deliveries: Mutex::new(Latencies::new()),
            answers: Mutex::new(Latencies::new()),
            refusals: Mutex::new(Latencies::new()),
            gaps: Mutex::new(Latencies::new()),
            errors: Mutex::default(),
        }
    }

    /// Microseconds since the program began.
    pub fn now(&self) -> u64 {
        micros(self.began.elapsed())
    }

    /// A message arrived that was said at that time.
    pub fn delivered(&self, said_at: u64) {
        self.heard.add(1);
        lock(&self.deliveries).record(self.now().saturating_sub(said_at));
    }

    /// A request was answered that was sent at that time; `before` is when its client had such an answer last.
    pub fn answer_took(&self, asked_at: u64, before: u64) {
        let now = self.now();
        lock(&self.answers).record(now.saturating_sub(asked_at));
        lock(&self.gaps).record(now.saturating_sub(before));
    }

    /// A message was refused that was said at that time, and so many won't hear it.
    pub fn refuse(&self, said_at: u64, listeners: u32) {
        self.refused.add(1);
        self.unheard.add(u64::from(listeners));
        lock(&self.refusals).record(self.now().saturating_sub(said_at));
    }

    /// Whether there is still a message to be heard, or an answer to come.
    pub fn is_waiting(&self) -> bool {
        self.heard.get() < self.expected() || self.answered.get() + self.refused.get() < self.said.get()
    }

    /// How long requests took to be refused.
    pub fn refusal_times(&self) -> Percentiles {
        Percentiles::of(&lock(&self.refusals).all)
    }

    /// How long clients who talked went without a request that was answered well.
    pub fn gap_times(&self) -> Percentiles {
        Percentiles::of(&lock(&self.gaps).all)
    }

    /// How many times messages should have been heard by the end: all but the refused.
    pub fn expected(&self) -> u64 {
        self.said_to.get().saturating_sub(self.unheard.get())
    }

    /// How long messages took to arrive, all of them.
    pub fn delivery_times(&self) -> Percentiles {
        Percentiles::of(&lock(&self.deliveries).all)
    }

    /// How long requests took to be answered, all of them.
    pub fn answer_times(&self) -> Percentiles {
        Percentiles::of(&lock(&self.answers).all)
    }

    /// How long messages took to arrive since this was last asked.
    pub fn recent_delivery_times(&self) -> Percentiles {
        let mut latencies = lock(&self.deliveries);
        let recent = Percentiles::of(&latencies.recent);
        latencies.recent.reset();
        recent
    }

    /// Something went wrong.
    pub fn fail(&self, error: impl std::fmt::Display) {
        let (error, mut errors) = (error.to_string(), lock(&self.errors));
        if let Some((_, count)) = errors.iter_mut().find(|(known, _)| *known == error) {
            *count += 1;
        } else if errors.len() < KEPT_ERRORS {
            errors.push((error, 1));
        } else if let Some((_, count)) = errors.last_mut() {
            *count += 1;
        }
    }

    /// What went wrong, and how often; the last one stands for all that are not kept.
    pub fn errors(&self) -> Vec<(String, u64)> {
        lock(&self.errors).clone()
    }
}

/// Whole microseconds.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let mut latencies = Latencies::new();
        (1..=100).for_each(|us| latencies.record(us * 10));
        assert_eq!(Percentiles::of(&latencies.all), Percentiles { p50: 500, p99: 990, max: 1_000 });
    }

    #[test]
    fn a_time_beyond_the_longest_counts_as_the_longest() {
        let mut latencies = Latencies::new();
        latencies.record(u64::MAX);
        let Percentiles { p50, .. } = Percentiles::of(&latencies.all);
        assert!((LONGEST_US..LONGEST_US * 2).contains(&p50), "{p50}");
    }

    #[test]
    fn looking_at_recent_times_forgets_them_and_keeps_all() {
        let tally = Tally::new();
        tally.delivered(tally.now());
        assert_ne!(tally.recent_delivery_times(), Percentiles::default());
        assert_eq!(tally.recent_delivery_times(), Percentiles::default());
        assert_ne!(tally.delivery_times(), Percentiles::default());
    }

    #[test]
    fn errors_are_counted_and_only_some_kept() {
        let tally = Tally::new();
        (0..100).for_each(|n| tally.fail(n % 20));
        let errors = tally.errors();
        assert_eq!(errors.len(), KEPT_ERRORS);
        assert_eq!(errors.iter().map(|(_, count)| count).sum::<u64>(), 100);
    }
}
