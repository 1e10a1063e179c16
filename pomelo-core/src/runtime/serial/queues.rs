//! The queues of keys: who has the turn at each, and who waits for it.
//!
//! A key is in the table as long as somebody has its turn or waits for it, so idle keys cost nothing.

use std::collections::{HashMap, VecDeque};
use std::panic::Location;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use super::super::origin::Worker;

/// Keys are spread over so many tables, so that workers rarely meet at a lock.
const SHARDS: usize = 16;

/// The queue of every key that is in use.
#[derive(Default)]
pub(crate) struct SerialQueues([Mutex<HashMap<String, Queue>>; SHARDS]);

/// Those of one key, in the order in which they came; the first has the turn.
#[derive(Default)]
struct Queue {
    places: VecDeque<Place>,
    /// The number of the next one who comes.
    next: u64,
}

struct Place {
    number: u64,
    /// The line that asked for it.
    asked_at: &'static Location<'static>,
    /// Once it has been told of its turn.
    worker: Option<Worker>,
    /// To be told of its turn.
    waker: Option<Waker>,
}

/// Who keeps others waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holder {
    /// The line that asked for the turn.
    pub(super) asked_at: &'static Location<'static>,
    /// What does something with it; none while it has not been taken.
    pub(super) worker: Option<Worker>,
}

impl SerialQueues {
    /// A place behind all that have one, unless more than `limit` wait there.
    pub(super) fn join(&self, key: &str, limit: usize, asked_at: &'static Location<'static>) -> Option<u64> {
        let mut keys = self.shard(key);
        let new = Place { number: 0, asked_at, worker: None, waker: None };
        let Some(queue) = keys.get_mut(key) else {
            keys.insert(key.to_owned(), Queue { places: VecDeque::from([new]), next: 1 });
            return Some(0);
        };
        if queue.places.len() > limit {
            return None;
        }
        let number = queue.next;
        queue.next += 1;
        queue.places.push_back(Place { number, ..new });
        Some(number)
    }

    /// Takes the turn for a worker, or says who has it and wakes the task when that has changed.
    pub(super) fn poll(
        &self,
        key: &str,
        number: u64,
        worker: Option<Worker>,
        cx: &Context<'_>,
    ) -> Poll<Option<Holder>> {
        let mut keys = self.shard(key);
        let Some(queue) = keys.get_mut(key) else { return Poll::Pending };
        if let Some(first) = queue.places.front_mut().filter(|first| first.number == number) {
            first.worker = worker;
            first.waker = None;
            return Poll::Ready(None);
        }
        let holder = queue.holder();
        if holder.is_some_and(|holder| worker.is_some() && holder.worker == worker) {
            return Poll::Ready(holder);
        }
        if let Some(place) = queue.places.iter_mut().find(|place| place.number == number) {
            place.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Who has the turn.
    pub(super) fn holder(&self, key: &str) -> Option<Holder> {
        self.shard(key).get(key).and_then(Queue::holder)
    }

    /// Gives a place up, or the turn back, which is then the next one's.
    pub(super) fn leave(&self, key: &str, number: u64) {
        let mut keys = self.shard(key);
        let Some(queue) = keys.get_mut(key) else { return };
        queue.places.retain(|place| place.number != number);
        let next = queue.places.front_mut().and_then(|first| first.waker.take());
        if queue.places.is_empty() {
            keys.remove(key);
        }
        drop(keys);
        next.into_iter().for_each(Waker::wake);
    }

    /// How many keys are in use.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|shard| lock(shard).len()).sum()
    }

    fn shard(&self, key: &str) -> MutexGuard<'_, HashMap<String, Queue>> {
        lock(&self.0[crc32fast::hash(key.as_bytes()) as usize % SHARDS])
    }
}

impl Queue {
    fn holder(&self) -> Option<Holder> {
        self.places.front().map(|first| Holder { asked_at: first.asked_at, worker: first.worker })
    }
}

fn lock(shard: &Mutex<HashMap<String, Queue>>) -> MutexGuard<'_, HashMap<String, Queue>> {
    shard.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
