//! A channel while nobody else can touch it.
//!
//! It is where a push begins: the lock that it holds gives the channel its order, since all links are queued
//! to under it. Nothing in here waits, and nothing of the application runs but what serializes a message.

use std::sync::atomic::Ordering;

use serde::Serialize;
use smallvec::SmallVec;

use super::confirmed::{self, Asked};
use super::encode::encode_push;
use super::lock::Held;
use super::replication::Outgoing;
use super::{Inner, Recipient, State};
use crate::cluster::Unsent;
use crate::metrics::Dropped;
use crate::value::{Error, ErrorKind, Fault, Result, ServerId, Uid};
use crate::wire::envelope::{GroupKey, GroupOp, Message};

/// A channel within [`Channel::update`](super::Channel::update).
///
/// It has the channel's lock. So the closure that gets it is short and synchronous: look, decide, add, push.
/// What takes a database or another server is asked before, or after.
///
/// ```
/// use pomelo::channel::ChannelGuard;
/// use pomelo::{Error, Result};
///
/// /// Lets a player into a battle, and starts it when it is full.
/// fn join(battle: &mut ChannelGuard<'_>, uid: &str, frontend: &str) -> Result<bool> {
///     if battle.member(uid).is_some() {
///         return Err(Error::new(409, "is in this battle already"));
///     }
///     battle.add(uid, frontend)?;
///     battle.push("onJoin", &uid)?;
///     let starts = battle.len() == 2;
///     if starts {
///         battle.push("onStart", &battle.members().map(str::to_owned).collect::<Vec<_>>())?;
///     }
///     Ok(starts)
/// }
/// ```
pub struct ChannelGuard<'a> {
    /// What doesn't change.
    channel: &'a Inner,
    /// Members and end, as long as this lives.
    state: Held<'a, State>,
}

impl<'a> ChannelGuard<'a> {
    pub(super) fn new(channel: &'a Inner, state: Held<'a, State>) -> Self {
        Self { channel, state }
    }

    /// As [`Channel::add`](super::Channel::add).
    ///
    /// # Errors
    /// As [`Channel::add`](super::Channel::add).
    pub fn add(&mut self, uid: impl Into<Uid>, sid: impl Into<ServerId>) -> Result<()> {
        self.check()?;
        let (uid, sid) = (uid.into(), sid.into());
        if !self.state.owner.has_copy(&sid) {
            self.channel
                .table
                .check_frontend(&sid)
                .map_err(|error| error.context(format_args!("channel {}", self.channel.name)))?;
        }
        self.state.owner.join(uid, &sid, &mut Frontends(self.channel));
        Ok(())
    }

    /// As [`Channel::leave`](super::Channel::leave).
    pub fn leave(&mut self, uid: &str, sid: &str) -> bool {
        self.state.owner.leave(uid, sid, &mut Frontends(self.channel))
    }

    /// As [`Channel::push`](super::Channel::push).
    ///
    /// # Errors
    /// If the channel is destroyed, or the message can't be encoded.
    pub fn push(&mut self, route: &str, message: &impl Serialize) -> Result<()> {
        self.push_as(route, message, false)
    }

    /// As [`Channel::push_volatile`](super::Channel::push_volatile).
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_volatile(&mut self, route: &str, message: &impl Serialize) -> Result<()> {
        self.push_as(route, message, true)
    }

    /// As [`Channel::push_to`](super::Channel::push_to).
    ///
    /// # Errors
    /// If that user is no member, the channel is destroyed, or the message can't be encoded.
    pub fn push_to(&mut self, uid: &str, route: &str, message: &impl Serialize) -> Result<()> {
        self.check()?;
        let no_member = || Error::new(500, format_args!("{uid} is not in channel {}", self.channel.name));
        let (uid, at) = self.state.owner.member(uid).ok_or_else(no_member)?;
        let peers = &self.channel.table.peers;
        let push = encode_push(peers, route, message, false, at.clone())?;
        for sid in at {
            let to_one = Message::PushUids { seq: 0, push: push.clone(), uids: vec![uid.clone()] };
            if peers.send(sid, to_one).is_err() {
                peers.counters.add(Dropped::Unreachable);
            }
        }
        Ok(())
    }

