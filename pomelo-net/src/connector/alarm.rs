//! Alarms: what wakes the task of one connection, other than input.
//!
//! ```text
//!  set(tick) ─▶ in the wheel ── the wheel comes by ──┬─ not due yet: put back at its tick
//!                                                    ├─ due: rings, and wakes the driver
//!                                                    └─ off: let go
//! ```

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Poll, Waker};

use futures::task::AtomicWaker;

/// It was never set.
const IDLE: u64 = u64::MAX;
/// It has rung, and the wheel has let go of it.
const RUNG: u64 = u64::MAX - 1;
/// The wheel lets go of it when it comes by.
const OFF: u64 = u64::MAX - 2;

/// A deadline in a [`Wheel`](super::wheel::Wheel), and the word that a connection is closed.
///
/// Setting it again is one atomic swap: the wheel looks at a deadline only when it comes by, and puts an alarm back
/// that isn't due.
#[derive(Debug)]
pub(super) struct Alarm {
    /// The tick at which it rings, or one of the words above.
    due: AtomicU64,
    /// Nothing more is written to the connection.
    closed: AtomicBool,
    /// Of the connection's driver.
    waker: AtomicWaker,
}

/// What the wheel has to do with an alarm.
pub(super) enum Visit {
    /// It is due at this tick: come again.
    Later(u64),
    /// It has rung or is off.
    Done,
}

impl Alarm {
    pub(super) fn new() -> Self {
        Self { due: AtomicU64::new(IDLE), closed: AtomicBool::new(false), waker: AtomicWaker::new() }
    }

    /// Wakes this task from now on.
    pub(super) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Whether it has rung since it was last set.
    pub(super) fn has_rung(&self) -> bool {
        self.due.load(Ordering::Acquire) == RUNG
    }

    /// The connection's writing side is closed: its task should end.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.waker.wake();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Waits until the connection's writing side is closed.
    pub(super) async fn closes(&self) {
        poll_fn(|cx| {
            self.register(cx.waker());
            if self.is_closed() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Waits until it rings, or until the connection's writing side is closed.
    pub(super) async fn interrupts(&self) {
        poll_fn(|cx| {
            self.register(cx.waker());
            if self.is_closed() || self.has_rung() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Never rings, and is never set again.
    pub(super) fn off(&self) {
        self.due.store(OFF, Ordering::Release);
    }

    /// Sets the tick; true if the wheel must take it up, since it doesn't hold it.
    pub(super) fn set(&self, tick: u64) -> bool {
        matches!(self.due.swap(tick.min(OFF - 1), Ordering::AcqRel), IDLE | RUNG)
    }

    /// Rings now, unless it is off.
    pub(super) fn ring(&self) {
        // Whatever it says, it is due by the last tick.
        self.visit(OFF - 1);
    }

    /// The wheel has come by at tick `now`.
    pub(super) fn visit(&self, now: u64) -> Visit {
        loop {
            match self.due.load(Ordering::Acquire) {
                OFF => return Visit::Done,
                due if due > now => return Visit::Later(due),
                // It may be set again at this moment; then look again.
                due if self.due.compare_exchange(due, RUNG, Ordering::AcqRel, Ordering::Acquire).is_ok() => {
                    self.waker.wake();
                    return Visit::Done;
                }
                _ => {}
            }
        }
    }
}
