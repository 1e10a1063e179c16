//! A channel's members at one frontend, and delivery to them.

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use foldhash::fast::RandomState;
use indexmap::{IndexMap, IndexSet};
use smallvec::SmallVec;

use super::client::ClientSession;
use crate::metrics::Dropped;
use crate::outbox::{Appended, Outbox, turn};
use crate::server::Server;
use crate::value::{Error, ErrorKind, ServerId, SessionId, Uid};
use crate::wire::Format;
use crate::wire::envelope::{Answer, GroupKey, GroupOp, Message, Push};

/// The copy of a channel's membership at a frontend: users by name, and the connections they have now.
#[derive(Default)]
pub(crate) struct Group(Mutex<State>);

#[derive(Default)]
struct State {
    version: u64,
    uids: IndexSet<Uid, RandomState>,
    targets: IndexMap<SessionId, Arc<Outbox>, RandomState>,
    /// Pushes that wait for the membership.
    stash: Option<Vec<(u64, Push)>>,
    /// The membership was asked for, and the link has not broken since.
    fetching: bool,
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

    fn add_member(&self, uid: Uid) {
        let uids = &mut self.lock().uids;
        if uids.is_empty() {
            uids.reserve_exact(1);
        }
        uids.insert(uid);
    }

    pub(crate) fn take_members(&self) -> Vec<Uid> {
        std::mem::take(&mut self.lock().uids).into_iter().collect()
    }

    /// What was asked for won't come any more; true if pushes wait for it.
    pub(crate) fn stop_fetching(&self) -> bool {
        let mut state = self.lock();
        state.fetching = false;
        state.stash.is_some()
    }
}

/// A push's frames, each built when the first connection needs it.
pub(crate) struct Frames<'a> {
    core: &'a Server,
    push: &'a Push,
    /// By the number of the format.
    built: SmallVec<[Option<Result<Bytes, ()>>; 4]>,
}

impl<'a> Frames<'a> {
    pub(crate) fn new(core: &'a Server, push: &'a Push) -> Self {
        Self { core, push, built: SmallVec::new() }
    }

    /// The frame for a connection that is the only one to get the push.
    fn only(&self, outbox: &Outbox) -> Option<Bytes> {
        build(self.core, &**self.core.registry.formats.get(outbox.format())?, self.push).ok()
    }

    fn of(&mut self, outbox: &Outbox) -> Option<&Bytes> {
        let (id, push) = (outbox.format(), self.push);
        let format = self.core.registry.formats.get(id)?;
        let index = usize::from(id.0);
        if index >= self.built.len() {
            self.built.resize(index + 1, None);
        }
        self.built.get_mut(index)?.get_or_insert_with(|| build(self.core, &**format, push)).as_ref().ok()
    }
}

fn build(core: &Server, format: &dyn Format, push: &Push) -> Result<Bytes, ()> {
    let body = push.payload.body(format.encoding()).ok_or(())?;
    format.push(&push.route, body).map_err(|error| {
        let route = &push.route;
        if let Some(left_out) = core.admit(format_args!("push {route}")) {
            tracing::error!(server = %core.info.id, %route, %error, left_out, "a push can't be sent");
        }
    })
}

/// What delivery to several connections leaves to be done.
#[derive(Default)]
pub(crate) struct Delivery {
    dirty: Vec<Arc<Outbox>>,
}

impl Delivery {
    /// Queues the push for one connection, and says whether it will be sent.
    pub(crate) fn add(&mut self, core: &Server, frames: &mut Frames<'_>, outbox: &Arc<Outbox>) -> bool {
        let frame = frames.of(outbox).cloned();
        self.append(core, frame, outbox, frames.push.volatile)
    }

    fn append(&mut self, core: &Server, frame: Option<Bytes>, outbox: &Arc<Outbox>, volatile: bool) -> bool {
        let Some(frame) = frame else {
            core.counters.add(Dropped::Unencodable);
            return false;
        };
        let appended = if volatile { outbox.append_volatile(frame) } else { outbox.append(frame) };
        if appended == Appended::NeedsFlush {
            self.dirty.push(outbox.clone());
        }
        match appended.dropped() {
            None => true,
            Some(reason) => {
                core.counters.add(reason);
                false
            }
        }
    }

    /// Wakes the flusher.
    pub(crate) fn finish(mut self, core: &Server) {
        core.registry.flusher.mark_all(&mut self.dirty);
        DIRTY.set(self.dirty);
    }

    pub(crate) fn begin() -> Self {
        Self { dirty: DIRTY.take() }
    }
}

thread_local! {
    /// The list's memory, kept from one delivery to the next.
    static DIRTY: std::cell::Cell<Vec<Arc<Outbox>>> = const { std::cell::Cell::new(Vec::new()) };
}