    /// Encodes once, and has the owner's side send it to each frontend that has members.
    fn push_as(&mut self, route: &str, message: &impl Serialize, volatile: bool) -> Result<()> {
        self.check()?;
        let peers = &self.channel.table.peers;
        let push = encode_push(peers, route, message, volatile, self.state.owner.frontends())?;
        let unsent = self.state.owner.push(push, &mut Frontends(self.channel));
        if unsent > 0 {
            peers.counters.add_many(Dropped::Unreachable, unsent);
        }
        Ok(())
    }

    /// Pushes, asking each frontend who was not reached.
    pub(super) fn push_asking(&mut self, route: &str, message: &impl Serialize) -> Result<Vec<Asked<'a>>> {
        self.check()?;
        let (channel, owner) = (self.channel, &mut self.state.owner);
        let peers = &channel.table.peers;
        let push = encode_push(peers, route, message, false, owner.frontends())?;
        let frontends: SmallVec<[ServerId; 4]> = owner.frontends().cloned().collect();
        let deadline = confirmed::deadline(peers);
        let asked = frontends.iter().map(|sid| {
            let uids = owner.members_at(sid);
            let question = peers.pending.add_task(sid, deadline).ok().filter(|question| {
                owner.push_asking(sid, question.seq(), push.clone(), &mut Frontends(channel))
            });
            Asked::new(peers, question, uids)
        });
        Ok(asked.collect())
    }

    /// The users in the channel, in the order in which they joined.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        self.uids().map(Uid::as_str)
    }

    /// The member of that user.
    pub fn member(&self, uid: &str) -> Option<Recipient> {
        let (uid, mut at) = self.state.owner.member(uid)?;
        Some(Recipient { uid: uid.clone(), sid: at.next_back()?.clone() })
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.state.owner.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn uids(&self) -> impl Iterator<Item = &Uid> {
        self.state.owner.uids()
    }

    pub(super) fn is_destroyed(&self) -> bool {
        self.state.destroyed
    }

    /// Takes all members at a frontend that is gone out, without telling it.
    pub(super) fn lose(&mut self, sid: &ServerId) -> Vec<Uid> {
        self.state.owner.lose(sid)
    }

    /// There is a new link to a frontend; false if that has no copy.
    pub(super) fn relinked(&mut self, sid: &ServerId) -> bool {
        self.state.owner.relinked(sid)
    }

    /// Sends a frontend the whole membership, as it asked.
    pub(super) fn asked(&mut self, sid: &ServerId) {
        self.state.owner.asked(sid, &mut Frontends(self.channel));
    }

    /// Sends a frontend the membership for which there was no room.
    pub(super) fn tell_again(&mut self, sid: &ServerId) {
        self.state.owner.tell_again(sid, &mut Frontends(self.channel));
    }

    pub(super) fn has_copy(&self, sid: &ServerId) -> bool {
        self.state.owner.has_copy(sid)
    }

    /// Takes the channel out of its server's table within the same step: who finds it destroyed can make a new one.
    pub(super) fn destroy(&mut self) {
        self.channel.table.forget(&self.channel.name, self.channel.group);
        self.state.destroyed = true;
        self.state.owner.end(&mut Frontends(self.channel));
    }

    /// # Errors
    /// If the channel is destroyed.
    fn check(&self) -> Result<()> {
        if self.state.destroyed {
            let why = format_args!("channel {} is destroyed", self.channel.name);
            return Err(Error::of(ErrorKind::Closed, why).with_fault(Fault::Server));
        }
        Ok(())
    }
}

impl Drop for ChannelGuard<'_> {
    /// Its length is read without the lock.
    fn drop(&mut self) {
        self.channel.len.store(self.state.owner.len(), Ordering::Relaxed);
    }
}

/// The way from a channel to its frontends.
///
/// It is what replication, which knows no links, sends by.
struct Frontends<'a>(&'a Inner);

impl Outgoing for Frontends<'_> {
    fn send(&mut self, to: &ServerId, version: u64, op: GroupOp) -> Result<(), Unsent> {
        let Inner { table, group, .. } = self.0;
        let peers = &table.peers;
        let key =
            GroupKey { backend: peers.info.id.clone(), incarnation: peers.incarnation(), group: *group };
        peers.send(to, Message::Group { key, version, op })
    }

    fn end_untold(&mut self, to: &ServerId) {
        self.0.table.lock_untold().add_end(to);
    }

    fn membership_untold(&mut self, to: &ServerId) {
        self.0.table.lock_untold().add_membership(to, self.0.group);
    }
}
