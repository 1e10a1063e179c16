//! Groups: the copies of channels at a frontend, and the connections of their members.
//!
//! ```text
//!  Group  join, leave, sync ─▶ replica (who) ─▶ tables: user ─▶ group
//!         push(version)     ─▶ replica: deliver now, wait for the membership, or refuse
//!         targets (where)   ◀─ bind, unbind, close, attach: the connections of those users
//! ```
//!
//! Delivery looks at `targets` alone, so that a push costs nothing per member that isn't connected.

use std::sync::{Arc, Mutex, MutexGuard};

use foldhash::fast::RandomState;
use indexmap::IndexMap;

use super::delivery::{Delivery, Frames, deliver_to_uids};
use super::registry::Registry;
use crate::channel::replication::{Arrived, Replica, Users};
use crate::metrics::Dropped;
use crate::outbox::{Outbox, turn};
use crate::value::{Error, ErrorKind, Incarnation, ServerId, SessionId, Uid};
use crate::wire::envelope::{GroupKey, GroupOp, Message, Push};

/// A channel's members at this frontend: its copy of the membership, and the connections that these users have now.
#[derive(Default)]
pub(crate) struct Group(Mutex<State>);

#[derive(Default)]
struct State {
    /// Who is a member.
    replica: Replica,
    /// Where pushes go: the outboxes of the members' sessions.
    targets: IndexMap<SessionId, Arc<Outbox>, RandomState>,
}

impl Group {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A member's session sends by that connection now.
    pub(crate) fn add_target(&self, id: SessionId, outbox: &Arc<Outbox>) {
        let targets = &mut self.lock().targets;
        if targets.is_empty() {
            // The first of many, or the only one.
            targets.reserve_exact(1);
        }
        targets.insert(id, outbox.clone());
    }

    /// A session is no member's any more.
    pub(crate) fn remove_target(&self, id: SessionId) {
        self.lock().targets.swap_remove(&id);
    }

    pub(crate) fn take_members(&self) -> Users {
        self.lock().replica.take_members()
    }

    /// What was asked for won't come any more; true if pushes wait for it.
    pub(crate) fn stop_fetching(&self) -> bool {
        self.lock().replica.unlinked()
    }
}

/// Takes in what a backend says of a channel.
pub(crate) fn deliver(registry: &Registry, from: &ServerId, key: GroupKey, version: u64, op: GroupOp) {
    match op {
        GroupOp::Drop => drop_group(registry, &key),
        GroupOp::Sync(uids) => sync(registry, &key, version, uids),
        GroupOp::Join(uid) => join(registry, from, &key, version, &uid),
        GroupOp::Leave(uid) => leave(registry, from, &key, version, &uid),
        GroupOp::Push { seq, push } => self::push(registry, from, &key, version, seq, push),
    }
}

/// The copy of a channel, made if there is none; none if the process whose channel it is counts as gone, or another one of the
/// server is there by now: such a copy would stay for ever.
fn group(registry: &Registry, key: &GroupKey) -> Option<Arc<Group>> {
    let mut tables = registry.tables();
    if let Some(group) = tables.group(key) {
        return Some(group);
    }
    let known = registry.peers.view.known();
    let is_there = known.member(&key.backend).is_some_and(|member| member.incarnation == key.incarnation);
    if !is_there {
        registry.peers.counters.add(Dropped::Outdated);
        return None;
    }
    Some(tables.group_or_new(key))
}

/// A user joined; if that can't be told yet, the membership is asked for.
fn join(registry: &Registry, from: &ServerId, key: &GroupKey, version: u64, uid: &Uid) {
    if version == 1 {
        // The first member of a new copy: if there is an older one, its end was missed.
        drop_group(registry, key);
    }
    let Some(group) = group(registry, key) else { return };
    let mut state = group.lock();
    if !state.replica.join(version, uid) {
        return fetch(registry, from, key, &mut state);
    }
    drop(state);
    registry.tables().join(&group, uid);
}

