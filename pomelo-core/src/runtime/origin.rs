//! The origin of a call: the session whose message or closing the calling code runs for; and which piece of work that code is.
//!
//! Waiting for a session to close would never end where the closing itself waits for who waits. So everybody who handles a
//! message or runs a hook says so here, for as long as its future is polled, and calls carry it on to where they are served.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use super::span::Within;
use crate::wire::envelope::Origin;

thread_local! {
    static CURRENT: Cell<Current> = const { Cell::new(Current { origin: Origin::Outside, work: NO_SCOPE }) };
}

/// What this thread runs: on whose behalf, and as which piece of work.
#[derive(Clone, Copy)]
pub(crate) struct Current {
    origin: Origin,
    /// The number of the scope; [`UNNUMBERED`] until somebody wants to know it.
    work: u64,
}

/// No scope is being polled.
const NO_SCOPE: u64 = u64::MAX;

/// A scope that nobody has asked for its number.
const UNNUMBERED: u64 = 0;

/// A piece of work that waits for itself if it waits for what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worker {
    /// A message, a call or a hook of a session, wherever it goes on: the same one in another task, too.
    Scope(u64),
    /// What else runs in a task.
    Task(tokio::task::Id),
}

/// On whose behalf this very code runs.
pub(crate) fn current() -> Origin {
    CURRENT.get().origin
}

/// Which piece of work this very code is; none outside of tasks.
pub(crate) fn worker() -> Option<Worker> {
    match here().work {
        NO_SCOPE => tokio::task::try_id().map(Worker::Task),
        number => Some(Worker::Scope(number)),
    }
}

/// What this very code runs as, for a part of it that runs elsewhere.
pub(crate) fn here() -> Current {
    static NEXT: AtomicU64 = AtomicU64::new(UNNUMBERED + 1);
    let mut current = CURRENT.get();
    if current.work == UNNUMBERED {
        current.work = NEXT.fetch_add(1, Ordering::Relaxed);
        CURRENT.set(current);
    }
    current
}

/// Polls a future on behalf of an origin. A future that is pinned where it is needs no memory of its own for it.
pub(crate) fn scope<F: Future + Unpin>(origin: Origin, future: F) -> Scoped<F> {
    Current { origin, work: UNNUMBERED }.scope(future)
}

impl Current {
    /// Polls a future as a part of that work.
    pub(crate) fn scope<F: Future + Unpin>(self, future: F) -> Scoped<F> {
        Scoped { current: self, within: Within::default(), future }
    }
}

/// See [`scope`].
#[must_use = "it does nothing unless it is awaited"]
pub(crate) struct Scoped<F> {
    current: Current,
    within: Within,
    future: F,
}

impl<F> Scoped<F> {
    /// Polls it within a span, too.
    pub(crate) fn within(self, within: Within) -> Self {
        Self { within, ..self }
    }
}

impl<F: Future + Unpin> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { current, within, future } = &mut *self;
        let _entered = (Entered { before: CURRENT.replace(*current), current }, within.enter());
        Pin::new(future).poll(cx)
    }
}

/// Puts the origin back, also when a poll panics, and keeps the number that the scope may have got.
struct Entered<'a> {
    before: Current,
    current: &'a mut Current,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        *self.current = CURRENT.replace(self.before);
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::pin::pin;

    use futures::FutureExt;

    use super::*;
    use crate::value::{Incarnation, SessionId};

    fn handler(serial: u64) -> Origin {
        Origin::Handler(SessionId { incarnation: Incarnation::from_bits(1), serial })
    }

    #[test]
    fn a_scope_lasts_as_long_as_a_poll_and_the_inner_one_counts() {
        let inner = || scope(Origin::Hook, ready(()).map(|()| current()));
        let outer = pin!(async { (current(), inner().await, current()) });
        let seen = scope(handler(1), outer).now_or_never().unwrap();
        assert_eq!(seen, (handler(1), Origin::Hook, handler(1)));
        assert_eq!(current(), Origin::Outside);
    }

    #[test]
    fn a_scope_is_one_piece_of_work_in_all_its_polls_and_no_other() {
        let mut scopes = [(); 2].map(|()| {
            scope(
                handler(1),
                Box::pin(async {
                    let first = worker();
                    tokio::task::yield_now().await;
                    (first, worker())
                }),
            )
        });
        assert!(scopes.iter_mut().all(|scope| scope.now_or_never().is_none()));
        let seen = scopes.map(|scope| scope.now_or_never().unwrap());
        assert!(seen.iter().all(|(first, second)| first.is_some() && first == second), "{seen:?}");
        assert_ne!(seen[0], seen[1]);
        assert_eq!(worker(), None);
        let inner = pin!(async { (worker(), here().scope(pin!(async { worker() })).await) });
        let (outer, inner) = scope(handler(1), inner).now_or_never().unwrap();
        assert_eq!(outer, inner);
    }

    #[test]
    fn a_poll_that_panics_leaves_its_scope() {
        let bad = pin!(async { panic!("a handler panics") });
        let polled = catch_unwind(AssertUnwindSafe(|| scope(handler(1), bad).now_or_never()));
        assert!(polled.is_err());
        assert_eq!(current(), Origin::Outside);
    }
}
