//! The tables of a registry: sessions by id and by user, and the copies of channels that users are in.
//!
//! A user is in here as long as there is a session of that name, open or closing, or a channel that the user
//! is in, connected or not. A group is in here as long as its channel has a member at this frontend.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use super::client::ClientSession;
use super::group::Group;
use super::waits::Closing;
use crate::value::{Incarnation, ServerId, SessionId, Uid};
use crate::wire::envelope::{Batch, GroupKey};

/// What a frontend looks sessions up by.
#[derive(Default)]
pub(crate) struct Tables {
    /// Those that are open.
    pub(super) sessions: HashMap<SessionId, Arc<ClientSession>, RandomState>,
    /// Sessions that have begun to close and whose hooks have not all run.
    pub(super) closing: HashMap<SessionId, Arc<ClientSession>, RandomState>,
    /// Clients choose these keys, hence the default hasher.
    pub(super) users: HashMap<Uid, User>,
    /// Copies of channels, of all servers.
    groups: HashMap<GroupKey, Arc<Group>, RandomState>,
}

/// What a frontend has of one user.
#[derive(Default)]
pub(super) struct User {
    /// Those that are bound to the user and open.
    pub(super) sessions: SmallVec<[Arc<ClientSession>; 1]>,
    /// Those whose hooks have not all run.
    pub(super) closing: SmallVec<[Arc<ClientSession>; 1]>,
    /// The channels that the user is in.
    pub(super) groups: SmallVec<[Arc<Group>; 1]>,
}

impl User {
    pub(super) fn is_unused(&self) -> bool {
        self.sessions.is_empty() && self.closing.is_empty() && self.groups.is_empty()
    }

    pub(super) fn still_closing(&self) -> Closing {
        self.closing.iter().filter(|session| !session.is_closed()).cloned().collect()
    }
}

impl Tables {
    /// Takes a session off its user and out of that user's groups.
    pub(super) fn unlink(&mut self, id: SessionId, uid: &Uid) {
        let Some(user) = self.users.get_mut(uid) else { return };
        user.sessions.retain(|session| session.id() != id);
        for group in &user.groups {
            group.remove_target(id);
        }
        if user.is_unused() {
            self.users.remove(uid);
        }
    }

    /// The copy of a channel, which begins empty.
    pub(crate) fn group_or_new(&mut self, key: &GroupKey) -> Arc<Group> {
        self.groups.entry(key.clone()).or_default().clone()
    }

    /// A user is in a channel: its sessions, and those that bind later, get what is pushed.
    pub(crate) fn join(&mut self, group: &Arc<Group>, uid: &Uid) {
        let user = self.users.entry(uid.clone()).or_default();
        if user.groups.iter().any(|joined| Arc::ptr_eq(joined, group)) {
            return;
        }
        user.groups.push(group.clone());
        for session in &user.sessions {
            session.with_outbox(|outbox| group.add_target(session.id(), outbox));
        }
    }

    /// A user is in a channel no more.
    pub(crate) fn leave(&mut self, group: &Arc<Group>, uid: &str) {
        let Some(user) = self.users.get_mut(uid) else { return };
        user.groups.retain(|joined| !Arc::ptr_eq(joined, group));
        for session in &user.sessions {
            group.remove_target(session.id());
        }
        if user.is_unused() {
            self.users.remove(uid);
        }
    }

    /// A channel has ended, or has no member here any more.
    pub(crate) fn drop_group(&mut self, key: &GroupKey) -> Option<Arc<Group>> {
        let group = self.groups.remove(key)?;
        for uid in group.take_members() {
            self.leave(&group, &uid);
        }
        Some(group)
    }

    /// The channels of that incarnation of a server.
    pub(crate) fn groups_of(&self, backend: &ServerId, incarnation: Incarnation) -> Vec<GroupKey> {
        let of_backend = |key: &&GroupKey| key.backend == *backend && key.incarnation == incarnation;
        self.groups.keys().filter(of_backend).cloned().collect()
    }

    pub(crate) fn group(&self, key: &GroupKey) -> Option<Arc<Group>> {
        self.groups.get(key).cloned()
    }

    /// Nothing that was asked for comes from a server any more; gives the channels that wait for it.
    pub(super) fn stop_fetching(&self, backend: &ServerId) -> Vec<GroupKey> {
        let groups = self.groups.iter().filter(|(key, _)| key.backend == *backend);
        groups.filter(|(_, group)| group.stop_fetching()).map(|(key, _)| key.clone()).collect()
    }

    pub(crate) fn sessions_of(&self, uid: &str) -> &[Arc<ClientSession>] {
        self.users.get(uid).map_or(&[], |user| &user.sessions)
    }

    pub(crate) fn sessions(&self) -> impl Iterator<Item = &Arc<ClientSession>> {
        self.sessions.values()
    }

    /// How many users there are, and how many copies of channels.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.users.len(), self.groups.len())
    }

    /// The open sessions that a batch names, by themselves or by their user; each once.
    pub(super) fn named(&self, batch: &Batch) -> Vec<Arc<ClientSession>> {
        if batch.everything {
            return self.sessions.values().cloned().collect();
        }
        let by_user = batch.uids.iter().flat_map(|uid| self.sessions_of(uid));
        let by_id = batch.sessions.iter().filter_map(|id| self.sessions.get(id));
        let named: HashMap<_, _, RandomState> =
            by_user.chain(by_id).map(|session| (session.id(), session.clone())).collect();
        named.into_values().collect()
    }
}
