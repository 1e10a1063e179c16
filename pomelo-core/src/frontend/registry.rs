//! The client side of a server: its sessions, by id and by user, and the channels that they are in.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use foldhash::fast::RandomState;
use serde_json::Value;
use smallvec::SmallVec;

use super::client::{ClientSession, CloseMode};
use super::ends::Ends;
use super::formats::Formats;
use super::group::Group;
use super::waits::{Closing, Waits, close_by};
use crate::event::Event;
use crate::outbox::Flusher;
use crate::server::{LostHook, Server};
use crate::session::{Session, no_session};
use crate::value::{Error, ErrorKind, Incarnation, Result, ServerId, SessionId, Uid};
use crate::wire::envelope::{Answer, Batch, GroupKey, SessionOp};

/// What a client is told that is kicked without a reason; pomelo says the same.
const KICKED: &str = "kick";

/// Decides at a frontend whether a session gets a broadcast, by the parameter that came with it.
pub(crate) type BroadcastFilter = Arc<dyn Fn(&Session, &Value) -> bool + Send + Sync>;

/// What a server keeps of its clients.
#[derive(Default)]
pub(crate) struct Registry {
    pub(crate) formats: Formats,
    pub(crate) flusher: Arc<Flusher>,
    pub(crate) single_session: bool,
    pub(crate) broadcast_filter: Option<BroadcastFilter>,
    pub(crate) sessions_lost: Option<LostHook>,
    pub(crate) ends: Ends,
    tables: Mutex<Tables>,
    serial: AtomicU64,
    /// Channels whose membership could not be asked for.
    unfetched: Mutex<HashSet<GroupKey, RandomState>>,
    pub(crate) waits: Waits,
}

#[derive(Default)]
pub(crate) struct Tables {
    sessions: HashMap<SessionId, Arc<ClientSession>, RandomState>,
    /// Sessions that have begun to close and whose hooks have not all run.
    closing: HashMap<SessionId, Arc<ClientSession>, RandomState>,
    /// Clients choose these keys, hence the default hasher.
    users: HashMap<Uid, User>,
    groups: HashMap<GroupKey, Arc<Group>, RandomState>,
}

#[derive(Default)]
struct User {
    sessions: SmallVec<[Arc<ClientSession>; 1]>,
    closing: SmallVec<[Arc<ClientSession>; 1]>,
    groups: SmallVec<[Arc<Group>; 1]>,
}

impl User {
    fn is_unused(&self) -> bool {
        self.sessions.is_empty() && self.closing.is_empty() && self.groups.is_empty()
    }

    fn still_closing(&self) -> Closing {
        self.closing.iter().filter(|session| !session.is_closed()).cloned().collect()
    }
}

/// What to do about sessions of a user that are still closing when another one is to be bound.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Old {
    /// Wait for them.
    Await,
    /// They had their time.
    Late,
}

/// Whether a user can be bound now.
enum Bind {
    Done(u64),
    /// Sessions of that user are still closing.
    Wait(Closing),
}

impl Registry {
    pub(crate) fn new(
        single_session: bool,
        broadcast_filter: Option<BroadcastFilter>,
        outboxes: usize,
        sessions_lost: Option<LostHook>,
    ) -> Self {
        let flusher = Arc::new(Flusher::new(outboxes));
        Self { single_session, broadcast_filter, sessions_lost, flusher, ..Self::default() }
    }

    pub(crate) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn insert(&self, session: Arc<ClientSession>) {
        self.tables().sessions.insert(session.id(), session);
    }

    pub(crate) fn session(&self, id: SessionId) -> Option<Arc<ClientSession>> {
        self.tables().sessions.get(&id).cloned()
    }

    pub(crate) fn sessions(&self) -> Vec<Arc<ClientSession>> {
        self.tables().sessions.values().cloned().collect()
    }

    pub(crate) fn sessions_of(&self, uid: &str) -> Vec<Arc<ClientSession>> {
        self.tables().users.get(uid).map(|user| user.sessions.to_vec()).unwrap_or_default()
    }

    /// The open sessions that a batch names, by themselves or by their user; each once.
    pub(crate) fn named(&self, batch: &Batch) -> Vec<Arc<ClientSession>> {
        let tables = self.tables();
        if batch.everything {
            return tables.sessions.values().cloned().collect();
        }
        let by_user = batch.uids.iter().flat_map(|uid| tables.sessions_of(uid));
        let by_id = batch.sessions.iter().filter_map(|id| tables.sessions.get(id));
        let named: HashMap<_, _, RandomState> =
            by_user.chain(by_id).map(|session| (session.id(), session.clone())).collect();
        named.into_values().collect()
    }

    pub(crate) fn session_count(&self) -> usize {
        self.tables().sessions.len()
    }

