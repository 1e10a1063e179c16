//! Alarm: one timer, set anew when its deadline changes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How long an alarm waits at least.
///
/// A connection that nobody polled for a while finds its deadlines over although packages lie in its socket, of which it hears
/// once the runtime has looked at its sockets. It does so before a timer ends that had to be waited for.
const ONE_TURN: Duration = Duration::from_millis(1);

/// A timer that is kept from one deadline to the next.
#[derive(Debug)]
pub(super) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    /// What it is set to.
    deadline: Option<Instant>,
}

impl Alarm {
    pub(super) fn new() -> Self {
        Self { sleep: Box::pin(sleep_until(Instant::now())), deadline: None }
    }

    /// Waits for a deadline; forever, without one.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: Option<std::time::Instant>) -> Poll<()> {
        let Some(deadline) = deadline.map(Instant::from_std) else { return Poll::Pending };
        if self.deadline != Some(deadline) {
            self.sleep.as_mut().reset(deadline.max(Instant::now() + ONE_TURN));
            self.deadline = Some(deadline);
        }
        ready!(self.sleep.as_mut().poll(cx));
        self.deadline = None;
        Poll::Ready(())
    }
}

/// The time by tokio's clock, which tests can stop.
pub(super) fn now() -> std::time::Instant {
    Instant::now().into_std()
}
