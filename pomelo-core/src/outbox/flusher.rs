//! The tasks that write dirty outboxes.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;

use super::backlog::Backlog;
use super::{Frames, KEEP_CAPACITY, Outbox};
use crate::runtime::Supervisor;
use crate::value::Limits;

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
///
/// What is dirty stays on its list, or returns there if a task is cut off: one that is begun again after a panic finds it.
pub struct Flusher {
    /// Dirty outboxes, one list for each worker thread.
    lists: Box<[List]>,
    /// The bytes of all outboxes, and their limit.
    pub(super) backlog: Backlog,
    /// Runs the tasks, from their start.
    tasks: OnceLock<Supervisor>,
}

/// A dirty list, and the waker of the one task that writes it. No two of them share a cache line.
#[derive(Default)]
#[repr(align(128))]
struct List {
    dirty: Mutex<Dirty>,
    wake: Notify,
}

#[derive(Default)]
struct Dirty {
    outboxes: Vec<Arc<Outbox>>,
    /// Nobody writes any more.
    is_ended: bool,
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
        for list in &self.lists {
            let mut dirty = list.dirty();
            dirty.is_ended = true;
            let outboxes = std::mem::take(&mut dirty.outboxes);
            drop(dirty);
            outboxes.iter().for_each(|outbox| outbox.close());
        }
    }

    /// Puts an outbox on the list.
    pub fn mark(&self, outbox: Arc<Outbox>) {
        self.own().mark(|outboxes| outboxes.push(outbox));
    }

    /// Puts all of them on the list, and empties `outboxes`.
    pub fn mark_all(&self, outboxes: &mut Vec<Arc<Outbox>>) {
        if !outboxes.is_empty() {
            self.own().mark(|dirty| dirty.append(outboxes));
        }
    }

    /// Closes an outbox in a while; at once, if nobody writes.
    pub(super) fn close_in(&self, delay: Duration, outbox: Arc<Outbox>) {
        let Some(tasks) = self.tasks.get() else { return outbox.close() };
        tasks.runtime().spawn(async move {
            tokio::time::sleep(delay).await;
            outbox.close();
        });
    }

    /// The list of this thread. Threads that are no workers use the first one.
    fn own(&self) -> &List {
        &self.lists[tokio::runtime::worker_index().unwrap_or(0) % self.lists.len()]
    }
}

impl List {
    fn mark(&self, add: impl FnOnce(&mut Vec<Arc<Outbox>>)) {
        let mut dirty = self.dirty();
        add(&mut dirty.outboxes);
        if dirty.is_ended {
            let outboxes = std::mem::take(&mut dirty.outboxes);
            drop(dirty);
            return outboxes.iter().for_each(|outbox| outbox.close());
        }
        drop(dirty);
        self.wake.notify_one();
    }

    async fn run(&self) {
        let mut batch = Batch { list: self, outboxes: Vec::new(), written: 0 };
        let mut spare = Frames::new();
        loop {
            std::mem::swap(&mut batch.outboxes, &mut self.dirty().outboxes);
            if batch.outboxes.is_empty() {
                self.wake.notified().await;
                continue;
            }
            while let Some(outbox) = batch.outboxes.get(batch.written) {
                outbox.flush(&mut spare);
                if spare.capacity() > KEEP_CAPACITY * 64 {
                    spare = Frames::new();
                }
                batch.written += 1;
                if batch.written.is_multiple_of(CONNECTIONS_PER_TURN) {
                    tokio::task::yield_now().await;
                }
            }
            batch.clear();
        }
    }

    fn dirty(&self) -> MutexGuard<'_, Dirty> {
        self.dirty.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The outboxes that are being written.
struct Batch<'a> {
    list: &'a List,
    outboxes: Vec<Arc<Outbox>>,
    /// How many of them are.
    written: usize,
}

impl Batch<'_> {
    fn clear(&mut self) {
        self.outboxes.clear();
        self.written = 0;
    }
}

impl Drop for Batch<'_> {
    /// What isn't written goes back on the list. The first of it may be what made the task panic; if it does so again, only that
    /// connection is closed.
    fn drop(&mut self) {
        let mut left = self.outboxes.drain(..).skip(self.written);
        let first = left.next().filter(|first| first.may_be_tried_again());
        let left: Vec<_> = first.into_iter().chain(left).collect();
        self.list.mark(|outboxes| outboxes.extend(left));
    }
}