    /// The link to a server broke: it won't answer what its channels' copies asked for.
    pub(crate) fn stop_fetching(&self, backend: &ServerId) {
        let waiting = self.tables().stop_fetching(backend);
        self.fetch_later(waiting);
    }

    /// These memberships are still wanted, and can't be asked for now.
    pub(crate) fn fetch_later(&self, keys: impl IntoIterator<Item = GroupKey>) {
        self.lock_unfetched().extend(keys);
    }

    /// Takes the channels whose membership is to be asked for again.
    pub(crate) fn take_unfetched(&self) -> HashSet<GroupKey, RandomState> {
        std::mem::take(&mut *self.lock_unfetched())
    }

    fn lock_unfetched(&self) -> MutexGuard<'_, HashSet<GroupKey, RandomState>> {
        self.unfetched.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn try_bind(&self, id: SessionId, uid: &Uid, unique: bool, old: Old) -> Result<Bind> {
        let mut tables = self.tables();
        let session = tables.sessions.get(&id).cloned().ok_or_else(|| no_session(id))?;
        match session.uid() {
            Some(bound) if bound == *uid => return Ok(Bind::Done(session.version())),
            Some(bound) => return Err(refused(format_args!("session has already bind with {bound}"))),
            None => {}
        }
        let unique = unique || self.single_session;
        let user = tables.users.get(uid);
        if unique && user.is_some_and(|user| !user.sessions.is_empty()) {
            return Err(refused(format_args!(
                "singleSession is enabled, and session has already bind with uid: {uid}"
            )));
        }
        let closing: Closing = user.map(User::still_closing).unwrap_or_default();
        if let (Old::Await, Some(_)) = (old, closing.first()) {
            return Ok(Bind::Wait(closing));
        }
        if let (true, Some(late)) = (unique, closing.first()) {
            let late = late.id();
            let why = format_args!("session {late} of {uid} is still closing (close_wait)");
            return Err(Error::of(ErrorKind::Deadline, why));
        }
        let user = tables.users.entry(uid.clone()).or_default();
        let version = session.set_uid(Some(uid.clone()));
        for group in &user.groups {
            group.add_target(id, session.outbox());
        }
        user.sessions.push(session);
        Ok(Bind::Done(version))
    }

    fn unbind(&self, id: SessionId, uid: &Uid) -> Result<u64> {
        let mut tables = self.tables();
        let session = tables.sessions.get(&id).cloned().ok_or_else(|| no_session(id))?;
        if session.uid().as_ref() != Some(uid) {
            return Err(refused(format_args!("session has not bind with {uid}")));
        }
        tables.unlink(id, uid);
        Ok(session.set_uid(None))
    }

    /// Takes a session that closes out of all deliveries; its user counts as leaving until [`forget`](Self::forget).
    pub(crate) fn begin_closing(&self, session: &Arc<ClientSession>) {
        let mut tables = self.tables();
        tables.sessions.remove(&session.id());
        tables.closing.insert(session.id(), session.clone());
        if let Some(uid) = session.uid() {
            tables.unlink(session.id(), &uid);
            tables.users.entry(uid).or_default().closing.push(session.clone());
        }
    }

    pub(crate) fn forget(&self, session: &ClientSession) {
        let mut tables = self.tables();
        tables.closing.remove(&session.id());
        let Some(uid) = session.uid() else { return };
        if let Some(user) = tables.users.get_mut(&uid) {
            user.closing.retain(|closing| closing.id() != session.id());
            if user.is_unused() {
                tables.users.remove(&uid);
            }
        }
    }

    /// The sessions of a user, those included whose hooks have not all run.
    fn all_of(&self, uid: &str) -> Closing {
        let tables = self.tables();
        let user = tables.users.get(uid);
        let all = user.into_iter().flat_map(|user| user.sessions.iter().chain(&user.closing));
        all.cloned().collect()
    }

    /// Binds a session, once those of its user that are closing are closed or had their time.
    async fn bind(&self, core: &Arc<Server>, id: SessionId, uid: Uid, unique: bool) -> Result<Answer> {
        let (by, mut old) = (close_by(core), Old::Await);
        loop {
            match self.try_bind(id, &uid, unique, old)? {
                Bind::Done(version) => {
                    self.tell(core, id, Event::BindSession).await;
                    return Ok(Answer::Done(version));
                }
                Bind::Wait(closing) => {
                    if !self.waits.until_closed(core, &closing, by).await {
                        old = Old::Late;
                    }
                }
            }
        }
    }

    /// Closes sessions, and waits until they are closed or had their time.
    async fn kick(
        &self,
        core: &Arc<Server>,
        sessions: &[Arc<ClientSession>],
        reason: Option<&str>,
    ) -> Answer {
        let by = close_by(core);
        for session in sessions {
            session.close(CloseMode::Discard, reason.unwrap_or(KICKED));
        }
        // They close all the same if they had too little time.
        let _ = self.waits.until_closed(core, sessions, by).await;
        Answer::Done(0)
    }

