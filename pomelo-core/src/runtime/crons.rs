//! The crons of a server: what runs by the calendar, by id.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use tokio::sync::Notify;

/// The crons of one server, in the order in which they were added.
#[derive(Default)]
pub(crate) struct Crons(Mutex<Vec<Arc<CronEntry>>>);

/// A cron that waits for its time, or runs.
pub(crate) struct CronEntry {
    pub(crate) id: Arc<str>,
    /// Its six fields, as they were given.
    pub(crate) time: String,
    /// `chatCron.sendMoney`; none of one that was added in code.
    pub(crate) action: Option<String>,
    /// Tells it that it was removed.
    pub(crate) removed: Notify,
    /// When it is due next.
    next: Mutex<Option<SystemTime>>,
    runs: AtomicU64,
    skipped: AtomicU64,
}

impl Crons {
    /// Adds one; no, if there is one of that id.
    pub(crate) fn add(&self, entry: &Arc<CronEntry>) -> bool {
        let mut all = self.lock();
        let is_new = all.iter().all(|other| other.id != entry.id);
        if is_new {
            all.push(entry.clone());
        }
        is_new
    }

    /// Takes one out, and tells it.
    pub(crate) fn remove(&self, id: &str) -> Option<Arc<CronEntry>> {
        let mut all = self.lock();
        let place = all.iter().position(|entry| *entry.id == *id)?;
        let removed = all.remove(place);
        removed.removed.notify_one();
        Some(removed)
    }

    pub(crate) fn all(&self) -> Vec<Arc<CronEntry>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<CronEntry>>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl CronEntry {
    pub(crate) fn new(id: Arc<str>, time: String, action: Option<String>) -> Arc<Self> {
        let (removed, next) = (Notify::new(), Mutex::default());
        Arc::new(Self {
            id,
            time,
            action,
            removed,
            next,
            runs: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
        })
    }

    /// When it is due next.
    pub(crate) fn next(&self) -> Option<SystemTime> {
        *self.next.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn set_next(&self, next: Option<SystemTime>) {
        *self.next.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = next;
    }

    /// How many runs have begun, and how often it was due while one ran.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.runs.load(Ordering::Relaxed), self.skipped.load(Ordering::Relaxed))
    }

    pub(crate) fn count_run(&self) {
        self.runs.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_skipped(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }
}
