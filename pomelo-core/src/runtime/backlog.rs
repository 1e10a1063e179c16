//! A backlog: an ordered queue that one task works off, as long as there is something in it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

/// A queue, and whether a task works on it.
pub(crate) struct Backlog<T>(Mutex<State<T>>);

struct State<T> {
    waiting: VecDeque<T>,
    working: bool,
}

/// What became of something that was added.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Added<T> {
    /// The task comes to it.
    Queued,
    /// It is the first: a task must be started.
    First,
    /// It wasn't taken: there is no task.
    Idle(T),
    /// It wasn't taken: there is no room.
    Full(T),
}

impl<T> Default for Backlog<T> {
    fn default() -> Self {
        Self(Mutex::new(State { waiting: VecDeque::new(), working: false }))
    }
}

impl<T> Backlog<T> {
    /// Adds something behind what waits, if there is room for that.
    pub(crate) fn add(&self, item: T, limit: usize) -> Added<T> {
        let mut state = self.lock();
        if state.working && state.waiting.len() >= limit {
            return Added::Full(item);
        }
        state.waiting.push_back(item);
        if std::mem::replace(&mut state.working, true) { Added::Queued } else { Added::First }
    }

    /// As [`add`](Self::add), but only while a task works on it.
    pub(crate) fn add_behind(&self, item: T, limit: usize) -> Added<T> {
        let mut state = self.lock();
        if !state.working {
            return Added::Idle(item);
        }
        if state.waiting.len() >= limit {
            return Added::Full(item);
        }
        state.waiting.push_back(item);
        Added::Queued
    }

    /// Whether a task works on it: what is added now comes after something else.
    pub(crate) fn is_working(&self) -> bool {
        self.lock().working
    }

    /// The next, for the task; it ends with none, and what is added then needs another.
    pub(crate) fn next(&self) -> Option<T> {
        let mut state = self.lock();
        let next = state.waiting.pop_front();
        if next.is_none() {
            // It is empty nearly always.
            *state = State { waiting: VecDeque::new(), working: false };
        }
        next
    }

    /// Takes all that waits out.
    pub(crate) fn clear(&self) -> VecDeque<T> {
        std::mem::take(&mut self.lock().waiting)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_task_works_at_a_time_and_what_comes_behind_waits_for_it() {
        let backlog = Backlog::default();
        assert_eq!(backlog.add_behind('a', 9), Added::Idle('a'));
        assert_eq!(backlog.add('b', 9), Added::First);
        assert_eq!(backlog.next(), Some('b'));
        // What was taken last is still being worked on.
        assert_eq!(backlog.add_behind('c', 9), Added::Queued);
        assert_eq!(backlog.add('d', 9), Added::Queued);
        assert_eq!((backlog.next(), backlog.next(), backlog.next()), (Some('c'), Some('d'), None));
        assert!(!backlog.is_working());
        assert_eq!(backlog.add('e', 9), Added::First);
    }

    #[test]
    fn it_has_a_limit() {
        let backlog = Backlog::default();
        assert_eq!(backlog.add('a', 1), Added::First);
        assert_eq!(backlog.add('b', 1), Added::Full('b'));
        assert_eq!(backlog.add_behind('c', 1), Added::Full('c'));
        assert_eq!(backlog.next(), Some('a'));
        assert_eq!(backlog.add('d', 1), Added::Queued);
        assert_eq!(backlog.clear(), ['d']);
        assert_eq!(backlog.next(), None);
    }
}
