//! Serial execution by key: what has equal keys runs one after the other, so that a room is an actor.
//!
//! ```text
//!  serial(key) ─▶ a place behind all that have one ─▶ Turn ── dropped ──▶ the next one's turn
//!       │ too many wait: Overloaded      │ held by this very work: Reentered; not in time: Deadline
//! ```

mod queues;

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::{Pending, pending};
use tokio::time::{Instant, Timeout};

use self::queues::{Holder, SerialQueues};
use super::{Supervisor, origin};
use crate::value::{Error, ErrorKind, Limits, Result};

/// What a server's turns need: their queues, and how long and how many may wait.
pub(crate) struct SerialTurns {
    queues: SerialQueues,
    /// Gives deadlines a clock, wherever they are waited for.
    tasks: Supervisor,
    limit: usize,
    timeout: Duration,
}

impl SerialTurns {
    pub(super) fn new(limits: &Limits, tasks: Supervisor) -> Arc<Self> {
        let queues = SerialQueues::default();
        Arc::new(Self { queues, tasks, limit: limits.serial_queue, timeout: limits.serial_timeout })
    }

    /// A place at that key, for who asks at that line.
    pub(crate) fn join(self: &Arc<Self>, key: &str, asked_at: &'static Location<'static>) -> NextTurn {
        let place = self.queues.join(key, self.limit, asked_at).map(|number| Place {
            turns: self.clone(),
            key: key.into(),
            number,
        });
        let place = place.ok_or_else(|| self.full(key));
        NextTurn { place: Some(place), by: Instant::now() + self.timeout, timer: None }
    }

    /// How many keys are in use.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.queues.len()
    }

    #[cold]
    fn full(&self, key: &str) -> Error {
        let why = format_args!(
            "{} others wait for serial key {key} (serial_queue){}",
            self.limit,
            Held(self.queues.holder(key))
        );
        Error::of(ErrorKind::Overloaded, why)
    }

    #[cold]
    fn late(&self, key: &str) -> Error {
        let why = format_args!(
            "serial key {key} was not free for {:?} (serial_timeout){}",
            self.timeout,
            Held(self.queues.holder(key))
        );
        Error::of(ErrorKind::Deadline, why)
    }
}

/// The line that has a turn, as a part of an error.
struct Held(Option<Holder>);

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |holder| write!(f, ": {} has it", holder.asked_at))
    }
}

/// A place in the queue of a key, which is given up or back when this is dropped.
struct Place {
    turns: Arc<SerialTurns>,
    key: Box<str>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.turns.queues.leave(&self.key, self.number);
    }
}

/// The way to a [`Turn`] at a key: resolves when it has come.
///
/// # Errors
/// - [`ErrorKind::Overloaded`] at once, if [`serial_queue`](crate::value::Limits::serial_queue) others wait for that key.
/// - [`ErrorKind::Reentered`], if the very message, call, hook or task that waits has the turn: it would wait for itself.
/// - [`ErrorKind::Deadline`] after [`serial_timeout`](crate::value::Limits::serial_timeout), naming the key and the line that has
///   it. That is also how a wait ends that leads back to itself by a spawned task or by a call of another server.
///
/// # Cancel safety
/// Its place is given up.
#[must_use = "the place is given up when this is dropped"]
pub struct NextTurn {
    /// Taken out when the turn has come.
    place: Option<Result<Place>>,
    /// When it has waited long enough.
    by: Instant,
    /// Made when it has to wait.
    timer: Option<Pin<Box<Timeout<Pending<()>>>>>,
}

impl Future for NextTurn {
    type Output = Result<Turn>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Turn>> {
        let Some(place) = self.place.take() else { return Poll::Pending };
        let place = place?;
        match place.turns.queues.poll(&place.key, place.number, origin::worker(), cx) {
            Poll::Ready(None) => Poll::Ready(Ok(Turn { place })),
            Poll::Ready(Some(holder)) => Poll::Ready(Err(reentered(&place.key, holder))),
            Poll::Pending => {
                let by = self.by;
                let timer = self.timer.get_or_insert_with(|| Box::pin(place.turns.tasks.by(by, pending())));
                if timer.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Err(place.turns.late(&place.key)));
                }
                self.place = Some(Ok(place));
                Poll::Pending
            }
        }
    }
}

#[cold]
fn reentered(key: &str, holder: Holder) -> Error {
    let why = format_args!("serial key {key} is held by who asks for it, since {}", holder.asked_at);
    Error::of(ErrorKind::Reentered, why)
}

/// A turn at a key: until it is dropped, nothing else on this server has one at the same key.
#[must_use = "the turn is over when this is dropped"]
pub struct Turn {
    place: Place,
}

impl fmt::Debug for NextTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.place.as_ref().and_then(|place| place.as_ref().ok()).map(|place| &place.key);
        f.debug_struct("NextTurn").field("key", &key).finish_non_exhaustive()
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Turn").field(&self.place.key).finish()
    }
}

#[cfg(test)]
mod tests;
