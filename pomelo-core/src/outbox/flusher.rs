//! The tasks that write dirty outboxes.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::backlog::Backlog;
use super::{Frames, KEEP_CAPACITY, Outbox};
use crate::limits::Limits;

/// How many connections are written before other tasks get a turn.
///
/// Between two rounds reads and new pushes land, which the connections that are still dirty then send in the same
/// write. Measured on a bare server of this shape: at 16 to 64 the coalescing is best; at 256, or without yielding,
/// it is gone.
const CONNECTIONS_PER_TURN: usize = 64;

/// The dirty lists of outboxes, one for each worker thread, and the tasks that write them.
///
/// What a worker has pushed is written by the task that it woke, which mostly runs on the same worker next: what was queued
/// is in its cache, no other worker is woken, and several write at the same time. An outbox is on one list at most.
pub struct Flusher {
    lists: Box<[List]>,
    pub(super) backlog: Backlog,
}

/// A dirty list, and the waker of the one task that writes it. No two of them share a cache line.
#[derive(Default)]
#[repr(align(128))]
struct List {
    dirty: Mutex<Vec<Arc<Outbox>>>,
    wake: Notify,
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
        Self { lists: (0..workers).map(|_| List::default()).collect(), backlog: Backlog::new(outboxes) }
    }

    /// Waits until the outboxes hold so much that somebody should look who is [too slow](Self::too_slow).
    pub(crate) async fn pressed(&self) {
        self.backlog.pressed().await;
    }

    /// The outboxes of clients that are too slow for what waits for them, to be kicked.
    pub(crate) fn too_slow(&self) -> Vec<Arc<Outbox>> {
        self.backlog.too_slow()
    }

    /// Starts the tasks that write, on the current runtime. They end when they are aborted, and close what they had still
    /// to write.
    pub fn spawn(self: &Arc<Self>) -> Vec<JoinHandle<()>> {
        let run = |index: usize| {
            let flusher = self.clone();
            tokio::spawn(async move { flusher.lists[index].run().await })
        };
        (0..self.lists.len()).map(run).collect()
    }

    /// Puts an outbox on the list.
    pub fn mark(&self, outbox: Arc<Outbox>) {
        let list = self.own();
        list.dirty().push(outbox);
        list.wake.notify_one();
    }

    /// Puts all of them on the list, and empties `outboxes`.
    pub fn mark_all(&self, outboxes: &mut Vec<Arc<Outbox>>) {
        if outboxes.is_empty() {
            return;
        }
        let list = self.own();
        list.dirty().append(outboxes);
        list.wake.notify_one();
    }

    /// The list of this thread. Threads that are no workers use the first one.
    fn own(&self) -> &List {
        &self.lists[tokio::runtime::worker_index().unwrap_or(0) % self.lists.len()]
    }
}

impl List {
    async fn run(&self) {
        let mut batch = Batch { list: self, outboxes: Vec::new() };
        let mut spare = Frames::new();
        loop {
            std::mem::swap(&mut batch.outboxes, &mut *self.dirty());
            if batch.outboxes.is_empty() {
                self.wake.notified().await;
                continue;
            }
            let mut turn = 0;
            for outbox in &batch.outboxes {
                outbox.flush(&mut spare);
                if spare.capacity() > KEEP_CAPACITY * 64 {
                    spare = Frames::new();
                }
                turn += 1;
                if turn == CONNECTIONS_PER_TURN {
                    turn = 0;
                    tokio::task::yield_now().await;
                }
            }
            batch.outboxes.clear();
        }
    }

    fn dirty(&self) -> MutexGuard<'_, Vec<Arc<Outbox>>> {
        self.dirty.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The outboxes that are being written.
struct Batch<'a> {
    list: &'a List,
    outboxes: Vec<Arc<Outbox>>,
}

impl Drop for Batch<'_> {
    /// Nobody writes them any more: a connection that waits for its last frame to leave would wait for ever.
    fn drop(&mut self) {
        let marked = std::mem::take(&mut *self.list.dirty());
        self.outboxes.drain(..).chain(marked).for_each(|outbox| outbox.close());
    }
}