/// Takes in what a backend says of a channel.
pub(crate) fn deliver(core: &Arc<Server>, from: &ServerId, key: GroupKey, version: u64, op: GroupOp) {
    match op {
        GroupOp::Drop => drop_group(core, &key),
        GroupOp::Sync(uids) => sync(core, &key, version, uids),
        GroupOp::Join(uid) => {
            if version == 1 {
                // The first member of a new copy: if there is an older one, its end was missed.
                drop_group(core, &key);
            }
            change(core, from, &key, version, |group| {
                group.add_member(uid.clone());
                core.registry.tables().join(group, &uid);
            });
        }
        GroupOp::Leave(uid) => change(core, from, &key, version, |group| {
            group.lock().uids.swap_remove(&uid);
            core.registry.tables().leave(group, &uid);
        }),
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
    is_there.then(|| tables.group_or_new(key))
}

fn change(
    core: &Arc<Server>,
    from: &ServerId,
    key: &GroupKey,
    version: u64,
    change: impl FnOnce(&Arc<Group>),
) {
    let Some(group) = group(core, key) else { return core.counters.add(Dropped::Outdated) };
    {
        let mut state = group.lock();
        if state.stash.is_some() {
            return fetch(core, from, key, &mut state);
        }
        if version != state.version + 1 {
            state.stash = Some(Vec::new());
            return fetch(core, from, key, &mut state);
        }
        state.version = version;
    }
    change(&group);
}

/// Asks for the membership, unless that is under way; if it can't be sent, that is [tried again](fetch_again).
fn fetch(core: &Arc<Server>, from: &ServerId, key: &GroupKey, state: &mut State) {
    if !state.fetching {
        state.fetching = core.send(from, Message::FetchGroup { group: key.group }).is_ok();
        if !state.fetching {
            core.registry.fetch_later([key.clone()]);
        }
    }
}

/// Asks for the memberships that could not be asked for before: what waits for them must not wait for the next message of its
/// channel, which may never come.
pub(crate) fn fetch_again(core: &Arc<Server>) {
    for key in core.registry.take_unfetched() {
        let Some(group) = core.registry.tables().group(&key) else { continue };
        let mut state = group.lock();
        if state.stash.is_some() {
            fetch(core, &key.backend, &key, &mut state);
        }
    }
}

/// A channel is no more, or its backend is gone: pushes that waited for its membership reach nobody.
pub(crate) fn drop_group(core: &Arc<Server>, key: &GroupKey) {
    let Some(group) = core.registry.tables().drop_group(key) else { return };
    let stash = group.lock().stash.take();
    for (seq, _) in stash.into_iter().flatten() {
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
    let Some(group) = group(core, key) else { return core.counters.add(Dropped::Outdated) };
    for uid in group.take_members() {
        core.registry.tables().leave(&group, &uid);
    }
    let stash = {
        let mut state = group.lock();
        state.version = version;
        state.fetching = false;
        state.uids.extend(uids.iter().cloned());
        state.stash.take()
    };
    for uid in &uids {
        core.registry.tables().join(&group, uid);
    }
    for (seq, push) in stash.into_iter().flatten() {
        self::push(core, &key.backend, key, version, seq, push);
    }
}

fn push(core: &Arc<Server>, from: &ServerId, key: &GroupKey, version: u64, seq: u64, push: Push) {
    // Who wants to know whom it reached is gone.
    let Some(group) = group(core, key) else { return core.counters.add(Dropped::Outdated) };
    let mut state = group.lock();
    if let Some(stash) = &mut state.stash {
        if stash.len() < core.limits.stashed_pushes {
            stash.push((seq, push));
        } else {
            refuse(
                core,
                from,
                seq,
                "too many pushes wait for the membership of the channel (stashed_pushes)",
            );
        }
        return fetch(core, from, key, &mut state);
    }
    if version != state.version {
        state.stash = Some(vec![(seq, push)]);
        return fetch(core, from, key, &mut state);
    }
    if seq != 0 {
        let uids: Vec<_> = state.uids.iter().cloned().collect();
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

/// Delivers a push to users by name, and answers who was not reached.
pub(crate) fn deliver_to_uids(core: &Arc<Server>, from: &ServerId, seq: u64, push: &Push, uids: Vec<Uid>) {
    let (mut frames, mut delivery, mut missing) = (Frames::new(core, push), Delivery::begin(), Vec::new());
    let (tables, is_only) = (core.registry.tables(), uids.len() == 1);
    for uid in uids {
        let reached = match tables.sessions_of(&uid) {
            [session] if is_only => {
                let frame = frames.only(session.outbox());
                usize::from(delivery.append(core, frame, session.outbox(), push.volatile))
            }
            sessions => {
                sessions.iter().filter(|session| delivery.add(core, &mut frames, session.outbox())).count()
            }
        };
        if reached == 0 {
            missing.push(uid);
        }
    }
    drop(tables);
    delivery.finish(core);
    if seq != 0 {
        core.reply(from, seq, Ok(Answer::Missing(missing)));
    }
}

/// Delivers a push to all clients of this frontend, which has no broadcast filter.
pub(crate) fn broadcast(core: &Arc<Server>, push: &Push, bound_only: bool) {
    let sessions: Vec<Arc<ClientSession>> = core.registry.tables().sessions().cloned().collect();
    let (mut frames, mut delivery) = (Frames::new(core, push), Delivery::begin());
    for session in sessions.iter().filter(|session| !bound_only || session.uid().is_some()) {
        delivery.add(core, &mut frames, session.outbox());
    }
    delivery.finish(core);
}
