//! Channels: who gets a push, wherever they are connected.
//!
//! A channel belongs to the server that made it. Its members' frontends keep a copy of the membership (a group), so
//! that a push is one message per frontend, whatever the number of members.

mod awaited;
mod confirmed;
mod encode;
mod entry;
mod guard;
mod lock;
pub(crate) mod replication;
mod service;
mod table;
#[cfg(test)]
mod tests;

pub use self::guard::ChannelGuard;
pub use self::service::Channels;
pub(crate) use self::table::Table;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;

use confirmed::missing;
use lock::Lock;
use replication::Owner;

use crate::value::{Result, ServerId, Uid};

/// A member of a channel: a user at a frontend.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recipient {
    /// The user.
    pub uid: Uid,
    /// The frontend that its connection is at.
    pub sid: ServerId,
}

/// A named set of users at frontends, in the order in which they joined. Cheap to clone.
///
/// Each method is one step; [`update`](Self::update) makes several one.
#[derive(Clone)]
pub struct Channel(Arc<Inner>);

struct Inner {
    table: Arc<Table>,
    name: Arc<str>,
    group: u64,
    state: Lock<State>,
    /// As it was after the last step.
    len: AtomicUsize,
}

#[derive(Default)]
struct State {
    owner: Owner,
    destroyed: bool,
}

impl Channel {
    fn new(table: &Arc<Table>, name: &str, group: u64) -> Self {
        Self(Arc::new(Inner {
            table: table.clone(),
            name: name.into(),
            group,
            state: Lock::default(),
            len: AtomicUsize::new(0),
        }))
    }

    /// The channel's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Runs `change` as one step: nobody joins, leaves or pushes in between. Within it the channel is used by its argument
    /// only, and other channels may be used; where that is done, in one order. [`Channels::update`] is the same for a channel
    /// that comes and goes with its members.
    ///
    /// # Errors
    /// What `change` returns. At once, if it is called within another step of this channel; as
    /// [`Deadline`](crate::value::ErrorKind::Deadline), if another thread's step takes longer than a second, as where two steps nest
    /// two channels in opposite order. Both are so for all methods.
    pub fn update<T>(&self, change: impl FnOnce(&mut ChannelGuard<'_>) -> Result<T>) -> Result<T> {
        change(&mut self.guard()?)
    }

    /// Adds a user at a frontend; one that is a member already is left alone.
    ///
    /// A frontend that is expected and was not up yet may be named, too; if it isn't up within the transport's
    /// [`gone_after`](crate::cluster::LinkSender::gone_after), the member is lost, as with a frontend that dies
    /// ([`Event::MembersLost`](crate::event::Event::MembersLost)).
    ///
    /// # Errors
    /// If the channel is destroyed; if there is no such frontend, or it is gone; or as [`update`](Self::update).
    pub fn add(&self, uid: impl Into<Uid>, sid: impl Into<ServerId>) -> Result<()> {
        self.guard()?.add(uid, sid)
    }

    /// Takes a user at a frontend out; false if it was no member, and, with an error in the log, where
    /// [`update`](Self::update) would fail.
    pub fn leave(&self, uid: &str, sid: &str) -> bool {
        self.guard_or_log("leave").is_some_and(|mut guard| guard.leave(uid, sid))
    }

    /// Sends a message to all members. It never waits: the message is encoded and queued, and its order is that of the
    /// calls. What could not be queued for a frontend is counted as dropped.
    ///
    /// # Errors
    /// If the channel is destroyed; if the message can't be encoded; or if no client could be sent it: its route has more than 255
    /// bytes, or it takes more than 16 MiB. Or as [`update`](Self::update).
    pub fn push(&self, route: &str, message: &impl Serialize) -> Result<()> {
        self.guard()?.push(route, message)
    }

    /// As [`push`](Self::push), but a client misses it as soon as more waits for it than its connector's `outbox_limit`.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_volatile(&self, route: &str, message: &impl Serialize) -> Result<()> {
        self.guard()?.push_volatile(route, message)
    }

    /// Sends a message to one member, in the same order as those to all.
    ///
    /// # Errors
    /// If that user is no member, the channel is destroyed, or the message can't be encoded; or as [`update`](Self::update).
    pub fn push_to(&self, uid: &str, route: &str, message: &impl Serialize) -> Result<()> {
        self.guard()?.push_to(uid, route, message)
    }

    /// As [`push`](Self::push), and returns the users that were not reached: those without a connection at their
    /// frontend, those whose outbox was full, and all at a frontend that failed or has not answered within `rpc_timeout`.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    ///
    /// # Cancel safety
    /// The push was sent when this is first polled; a caller that stops waiting only doesn't hear who missed it.
    pub async fn push_confirmed(&self, route: &str, message: &impl Serialize) -> Result<Vec<Uid>> {
        let asked = self.guard()?.push_asking(route, message)?;
        Ok(missing(&self.0.table.peers, asked).await)
    }

    /// The users in the channel, in the order in which they joined; one at two frontends is there twice. None, with an error
    /// in the log, where [`update`](Self::update) would fail.
    pub fn members(&self) -> Vec<Uid> {
        let Some(guard) = self.guard_or_log("members") else { return Vec::new() };
        let mut uids = Vec::with_capacity(guard.len());
        uids.extend(guard.uids().cloned());
        uids
    }

    /// The member of that user. None, with an error in the log, where [`update`](Self::update) would fail.
    pub fn member(&self, uid: &str) -> Option<Recipient> {
        self.guard_or_log("member")?.member(uid)
    }

    /// How many members there are; while a step is under way, how many there were before. It never waits.
    pub fn len(&self) -> usize {
        self.0.len.load(Ordering::Relaxed)
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes the channel. It delivers nothing any more, also if one of the same name is made again. It stays, with an error
    /// in the log, where [`update`](Self::update) would fail.
    pub fn destroy(&self) {
        if let Some(mut guard) = self.guard_or_log("destroy") {
            guard.destroy();
        }
    }

    fn group(&self) -> u64 {
        self.0.group
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("name", &self.0.name)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
