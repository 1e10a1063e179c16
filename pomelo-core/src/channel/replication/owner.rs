//! The owner's side of replication: who is in a channel, and what is to be said of that to which frontend.
//!
//! ```text
//!  join, leave ──▶ version + 1 ──▶ Join, Leave ──▶ sent        │ refused: the copy is stale
//!  push        ──▶ Push with the version ───────▶ sent, or dropped and counted
//!  a stale copy: Sync (all members, this version) goes before whatever comes next
//! ```
//!
//! Each frontend has a version of its own, so that a join at one costs the others nothing.

use super::copies::{Copies, Told};
use super::members::Members;
use crate::cluster::Unsent;
use crate::value::{ServerId, Uid};
use crate::wire::envelope::{GroupOp, Push};

/// The way from an owner to the frontends.
pub(crate) trait Outgoing {
    /// Queues something for a frontend's copy.
    fn send(&mut self, to: &ServerId, version: u64, op: GroupOp) -> Result<(), Unsent>;

    /// A frontend could not be told that its copy has ended.
    fn end_untold(&mut self, to: &ServerId);

    /// There was no room to send a frontend the membership, for which it may wait: it is to be [told again](Owner::tell_again).
    fn membership_untold(&mut self, to: &ServerId);
}

/// The membership of one channel, at the server that owns it.
#[derive(Default)]
pub(crate) struct Owner {
    members: Members,
    copies: Copies,
}

impl Owner {
    /// How many members there are; a user at two frontends counts twice.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// The users, in order of joining; one at two frontends is there twice.
    pub(crate) fn uids(&self) -> impl Iterator<Item = &Uid> {
        self.members.iter()
    }

    /// A user, and the frontends that it is a member at, in order of joining.
    pub(crate) fn member(
        &self,
        uid: &str,
    ) -> Option<(&Uid, impl DoubleEndedIterator<Item = &ServerId> + Clone)> {
        self.members.get(uid)
    }

    /// The members at a frontend, in order of joining.
    pub(crate) fn members_at(&self, frontend: &ServerId) -> Vec<Uid> {
        self.copies.get(frontend).map(|told| self.members.listed(told.members, frontend)).unwrap_or_default()
    }

    /// The frontends that have members.
    pub(crate) fn frontends(&self) -> impl Iterator<Item = &ServerId> {
        self.copies.frontends()
    }

    /// Whether a frontend has members, and so a copy.
    pub(crate) fn has_copy(&self, frontend: &ServerId) -> bool {
        self.copies.get(frontend).is_some()
    }

    /// A user joins at a frontend; one that is there already is left alone.
    pub(crate) fn join(&mut self, uid: Uid, at: &ServerId, out: &mut impl Outgoing) {
        if self.members.add(&mut self.copies, uid.clone(), at) {
            self.change(at, GroupOp::Join(uid), out);
        }
    }

    /// A user at a frontend leaves; false if it was no member.
    pub(crate) fn leave(&mut self, uid: &str, at: &str, out: &mut impl Outgoing) -> bool {
        let Some((uid, at)) = self.members.remove(&mut self.copies, uid, at) else { return false };
        self.change(&at, GroupOp::Leave(uid), out);
        if self.copies.get(&at).is_some_and(|told| told.members.is_empty()) {
            self.copies.remove(&at);
            end_copy(&at, out);
        }
        true
    }

    /// Sends a push to all frontends that have members; returns how many could not be sent it.
    pub(crate) fn push(&mut self, push: Push, out: &mut impl Outgoing) -> usize {
        let Self { members, copies } = self;
        // Most channels have members at one frontend, which needs no clone.
        let Some((last, others)) = copies.as_mut_slice().split_last_mut() else { return 0 };
        let mut unsent = 0;
        for (frontend, told) in others {
            unsent += usize::from(!send_push(members, frontend, told, 0, push.clone(), out));
        }
        unsent + usize::from(!send_push(members, &last.0, &mut last.1, 0, push, out))
    }

    /// Sends a push to one frontend, which answers `seq` by who was not reached; false if it could not be sent.
    pub(crate) fn push_asking(
        &mut self,
        at: &ServerId,
        seq: u64,
        push: Push,
        out: &mut impl Outgoing,
    ) -> bool {
        let Self { members, copies } = self;
        copies.get_mut(at).is_some_and(|told| send_push(members, at, told, seq, push, out))
    }

    /// A frontend has missed something, and asks for the whole membership.
    pub(crate) fn asked(&mut self, at: &ServerId, out: &mut impl Outgoing) {
        let Self { members, copies } = self;
        if let Some(told) = copies.get_mut(at) {
            sync(members, at, told, out);
        }
    }

    /// Sends a frontend the membership for which there was no room, unless it was sent meanwhile.
    pub(crate) fn tell_again(&mut self, at: &ServerId, out: &mut impl Outgoing) {
        let Self { members, copies } = self;
        if let Some(told) = copies.get_mut(at).filter(|told| told.is_stale) {
            sync(members, at, told, out);
        }
    }

    /// There is a new link to a frontend, which may have missed anything; false if it has no copy.
    pub(crate) fn relinked(&mut self, at: &ServerId) -> bool {
        self.copies.get_mut(at).map(|told| told.is_stale = true).is_some()
    }

    /// A frontend is gone: its members are out, and are returned in order of joining. It is not told.
    pub(crate) fn lose(&mut self, at: &ServerId) -> Vec<Uid> {
        let lost = self.members.lose(&mut self.copies, at);
        self.copies.remove(at);
        lost
    }

    /// The channel is no more.
    pub(crate) fn end(&mut self, out: &mut impl Outgoing) {
        let Self { copies, .. } = std::mem::take(self);
        copies.frontends().for_each(|frontend| end_copy(frontend, out));
    }

    /// Tells a frontend of a change; if that can't be done, the whole membership goes before anything later.
    fn change(&mut self, at: &ServerId, op: GroupOp, out: &mut impl Outgoing) {
        let Some(told) = self.copies.get_mut(at) else { return };
        told.version += 1;
        if told.is_stale {
            sync(&self.members, at, told, out);
        } else {
            told.is_stale = out.send(at, told.version, op).is_err();
        }
    }
}

#[inline]
fn send_push(
    members: &Members,
    at: &ServerId,
    told: &mut Told,
    seq: u64,
    push: Push,
    out: &mut impl Outgoing,
) -> bool {
    (!told.is_stale || sync(members, at, told, out))
        && out.send(at, told.version, GroupOp::Push { seq, push }).is_ok()
}

/// Sends the whole membership.
#[cold]
fn sync(members: &Members, at: &ServerId, told: &mut Told, out: &mut impl Outgoing) -> bool {
    let uids = members.listed(told.members, at);
    let sent = out.send(at, told.version, GroupOp::Sync(uids));
    if sent == Err(Unsent::Full) {
        out.membership_untold(at);
    }
    told.is_stale = sent.is_err();
    sent.is_ok()
}

/// Has a frontend drop its copy, now or once there is room. If the link is down, that is made good with the rest.
fn end_copy(at: &ServerId, out: &mut impl Outgoing) {
    if out.send(at, 0, GroupOp::Drop).is_err() {
        out.end_untold(at);
    }
}
