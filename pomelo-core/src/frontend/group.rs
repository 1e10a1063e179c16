//! Groups: the copies of channels at a frontend, and the connections of their members.

use std::sync::{Arc, Mutex, MutexGuard};

use foldhash::fast::RandomState;
use indexmap::IndexMap;

use super::delivery::{Delivery, Frames, deliver_to_uids};
use crate::channel::replication::{Arrived, Replica, Users};
use crate::metrics::Dropped;
use crate::outbox::{Outbox, turn};
use crate::server::Server;
use crate::value::{Error, ErrorKind, ServerId, SessionId, Uid};
use crate::wire::envelope::{GroupKey, GroupOp, Message, Push};

/// A channel's members at this frontend: its copy of the membership, and the connections that these users have now.
#[derive(Default)]
pub(crate) struct Group(Mutex<State>);

#[derive(Default)]
struct State {
    replica: Replica,
    /// Where pushes go: the outboxes of the members' sessions.
    targets: IndexMap<SessionId, Arc<Outbox>, RandomState>,
}

impl Group {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn add_target(&self, id: SessionId, outbox: &Arc<Outbox>) {
        let targets = &mut self.lock().targets;
        if targets.is_empty() {
            // The first of many, or the only one.
            targets.reserve_exact(1);
        }
        targets.insert(id, outbox.clone());
    }

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
pub(crate) fn deliver(core: &Arc<Server>, from: &ServerId, key: GroupKey, version: u64, op: GroupOp) {
    match op {
        GroupOp::Drop => drop_group(core, &key),
        GroupOp::Sync(uids) => sync(core, &key, version, uids),
        GroupOp::Join(uid) => join(core, from, &key, version, &uid),
        GroupOp::Leave(uid) => leave(core, from, &key, version, &uid),
        GroupOp::Push { seq, push } => self::push(core, from, &key, version, seq, push),
    }
}

/// The copy of a channel, made if there is none; none if the process whose channel it is counts as gone, or another one of the
/// server is there by now: such a copy would stay for ever.
fn group(core: &Server, key: &GroupKey) -> Option<Arc<Group>> {
    let mut tables = core.registry.tables();
    if let Some(group) = tables.group(key) {
        return Some(group);
    }
    let known = core.view.known();
    let is_there = known.member(&key.backend).is_some_and(|member| member.incarnation == key.incarnation);
    if !is_there {
        core.counters.add(Dropped::Outdated);
        return None;
    }
    Some(tables.group_or_new(key))
}

fn join(core: &Arc<Server>, from: &ServerId, key: &GroupKey, version: u64, uid: &Uid) {
    if version == 1 {
        // The first member of a new copy: if there is an older one, its end was missed.
        drop_group(core, key);
    }
    let Some(group) = group(core, key) else { return };
    let mut state = group.lock();
    if !state.replica.join(version, uid) {
        return fetch(core, from, key, &mut state);
    }
    drop(state);
    core.registry.tables().join(&group, uid);
}

fn leave(core: &Arc<Server>, from: &ServerId, key: &GroupKey, version: u64, uid: &Uid) {
    let Some(group) = group(core, key) else { return };
    let mut state = group.lock();
    if !state.replica.leave(version, uid) {
        return fetch(core, from, key, &mut state);
    }
    drop(state);
    core.registry.tables().leave(&group, uid);
}

/// Asks for the membership, unless that is under way; if it can't be sent, that is [tried again](fetch_again).
fn fetch(core: &Arc<Server>, from: &ServerId, key: &GroupKey, state: &mut State) {
    if state.replica.must_ask() {
        let is_sent = core.send(from, Message::FetchGroup { group: key.group }).is_ok();
        state.replica.asked(is_sent);
        if !is_sent {
            core.registry.fetch_later([key.clone()]);
        }
    }
}

/// Asks for the memberships that could not be asked for before: what waits for them must not wait for the next message of its
/// channel, which may never come.
pub(crate) fn fetch_again(core: &Arc<Server>) {
    for key in core.registry.take_unfetched() {
        let group = core.registry.tables().group(&key);
        if let Some(group) = group {
            fetch(core, &key.backend, &key, &mut group.lock());
        }
    }
}

/// A channel is no more, or its backend is gone: pushes that waited for its membership reach nobody.
pub(crate) fn drop_group(core: &Arc<Server>, key: &GroupKey) {
    let Some(group) = core.registry.tables().drop_group(key) else { return };
    let waiting = group.lock().replica.take_waiting();
    for (seq, _) in waiting {
        refuse(core, &key.backend, seq, "the channel is no more");
    }
}

/// Drops a push that can't be delivered, and says so to who wants to know.
fn refuse(core: &Arc<Server>, from: &ServerId, seq: u64, why: &str) {
    core.counters.add(Dropped::Unreachable);
    if seq != 0 {
        core.reply_later(from.clone(), seq, Err(Error::of(ErrorKind::Closed, why)));
    }
}

fn sync(core: &Arc<Server>, key: &GroupKey, version: u64, uids: Vec<Uid>) {
    let Some(group) = group(core, key) else { return };
    let synced = group.lock().replica.sync(version, &uids);
    for uid in &synced.before {
        core.registry.tables().leave(&group, uid);
    }
    for uid in &uids {
        core.registry.tables().join(&group, uid);
    }
    for (seq, push) in synced.waited {
        self::push(core, &key.backend, key, version, seq, push);
    }
}

fn push(core: &Arc<Server>, from: &ServerId, key: &GroupKey, version: u64, seq: u64, push: Push) {
    // Who wants to know whom it reached is gone.
    let Some(group) = group(core, key) else { return };
    let mut state = group.lock();
    let push = match state.replica.push(version, seq, push, core.limits.stashed_pushes) {
        Arrived::Deliver(push) => push,
        Arrived::Waits => return fetch(core, from, key, &mut state),
        Arrived::Refused => {
            let why = "too many pushes wait for the membership of the channel (stashed_pushes)";
            refuse(core, from, seq, why);
            return fetch(core, from, key, &mut state);
        }
    };
    if seq != 0 {
        let uids: Vec<_> = state.replica.members().iter().cloned().collect();
        drop(state);
        return deliver_to_uids(core, from, seq, &push, uids);
    }
    let (mut frames, mut delivery) = (Frames::new(core, &push), Delivery::begin());
    for outbox in state.targets.values() {
        delivery.add(core, &mut frames, outbox);
    }
    turn::queued(state.targets.len());
    drop(state);
    delivery.finish(core);
}