    /// The sessions whose closing has begun and isn't over.
    pub(crate) fn sessions_that_close(&self) -> Vec<Arc<ClientSession>> {
        self.tables().closing.values().cloned().collect()
    }

    /// Acts on a session for a handler, here or on a backend.
    ///
    /// Ready at once, but for kicking, and for binding: sessions of that user may still be closing, and listeners may have to be
    /// told.
    pub(crate) async fn act(&self, core: &Arc<Server>, from: &ServerId, op: SessionOp) -> Result<Answer> {
        match op {
            SessionOp::Bind { id, uid, unique } => self.bind(core, id, uid, unique).await,
            SessionOp::Unbind { id, uid } => {
                let version = self.unbind(id, &uid)?;
                self.tell(core, id, Event::UnbindSession).await;
                Ok(Answer::Done(version))
            }
            SessionOp::Set { id, changes } => {
                let session = self.session(id).ok_or_else(|| no_session(id))?;
                Ok(Answer::Done(session.set_all(changes)))
            }
            SessionOp::Get { id } => {
                let found = self.session(id).map(|session| session.snapshot());
                Ok(Answer::Sessions(found.into_iter().collect()))
            }
            SessionOp::GetByUid { uid } => {
                let found = self.sessions_of(&uid);
                Ok(Answer::Sessions(found.iter().map(|session| session.snapshot()).collect()))
            }
            SessionOp::Kick { id, reason } => {
                let session = self.session(id).or_else(|| self.closing(id));
                Ok(self.kick(core, session.as_slice(), reason.as_deref()).await)
            }
            SessionOp::KickUid { uid, reason } => {
                let sessions = self.all_of(&uid);
                Ok(self.kick(core, &sessions, reason.as_deref()).await)
            }
            SessionOp::Subscribe { id } => {
                let closed = || Error::of(ErrorKind::Closed, format_args!("session {id} is closed"));
                // A handler that still runs while its session closes registers in time: closing waits for it.
                let session = self.session(id).or_else(|| self.closing(id)).ok_or_else(closed)?;
                if session.subscribe(from) { Ok(Answer::Done(0)) } else { Err(closed()) }
            }
        }
    }

    fn closing(&self, id: SessionId) -> Option<Arc<ClientSession>> {
        self.tables().closing.get(&id).cloned()
    }

    /// Tells the listeners before the handler goes on, as pomelo does.
    async fn tell(&self, core: &Arc<Server>, id: SessionId, event: fn(Session) -> Event) {
        if let (true, Some(session)) = (core.events.has_listener(), self.session(id)) {
            core.events.emit(event(Session::new(core, session.snapshot())));
            core.events.heard().await;
        }
    }
}

impl Tables {
    /// Takes a session off its user and out of that user's groups.
    fn unlink(&mut self, id: SessionId, uid: &Uid) {
        let Some(user) = self.users.get_mut(uid) else { return };
        user.sessions.retain(|session| session.id() != id);
        for group in &user.groups {
            group.remove_target(id);
        }
        if user.is_unused() {
            self.users.remove(uid);
        }
    }

    pub(crate) fn group_or_new(&mut self, key: &GroupKey) -> Arc<Group> {
        self.groups.entry(key.clone()).or_default().clone()
    }

    pub(crate) fn join(&mut self, group: &Arc<Group>, uid: &Uid) {
        let user = self.users.entry(uid.clone()).or_default();
        if user.groups.iter().any(|joined| Arc::ptr_eq(joined, group)) {
            return;
        }
        user.groups.push(group.clone());
        for session in &user.sessions {
            group.add_target(session.id(), session.outbox());
        }
    }

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

    pub(crate) fn drop_group(&mut self, key: &GroupKey) -> Option<Arc<Group>> {
        let group = self.groups.remove(key)?;
        for uid in group.take_members() {
            self.leave(&group, &uid);
        }
        Some(group)
    }

    /// The channels of that life of a server.
    pub(crate) fn groups_of(&self, backend: &ServerId, incarnation: Incarnation) -> Vec<GroupKey> {
        let of_backend = |key: &&GroupKey| key.backend == *backend && key.incarnation == incarnation;
        self.groups.keys().filter(of_backend).cloned().collect()
    }

    pub(crate) fn group(&self, key: &GroupKey) -> Option<Arc<Group>> {
        self.groups.get(key).cloned()
    }

    /// Nothing that was asked for comes from a server any more; gives the channels that wait for it.
    fn stop_fetching(&self, backend: &ServerId) -> Vec<GroupKey> {
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
}

fn refused(why: std::fmt::Arguments<'_>) -> Error {
    Error::of(ErrorKind::Application, why)
}
