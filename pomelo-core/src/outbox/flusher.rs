//! The task that writes dirty outboxes.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::{Frames, KEEP_CAPACITY, Outbox};

/// How many connections are written before other tasks get a turn.
///
/// Between two rounds reads and new pushes land, which the connections that are still dirty then send in the same
/// write. Measured on a bare server of this shape: at 16 to 64 the coalescing is best; at 256, or without yielding,
/// it is gone.
const CONNECTIONS_PER_TURN: usize = 64;

/// A dirty list of outboxes, and the waker of the one task that writes them.
#[derive(Default)]
pub struct Flusher {
    dirty: Mutex<Vec<Arc<Outbox>>>,
    wake: Notify,
}

impl Flusher {
    /// Starts the task that writes, on the current runtime. It ends when it is aborted, and closes what it had still to
    /// write.
    pub fn spawn(self: &Arc<Self>) -> JoinHandle<()> {
        let flusher = self.clone();
        tokio::spawn(async move { flusher.run().await })
    }

    /// Puts an outbox on the list.
    pub fn mark(&self, outbox: Arc<Outbox>) {
        self.list().push(outbox);
        self.wake.notify_one();
    }

    /// Puts all of them on the list, and empties `outboxes`.
    pub fn mark_all(&self, outboxes: &mut Vec<Arc<Outbox>>) {
        if outboxes.is_empty() {
            return;
        }
        self.list().append(outboxes);
        self.wake.notify_one();
    }

    async fn run(&self) {
        let mut batch = Batch { flusher: self, outboxes: Vec::new() };
        let mut spare = Frames::new();
        loop {
            std::mem::swap(&mut batch.outboxes, &mut *self.list());
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

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Outbox>>> {
        self.dirty.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The outboxes that are being written.
struct Batch<'a> {
    flusher: &'a Flusher,
    outboxes: Vec<Arc<Outbox>>,
}

impl Drop for Batch<'_> {
    /// Nobody writes them any more: a connection that waits for its last frame to leave would wait for ever.
    fn drop(&mut self) {
        let marked = std::mem::take(&mut *self.flusher.list());
        self.outboxes.drain(..).chain(marked).for_each(|outbox| outbox.close());
    }
}
