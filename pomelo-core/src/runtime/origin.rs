//! The origin of a call: the session whose message or closing the calling code runs for.
//!
//! Waiting for a session to close would never end where the closing itself waits for who waits. So everybody who handles a
//! message or runs a hook says so here, for as long as its future is polled, and calls carry it on to where they are served.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::span::Within;
use crate::wire::envelope::Origin;

thread_local! {
    static CURRENT: Cell<Origin> = const { Cell::new(Origin::Outside) };
}

/// On whose behalf this very code runs.
pub(crate) fn current() -> Origin {
    CURRENT.get()
}

/// Polls a future on behalf of an origin. A future that is pinned where it is needs no memory of its own for it.
pub(crate) fn scope<F: Future + Unpin>(origin: Origin, future: F) -> Scoped<F> {
    Scoped { origin, within: Within::default(), future }
}

/// See [`scope`].
#[must_use = "it does nothing unless it is awaited"]
pub(crate) struct Scoped<F> {
    origin: Origin,
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
        let Self { origin, within, future } = &mut *self;
        let _entered = (Entered { before: CURRENT.replace(*origin) }, within.enter());
        Pin::new(future).poll(cx)
    }
}

/// Puts the origin back, also when a poll panics.
struct Entered {
    before: Origin,
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.before);
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
    fn a_poll_that_panics_leaves_its_scope() {
        let bad = pin!(async { panic!("a handler panics") });
        let polled = catch_unwind(AssertUnwindSafe(|| scope(handler(1), bad).now_or_never()));
        assert!(polled.is_err());
        assert_eq!(current(), Origin::Outside);
    }
}
