//! Queue: what one reader has not taken yet, at most so much of it; a reader that lags is told how much it missed.
//!
//! tokio's `broadcast` is one queue for all readers: who reads one route would miss, and count, what others were pushed.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use thiserror::Error;

/// A reader was slower than the server: so many were dropped, the oldest, since its queue was full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0} were missed, since nobody took them in time")]
pub struct Missed(pub u64);

/// A bounded queue of one reader, which never makes its writer wait.
#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    capacity: usize,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    /// How many were dropped before the first of the items.
    missed: u64,
    /// Nothing more comes.
    is_over: bool,
    reader: Option<Waker>,
}

impl<T> Queue<T> {
    pub(super) fn new(capacity: usize) -> Self {
        let state = State { items: VecDeque::new(), missed: 0, is_over: false, reader: None };
        Self { state: Mutex::new(state), capacity: capacity.max(1) }
    }

    /// Adds an item; drops the oldest if there is no room.
    pub(super) fn push(&self, item: T) {
        let mut state = self.lock();
        if state.items.len() >= self.capacity {
            state.items.pop_front();
            state.missed = state.missed.saturating_add(1);
        }
        state.items.push_back(item);
        wake(state);
    }

    /// Says that nothing more comes.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.is_over = true;
        wake(state);
    }

    /// The next item, or how many were dropped before it; nothing at the end.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Missed>>> {
        let mut state = self.lock();
        if state.missed > 0 {
            return Poll::Ready(Some(Err(Missed(mem::take(&mut state.missed)))));
        }
        match state.items.pop_front() {
            Some(item) => Poll::Ready(Some(Ok(item))),
            None if state.is_over => Poll::Ready(None),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// What is below the lock is whole after each statement, so that a panic elsewhere says nothing of it.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the reader, once the lock is free.
fn wake<T>(mut state: MutexGuard<'_, State<T>>) {
    let reader = state.reader.take();
    drop(state);
    if let Some(reader) = reader {
        reader.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(queue: &Queue<u32>) -> Poll<Option<Result<u32, Missed>>> {
        queue.poll_next(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_reader_that_lags_is_told_how_much_it_missed_before_it_goes_on() {
        let queue = Queue::new(2);
        (1..=5).for_each(|item| queue.push(item));
        assert_eq!(next(&queue), Poll::Ready(Some(Err(Missed(3)))));
        assert_eq!(next(&queue), Poll::Ready(Some(Ok(4))));
        queue.push(6);
        queue.push(7);
        assert_eq!(next(&queue), Poll::Ready(Some(Err(Missed(1)))), "5 is gone");
        queue.end();
        assert_eq!(next(&queue), Poll::Ready(Some(Ok(6))));
        assert_eq!(next(&queue), Poll::Ready(Some(Ok(7))));
        assert_eq!((next(&queue), next(&queue)), (Poll::Ready(None), Poll::Ready(None)));
    }

    #[test]
    fn a_reader_waits_for_what_comes() {
        let queue = Queue::new(2);
        assert_eq!(next(&queue), Poll::Pending);
        queue.push(1);
        assert_eq!((next(&queue), next(&queue)), (Poll::Ready(Some(Ok(1))), Poll::Pending));
    }
}
