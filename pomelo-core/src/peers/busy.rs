//! Work in progress: calls and messages that a server has begun, and ends before it stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts calls and forwarded messages that arrived and are not answered.
#[derive(Default)]
pub(crate) struct Busy(Arc<Inner>);

#[derive(Default)]
struct Inner {
    tasks: AtomicUsize,
    idle: Notify,
}

/// One of them; it ends when it is dropped.
pub(crate) struct Task(Arc<Inner>);

impl Busy {
    /// Counts one more, until what is returned is dropped.
    pub(crate) fn begin(&self) -> Task {
        self.0.tasks.fetch_add(1, Ordering::AcqRel);
        Task(self.0.clone())
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.tasks.load(Ordering::Acquire)
    }

    /// Waits until there is none.
    pub(crate) async fn idle(&self) {
        loop {
            let idle = self.0.idle.notified();
            if self.0.tasks.load(Ordering::Acquire) == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if self.0.tasks.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}
