//! A channel while nobody else can touch it.

use std::sync::atomic::Ordering;

use serde::Serialize;
use smallvec::SmallVec;

use super::confirmed::Asked;
use super::lock::Held;
use super::{Inner, Recipient, State};
use crate::metrics::Dropped;
use crate::value::{Error, ErrorKind, Fault, Result, ServerId, Uid};
use crate::wire::envelope::{GroupKey, GroupOp, Message, Push};

/// A channel within [`Channel::update`](super::Channel::update).
pub struct ChannelGuard<'a> {
    channel: &'a Inner,
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
        if self.state.frontends.get(&sid).is_none() {
            self.channel
                .table
                .check_frontend(&sid)
                .map_err(|error| error.context(format_args!("channel {}", self.channel.name)))?;
        }
        let State { members, frontends, .. } = &mut *self.state;
        if members.add(frontends, uid.clone(), &sid) {
            self.tell(&sid, GroupOp::Join(uid));
        }
        Ok(())
    }

    /// As [`Channel::leave`](super::Channel::leave).
    pub fn leave(&mut self, uid: &str, sid: &str) -> bool {
        let State { members, frontends, .. } = &mut *self.state;
        let Some((uid, sid)) = members.remove(frontends, uid, sid) else { return false };
        self.tell(&sid, GroupOp::Leave(uid));
        self.drop_unused(&sid);
        true
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
        let (uid, at) = self.state.members.get(uid).ok_or_else(no_member)?;
        let peers = &self.channel.table.peers;
        let push = peers.encode_push(route, message, false, at.clone())?;
        for sid in at {
            let to_one = Message::PushUids { seq: 0, push: push.clone(), uids: vec![uid.clone()] };
            if peers.send(sid, to_one).is_err() {
                peers.counters.add(Dropped::Unreachable);
            }
        }
        Ok(())
    }

    fn push_as(&mut self, route: &str, message: &impl Serialize, volatile: bool) -> Result<()> {
        self.check()?;
        let push = self.channel.table.peers.encode_push(
            route,
            message,
            volatile,
            self.state.frontends.frontends(),
        )?;
        let mut frontends: SmallVec<[ServerId; 4]> = self.state.frontends.frontends().cloned().collect();
        // Most channels have members at one frontend, which needs no copy.
        let Some(last) = frontends.pop() else { return Ok(()) };
        for sid in frontends {
            self.push_at(&sid, push.clone());
        }
        self.push_at(&last, push);
        Ok(())
    }

    fn push_at(&mut self, sid: &ServerId, push: Push) {
        if !self.tell(sid, GroupOp::Push { seq: 0, push }) {
            self.channel.table.peers.counters.add(Dropped::Unreachable);
        }
    }

    /// Pushes, asking each frontend who was not reached.
    pub(super) fn push_asking(&mut self, route: &str, message: &impl Serialize) -> Result<Vec<Asked<'a>>> {
        self.check()?;
        let peers = &self.channel.table.peers;
        let push: Push = peers.encode_push(route, message, false, self.state.frontends.frontends())?;
        let frontends: Vec<_> = self.state.frontends.frontends().cloned().collect();
        let mut asked = Vec::new();
        for sid in frontends {
            let uids = self.state.members.at(&self.state.frontends, &sid);
            let question = peers.pending.add_task(&sid).ok();
            let question = question.filter(|question| {
                self.tell(&sid, GroupOp::Push { seq: question.seq(), push: push.clone() })
            });
            asked.push(Asked::new(peers, question, uids));
        }
        Ok(asked)
    }

    /// The users in the channel, in the order in which they joined.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        self.uids().map(Uid::as_str)
    }

    /// The member of that user.
    pub fn member(&self, uid: &str) -> Option<Recipient> {
        let (uid, mut at) = self.state.members.get(uid)?;
        Some(Recipient { uid: uid.clone(), sid: at.next_back()?.clone() })
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.state.members.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn uids(&self) -> impl Iterator<Item = &Uid> {
        self.state.members.iter()
    }

    pub(super) fn is_destroyed(&self) -> bool {
        self.state.destroyed
    }

    /// Takes all members at a frontend that is gone out, without telling it.
    pub(super) fn lose(&mut self, sid: &ServerId) -> Vec<Uid> {
        let State { members, frontends, .. } = &mut *self.state;
        let lost = members.lose(frontends, sid);
        self.state.frontends.remove(sid);
        lost
    }

    /// Has the whole membership sent to a frontend, or to all, before anything else; false if there is no such copy.
    pub(super) fn mark_stale(&mut self, at: Option<&ServerId>) -> bool {
        let copies = self.state.frontends.iter_mut();
        copies.filter(|(sid, _)| at.is_none_or(|at| *sid == at)).map(|(_, copy)| copy.stale = true).count()
            > 0
    }

    /// Sends a frontend the whole membership, as it asked.
    pub(super) fn resync(&mut self, sid: &ServerId) {
        if let Some(copy) = self.state.frontends.get_mut(sid) {
            copy.stale = true;
            self.sync(sid);
        }
    }

    /// Takes the channel out of its server's table within the same step: who finds it destroyed can make a new one.
    pub(super) fn destroy(&mut self) {
        self.channel.table.forget(&self.channel.name, self.channel.group);
        self.state.destroyed = true;
        self.state.members.clear();
        let copies = std::mem::take(&mut self.state.frontends);
        for sid in copies.frontends() {
            self.send_drop(sid);
        }
    }

    pub(super) fn has_copy(&self, sid: &ServerId) -> bool {
        self.state.frontends.get(sid).is_some()
    }

    /// Has a frontend drop its copy, now or once the link has room. If the link is down, that is made good with the rest.
    fn send_drop(&self, sid: &ServerId) {
        if !self.send(sid, 0, GroupOp::Drop) {
            self.channel.table.untold(sid);
        }
    }

    /// A frontend without members needs no copy.
    fn drop_unused(&mut self, sid: &ServerId) {
        if self.state.frontends.get(sid).is_some_and(|copy| copy.members.is_empty()) {
            self.state.frontends.remove(sid);
            self.send_drop(sid);
        }
    }

    /// Tells a frontend; if that can't be done, the whole membership goes before anything later.
    fn tell(&mut self, sid: &ServerId, op: GroupOp) -> bool {
        let Some(copy) = self.state.frontends.get_mut(sid) else { return false };
        let changes = matches!(op, GroupOp::Join(_) | GroupOp::Leave(_));
        if changes {
            copy.version += 1;
        }
        let (version, stale) = (copy.version, copy.stale);
        if stale {
            return self.sync(sid) && (changes || self.send(sid, version, op));
        }
        let sent = self.send(sid, version, op);
        if !sent
            && changes
            && let Some(copy) = self.state.frontends.get_mut(sid)
        {
            copy.stale = true;
        }
        sent
    }

    fn sync(&mut self, sid: &ServerId) -> bool {
        let uids = self.state.members.at(&self.state.frontends, sid);
        let Some(copy) = self.state.frontends.get(sid) else { return false };
        let sent = self.send(sid, copy.version, GroupOp::Sync(uids));
        if let Some(copy) = self.state.frontends.get_mut(sid) {
            copy.stale = !sent;
        }
        sent
    }

    fn send(&self, sid: &ServerId, version: u64, op: GroupOp) -> bool {
        let peers = &self.channel.table.peers;
        let key = GroupKey {
            backend: peers.info.id.clone(),
            incarnation: peers.incarnation(),
            group: self.channel.group,
        };
        peers.send(sid, Message::Group { key, version, op }).is_ok()
    }

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
        self.channel.len.store(self.state.members.len(), Ordering::Relaxed);
    }
}
