//! Entering a channel: its guard, or why that can't be had.
//!
//! | who | waits | if it can't be had |
//! |---|---|---|
//! | a method of the application that returns an error | a second | the error |
//! | one that returns none, such as `leave` | a second | an error in the log, and nothing is done |
//! | the server itself, which must not leave it out | 50 ms | a task does it as soon as the application lets the channel go |

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::Channel;
use super::guard::ChannelGuard;
use super::lock::{LOCK_TIMEOUT, Refused};
use super::table::Table;
use crate::value::{Error, ErrorKind, Result};

/// How long the server's own tasks wait for a channel. They carry everything else, too, so they come back instead.
const OWN_TASK_LOCK_TIMEOUT: Duration = Duration::from_millis(50);

impl Channel {
    /// The channel's guard.
    ///
    /// # Errors
    /// If this thread has it already: `Application`, at once. If another thread has it for a second: `Deadline`.
    pub(super) fn guard(&self) -> Result<ChannelGuard<'_>> {
        self.try_guard(LOCK_TIMEOUT).map_err(|refused| self.error(refused))
    }

    /// The guard, for what returns no error: why it can't be had is logged.
    pub(super) fn guard_or_log(&self, what: &'static str) -> Option<ChannelGuard<'_>> {
        let refused = |error| tracing::error!(server = %self.0.table.peers.info.id, what, %error, "a channel was not used");
        self.guard().map_err(refused).ok()
    }

    fn try_guard(&self, patience: Duration) -> Result<ChannelGuard<'_>, Refused> {
        self.0.state.lock(patience).map(|state| ChannelGuard::new(&self.0, state))
    }

    /// Does what must not be left out, for the server itself: now, or once the application, which has the channel, lets it go.
    /// Then the result goes to `later`, and this returns none.
    pub(super) fn surely<T>(
        &self,
        act: impl FnOnce(&mut ChannelGuard<'_>) -> T + Send + 'static,
        later: impl FnOnce(T) + Send + 'static,
    ) -> Option<T> {
        if let Ok(mut guard) = self.try_guard(OWN_TASK_LOCK_TIMEOUT) {
            return Some(act(&mut guard));
        }
        let (channel, peers) = (self.clone(), self.0.table.peers.clone());
        tracing::warn!(server = %peers.info.id, channel = &*self.0.name, "the application keeps a channel to itself");
        peers.executor.clone().spawn(async move {
            // The channels of a server that has stopped are no more.
            while !peers.tasks.is_ended() {
                sleep(OWN_TASK_LOCK_TIMEOUT).await;
                let done = channel.try_guard(Duration::ZERO);
                if let Ok(mut guard) = done {
                    let result = act(&mut guard);
                    drop(guard);
                    return later(result);
                }
            }
        });
        None
    }

    #[cold]
    fn error(&self, refused: Refused) -> Error {
        let name = &self.0.name;
        match refused {
            Refused::Reentered => Error::new(
                500,
                format_args!("channel {name} is used within its own step: use the step's argument"),
            ),
            Refused::Late => {
                let held = Names(self.0.table.held());
                let why = format_args!("channel {name} was not free for {LOCK_TIMEOUT:?}{held}");
                Error::of(ErrorKind::Deadline, why)
            }
        }
    }
}

/// The channels that this thread has, for an error.
struct Names(Vec<Arc<str>>);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, ", asked for within a step of channel {}: nest channels in one order", self.0.join(", "))
    }
}

/// A step of a channel that comes and goes with its members: it is destroyed if it is left empty, also by a panic.
pub(super) struct Step<'a>(pub(super) ChannelGuard<'a>);

impl Drop for Step<'_> {
    fn drop(&mut self) {
        if self.0.is_empty() && !self.0.is_destroyed() {
            self.0.destroy();
        }
    }
}

impl Table {
    /// The channels that this thread has the guard of.
    fn held(&self) -> Vec<Arc<str>> {
        let mut held: Vec<_> = self.all().into_iter().filter(|channel| channel.0.state.is_mine()).collect();
        held.sort_by_key(|channel| channel.group());
        held.into_iter().map(|channel| channel.0.name.clone()).collect()
    }
}
