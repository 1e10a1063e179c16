//! The flusher of a server: the tasks that write dirty outboxes, one for each worker thread.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Outbox;
use super::backlog::Backlog;
use super::writer::List;
use crate::runtime::Supervisor;
use crate::value::Limits;

/// The dirty lists of outboxes, one for each worker thread, and the tasks that write them.
///
/// What a worker has pushed is written by the task that it woke, which mostly runs on the same worker next: what was queued
/// is in its cache, no other worker is woken, and several write at the same time. An outbox is on one list at most.
///
/// What is dirty stays on its list, or returns there if a task is cut off: one that is begun again after a panic finds it.
pub struct Flusher {
    /// Dirty outboxes, one list for each worker thread.
    pub(super) lists: Box<[List]>,
    /// The bytes of all outboxes, and their limit.
    pub(super) backlog: Backlog,
    /// Runs the tasks, from their start.
    tasks: OnceLock<Supervisor>,
}

impl Default for Flusher {
    fn default() -> Self {
        Self::new(Limits::default().outboxes)
    }
}

impl Flusher {
    /// A flusher of outboxes that together hold at most so many bytes for clients that take nothing at the moment.
    pub(crate) fn new(outboxes: usize) -> Self {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            lists: (0..workers).map(|_| List::default()).collect(),
            backlog: Backlog::new(outboxes),
            tasks: OnceLock::new(),
        }
    }

    /// Waits until the outboxes hold so much that somebody should look who is [too slow](Self::too_slow).
    pub(crate) async fn pressed(&self) {
        self.backlog.pressed().await;
    }

    /// The outboxes of clients that are too slow for what waits for them, to be kicked.
    pub(crate) fn too_slow(&self) -> Vec<Arc<Outbox>> {
        self.backlog.too_slow()
    }

    /// Starts the tasks that write.
    pub fn start(self: &Arc<Self>, tasks: &Supervisor) {
        // It is started once; another runtime would not serve its sockets.
        let _ = self.tasks.set(tasks.clone());
        for index in 0..self.lists.len() {
            let flusher = self.clone();
            tasks.spawn("flusher", move || {
                let flusher = flusher.clone();
                async move { flusher.lists[index].run().await }
            });
        }
    }

    /// Closes what is still to be written, and from now on whatever is put on a list: a connection that waits for its last frame
    /// to leave would wait for ever.
    pub(crate) fn end(&self) {
        self.lists.iter().for_each(List::end);
    }

    /// Closes an outbox in a while; at once, if nobody writes.
    pub(super) fn close_in(&self, delay: Duration, outbox: Arc<Outbox>) {
        let Some(tasks) = self.tasks.get() else { return outbox.close() };
        tasks.runtime().spawn(async move {
            tokio::time::sleep(delay).await;
            outbox.close();
        });
    }
}
