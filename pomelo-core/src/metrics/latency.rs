//! Latency histograms and error counts for each route and remote method.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;
use tokio::time::Instant;

use super::snapshot::{LastError, RouteReport};
use crate::value::{Error, Fault, beginning};

/// Longer than this counts as this; no handler may take so long.
const LONGEST_LATENCY: Duration = Duration::from_secs(3600);

/// Durations are told apart by this many digits: 1.2 ms from 1.3 ms. A third would cost eight times the memory.
const SIGNIFICANT_DIGITS: u8 = 2;

/// The name of all that nobody handles. Clients make up routes; they must not make this grow.
const UNKNOWN: &str = "unknown";

/// So much of the last error's text is kept, in bytes. A report of a thousand routes has room for that.
const MAX_TEXT: usize = 500;

/// What a server counted that is no method of its own: what nobody handles, hooks, messages for other servers.
pub(crate) struct ServerStats {
    /// When the server was put together.
    started: Instant,
    /// Messages and calls of methods that there are not.
    unknown: MethodStats,
    /// By names that the application has.
    elsewhere: Mutex<BTreeMap<String, Failed>>,
}

/// The statistics of one method. Empty until it is used: a histogram takes 26 KB. Adding to it takes 6 ns, and reading the clock before and after
/// 54 ns, so a lock for each is enough.
#[derive(Default)]
pub(crate) struct MethodStats(OnceLock<Mutex<Counts>>);

struct Counts {
    /// Errors, and the last of them.
    failed: Failed,
    /// Microseconds from the start of handling to the answer, by how many took so long.
    took_us: Histogram<u64>,
}

/// How often something failed, and how at last.
#[derive(Default)]
struct Failed {
    errors: u64,
    /// Of these, what the client did wrong.
    refusals: u64,
    last: Option<Last>,
}

/// The last error that was the server's fault.
struct Last {
    text: Box<str>,
    code: u16,
    at: Instant,
}

impl Default for ServerStats {
    fn default() -> Self {
        Self { started: Instant::now(), unknown: MethodStats::default(), elsewhere: Mutex::default() }
    }
}

impl ServerStats {
    /// Of all that nobody handles, together: clients make up routes.
    pub(crate) fn unknown(&self) -> &MethodStats {
        &self.unknown
    }

    /// Counts what failed and is no method of this server. `name` is one that the application has, or none.
    #[cold]
    pub(crate) fn failed(&self, name: Option<&str>, error: &Error) {
        let mut elsewhere = self.elsewhere.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        elsewhere.entry(name.unwrap_or(UNKNOWN).to_owned()).or_default().add(error);
    }

    /// How long the server has been up.
    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// All that was counted.
    pub(crate) fn reports(&self) -> Vec<RouteReport> {
        let mut reports: Vec<_> = self.unknown.report(UNKNOWN).into_iter().collect();
        let elsewhere = self.elsewhere.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        reports.extend(elsewhere.iter().map(|(name, failed)| failed.report(name)));
        reports
    }
}

impl MethodStats {
    /// Counts a message or a call that has ended.
    pub(crate) fn add(&self, error: Option<&Error>, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mut counts = lock(self.0.get_or_init(Counts::empty));
        counts.took_us.saturating_record(took_us);
        if let Some(error) = error {
            counts.failed.add(error);
        }
    }

    /// What was counted; none if nothing was.
    pub(crate) fn report(&self, route: &str) -> Option<RouteReport> {
        let Counts { failed, took_us } = &*lock(self.0.get()?);
        Some(RouteReport {
            requests: took_us.len(),
            p50_us: took_us.value_at_quantile(0.5),
            p99_us: took_us.value_at_quantile(0.99),
            max_us: took_us.max(),
            ..failed.report(route)
        })
    }
}

impl Counts {
    fn empty() -> Mutex<Self> {
        let took_us = Histogram::new_with_bounds(1, LONGEST_LATENCY.as_micros() as u64, SIGNIFICANT_DIGITS);
        Mutex::new(Self { failed: Failed::default(), took_us: took_us.expect("these bounds are fine") })
    }
}

impl Failed {
    #[cold]
    fn add(&mut self, error: &Error) {
        self.errors += 1;
        match error.fault() {
            Fault::Client => self.refusals += 1,
            Fault::Server => {
                let text = beginning(error.message(), MAX_TEXT).into();
                self.last = Some(Last { text, code: error.code(), at: Instant::now() });
            }
        }
    }

    /// The report of what did nothing but fail.
    fn report(&self, route: &str) -> RouteReport {
        RouteReport {
            route: route.to_owned(),
            requests: self.errors,
            errors: self.errors,
            p50_us: 0,
            p99_us: 0,
            max_us: 0,
            refusals: self.refusals,
            last_error: self.last.as_ref().map(Last::report),
        }
    }
}

impl Last {
    fn report(&self) -> LastError {
        let ago = self.at.elapsed();
        // A clock from before 1970 has no such number.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        LastError {
            text: self.text.to_string(),
            code: self.code,
            at_ms: milliseconds(now.saturating_sub(ago)),
            ago_ms: milliseconds(ago),
        }
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stats_tell_half_nearly_all_and_the_longest() {
        let stats = MethodStats::default();
        assert_eq!(stats.report("r"), None);
        for n in 1..=100 {
            let error = (n % 10 == 0).then(|| Error::new(500, "no"));
            stats.add(error.as_ref(), Duration::from_micros(n * 100));
        }
        let report = stats.report("r").unwrap();
        assert_eq!((report.requests, report.errors), (100, 10));
        let close = |value: u64, to: u64| value.abs_diff(to) * 100 <= to;
        assert!(close(report.p50_us, 5_000), "{report:?}");
        assert!(close(report.p99_us, 9_900) && close(report.max_us, 10_000), "{report:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_error_is_the_servers_and_refusals_are_counted_apart() {
        let stats = MethodStats::default();
        for error in
            [Error::new(500, "first"), Error::new(503, "é".repeat(MAX_TEXT)), Error::new(404, "no room")]
        {
            stats.add(Some(&error), Duration::ZERO);
            tokio::time::advance(Duration::from_secs(2)).await;
        }
        let report = stats.report("r").unwrap();
        assert_eq!((report.errors, report.refusals), (3, 1));
        let last = report.last_error.unwrap();
        assert_eq!((last.code, last.ago_ms, last.text), (503, 4000, "é".repeat(MAX_TEXT / 2)));
    }

    #[test]
    fn what_takes_for_ever_counts_as_the_longest() {
        let stats = MethodStats::default();
        stats.add(None, Duration::MAX);
        stats.add(None, Duration::ZERO);
        let report = stats.report("r").unwrap();
        assert_eq!((report.requests, report.p50_us), (2, 0));
        assert!(report.max_us >= LONGEST_LATENCY.as_micros() as u64, "{report:?}");
    }
}
