//! A lane's queue: bounded, pushed to by everybody and emptied by one task.
//!
//! A channel of tokio's counts places, blocks and wakers by themselves, and moves each item some six times; a lane is on the way of
//! every message, and its items are large.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

/// An idle queue keeps memory for so many items at most.
const KEPT_CAPACITY: usize = 64;

/// Items in the order in which they were pushed.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    /// How many may wait.
    limit: usize,
}

struct State<T> {
    /// In the order in which they were pushed.
    waiting: VecDeque<T>,
    /// The task that takes them, while there is nothing to take.
    sleeper: Option<Waker>,
    /// The taker is gone, and nobody will take anything.
    is_closed: bool,
}

impl<T> Queue<T> {
    /// Room for `limit` items, and the end that takes them.
    pub(crate) fn new(limit: usize) -> (Arc<Self>, Taker<T>) {
        let state = State { waiting: VecDeque::new(), sleeper: None, is_closed: false };
        let queue = Arc::new(Self { state: Mutex::new(state), limit });
        (queue.clone(), Taker(queue))
    }

    /// Appends an item; one for which there is no room comes back.
    pub(crate) fn push(&self, item: T) -> Option<T> {
        let mut state = self.lock();
        if state.waiting.len() >= self.limit || state.is_closed {
            return Some(item);
        }
        state.waiting.push_back(item);
        let sleeper = state.sleeper.take();
        drop(state);
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The end of a queue that takes items out. Dropped, it drops those that wait, and none is pushed any more.
pub(crate) struct Taker<T>(Arc<Queue<T>>);

impl<T> Taker<T> {
    /// The next item, which `open` makes something smaller of.
    pub(crate) fn poll<U>(&self, cx: &mut Context<'_>, open: impl FnOnce(T) -> U) -> Poll<U> {
        let mut state = self.0.lock();
        if let Some(item) = state.waiting.pop_front() {
            drop(state);
            return Poll::Ready(open(item));
        }
        if state.waiting.capacity() > KEPT_CAPACITY {
            state.waiting = VecDeque::new();
        }
        if !state.sleeper.as_ref().is_some_and(|sleeper| sleeper.will_wake(cx.waker())) {
            state.sleeper = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl<T> Drop for Taker<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_closed = true;
        let left = (std::mem::take(&mut state.waiting), state.sleeper.take());
        // What they hold is dropped outside of the lock.
        drop(state);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use futures::future::poll_fn;
    use tokio::task::yield_now;

    use super::*;

    async fn next(taker: &Taker<Arc<u32>>) -> u32 {
        poll_fn(|cx| taker.poll(cx, |item| *item)).await
    }

    #[tokio::test]
    async fn items_come_in_order_and_no_more_than_there_is_room_for() {
        let (queue, taker) = Queue::new(2);
        assert_eq!([1, 2, 3].map(|item| queue.push(Arc::new(item))), [None, None, Some(Arc::new(3))]);
        assert_eq!((next(&taker).await, queue.push(Arc::new(4))), (1, None));
        assert_eq!((next(&taker).await, next(&taker).await), (2, 4));
    }

    #[tokio::test]
    async fn who_sleeps_is_woken() {
        let (queue, taker) = Queue::new(8);
        let taking = tokio::spawn(async move { (next(&taker).await, next(&taker).await) });
        for item in [1, 2] {
            yield_now().await;
            assert_eq!(queue.push(Arc::new(item)), None);
        }
        assert_eq!(taking.await.unwrap(), (1, 2));
    }

    #[test]
    fn without_a_taker_nothing_is_kept() {
        let (queue, taker) = Queue::new(8);
        let item = Arc::new(1);
        assert_eq!(queue.push(item.clone()), None);
        drop(taker);
        assert_eq!(Arc::strong_count(&item), 1);
        assert_eq!(queue.push(item.clone()), Some(item));
    }
}