fn leave(registry: &Registry, from: &ServerId, key: &GroupKey, version: u64, uid: &Uid) {
    let Some(group) = group(registry, key) else { return };
    let mut state = group.lock();
    if !state.replica.leave(version, uid) {
        return fetch(registry, from, key, &mut state);
    }
    drop(state);
    registry.tables().leave(&group, uid);
}

/// Asks for the membership, unless that is under way; if it can't be sent, that is [tried again](fetch_again).
fn fetch(registry: &Registry, from: &ServerId, key: &GroupKey, state: &mut State) {
    if state.replica.must_ask() {
        let is_sent = registry.peers.send(from, Message::FetchGroup { group: key.group }).is_ok();
        state.replica.asked(is_sent);
        if !is_sent {
            registry.fetch_later([key.clone()]);
        }
    }
}

/// Asks for the memberships that could not be asked for before: what waits for them must not wait for the next message of its
/// channel, which may never come.
pub(crate) fn fetch_again(registry: &Registry) {
    for key in registry.take_unfetched() {
        let group = registry.tables().group(&key);
        if let Some(group) = group {
            fetch(registry, &key.backend, &key, &mut group.lock());
        }
    }
}

/// A channel is no more, or its backend is gone: pushes that waited for its membership reach nobody.
fn drop_group(registry: &Registry, key: &GroupKey) {
    let Some(group) = registry.tables().drop_group(key) else { return };
    let waiting = group.lock().replica.take_waiting();
    for (seq, _) in waiting {
        refuse(registry, &key.backend, seq, "the channel is no more");
    }
}

/// Of the channels of that process of a backend, keeps the copies that `is_alive` picks.
pub(crate) fn keep_groups(
    registry: &Registry,
    backend: &ServerId,
    incarnation: Incarnation,
    is_alive: impl Fn(u64) -> bool,
) {
    let groups = registry.tables().groups_of(backend, incarnation);
    groups.iter().filter(|key| !is_alive(key.group)).for_each(|key| drop_group(registry, key));
}

/// Drops a push that can't be delivered, and says so to who wants to know.
fn refuse(registry: &Registry, from: &ServerId, seq: u64, why: &str) {
    registry.peers.counters.add(Dropped::Unreachable);
    if seq != 0 {
        registry.peers.reply_later(from.clone(), seq, Err(Error::of(ErrorKind::Closed, why)));
    }
}

/// The whole membership has come: pushes that waited for it are delivered.
fn sync(registry: &Registry, key: &GroupKey, version: u64, uids: Vec<Uid>) {
    let Some(group) = group(registry, key) else { return };
    let synced = group.lock().replica.sync(version, &uids);
    for uid in &synced.before {
        registry.tables().leave(&group, uid);
    }
    for uid in &uids {
        registry.tables().join(&group, uid);
    }
    for (seq, push) in synced.waited {
        self::push(registry, &key.backend, key, version, seq, push);
    }
}

/// Delivers a push to the members of its version, or keeps it until they are known.
fn push(registry: &Registry, from: &ServerId, key: &GroupKey, version: u64, seq: u64, push: Push) {
    // Who wants to know whom it reached is gone.
    let Some(group) = group(registry, key) else { return };
    let mut state = group.lock();
    let push = match state.replica.push(version, seq, push, registry.peers.limits.stashed_pushes) {
        Arrived::Deliver(push) => push,
        Arrived::Waits => return fetch(registry, from, key, &mut state),
        Arrived::Refused => {
            let why = "too many pushes wait for the membership of the channel (stashed_pushes)";
            refuse(registry, from, seq, why);
            return fetch(registry, from, key, &mut state);
        }
    };
    if seq != 0 {
        let uids: Vec<_> = state.replica.members().iter().cloned().collect();
        drop(state);
        return deliver_to_uids(registry, from, seq, &push, uids);
    }
    let (mut frames, mut delivery) = (Frames::new(registry, &push), Delivery::begin());
    for outbox in state.targets.values() {
        delivery.add(registry, &mut frames, outbox);
    }
    turn::queued(state.targets.len());
    drop(state);
    delivery.finish(registry);
}

#[cfg(test)]
mod tests;
