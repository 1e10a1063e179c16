//! The registry of a frontend: its sessions, by id and by user, and what they have in common.
//!
//! One lock guards the tables. Whoever changes a user's sessions, a group's members or a session's connection
//! does it under that, so that a push finds each connection once: not at all before a bind, and not any more
//! after a close.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use foldhash::fast::RandomState;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::client::{ClientSession, CloseMode, Generation, Incoming};
use super::ends::Ends;
use super::formats::Formats;
use super::tables::Tables;
use super::waits::{Closing, Waits};
use crate::event::Events;
use crate::metrics::Dropped;
use crate::outbox::Flusher;
use crate::peers::Peers;
use crate::request::Request;
use crate::session::{Session, Sessions};
use crate::value::{Error, Result, ServerId, SessionId};
use crate::wire::Body;
use crate::wire::envelope::{Batch, GroupKey};

/// Why a client is kicked that doesn't take what it is sent.
const TOO_SLOW: &str = "too slow";

/// Decides at a frontend whether a session gets a broadcast, by the parameter that came with it.
pub(crate) type BroadcastFilter = Arc<dyn Fn(&Session, &Value) -> bool + Send + Sync>;

/// Handles the messages that a frontend's sessions take in.
pub(crate) trait Dispatcher: Send + Sync {
    /// Starts a task that handles a session's messages one after the other, `first` and those that come meanwhile, until the session
    /// [has none](ClientSession::next), and [finishes](ClientSession::finish) a session that closes.
    fn work(&self, session: Arc<ClientSession>, first: Option<Incoming>) -> JoinHandle<()>;

    /// As [`work`](Self::work), from a message on that has just come: what is ready at once is done in this very thread if the
    /// application's code may run there, and costs no task.
    fn begin(&self, session: Arc<ClientSession>, first: Incoming) {
        drop(self.work(session, Some(first)));
    }

    /// A message that another server has handled has ended so, and its response is queued: runs what the application has for that.
    fn after_forwarding(&self, request: Request, outcome: Result<Body>);
}

/// What the application has set for the clients of a frontend.
pub(crate) struct ClientSettings {
    /// Whether one user may have one session only.
    pub(crate) single_session: bool,
    pub(crate) broadcast_filter: Option<BroadcastFilter>,
    /// Whether clients are told what an error says.
    pub(crate) detailed_errors: bool,
}

/// What a server keeps of its clients.
pub(crate) struct Registry {
    /// The way to other servers.
    pub(crate) peers: Arc<Peers>,
    /// The way from one session to the others, wherever they are.
    pub(crate) sessions: Arc<Sessions>,
    /// Tells the application of binds and closes.
    pub(crate) events: Arc<Events>,
    /// Handles what clients send.
    pub(crate) dispatcher: Box<dyn Dispatcher>,
    /// What the application has set.
    pub(crate) settings: ClientSettings,
    /// The kinds of connections.
    pub(crate) formats: Formats,
    /// Writes what is queued for clients.
    pub(crate) flusher: Arc<Flusher>,
    /// Sessions whose clients are gone and whose hooks have not begun.
    pub(crate) ends: Ends,
    /// Who waits for sessions to close.
    pub(crate) waits: Waits,
    /// Sessions, users and groups.
    tables: Mutex<Tables>,
    /// The number of the last session.
    serial: AtomicU64,
    /// Channels whose membership could not be asked for.
    unfetched: Mutex<HashSet<GroupKey, RandomState>>,
}

impl Registry {
    pub(crate) fn new(
        sessions: Arc<Sessions>,
        events: Arc<Events>,
        dispatcher: Box<dyn Dispatcher>,
        settings: ClientSettings,
    ) -> Arc<Self> {
        let peers = sessions.peers.clone();
        Arc::new(Self {
            flusher: Arc::new(Flusher::new(peers.limits.outboxes)),
            peers,
            sessions,
            events,
            dispatcher,
            settings,
            formats: Formats::default(),
            ends: Ends::default(),
            waits: Waits::default(),
            tables: Mutex::default(),
            serial: AtomicU64::new(0),
            unfetched: Mutex::default(),
        })
    }

    /// Nothing of the application's runs while they are held.
    pub(crate) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The number of the next session, from 1 on.
    pub(crate) fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A session opens.
    pub(crate) fn insert(&self, session: Arc<ClientSession>) {
        self.tables().sessions.insert(session.id(), session);
    }

    /// An open session; one that has begun to close is not found.
    pub(crate) fn session(&self, id: SessionId) -> Option<Arc<ClientSession>> {
        self.tables().sessions.get(&id).cloned()
    }

    /// All that are open.
    pub(crate) fn all(&self) -> Vec<Arc<ClientSession>> {
        self.tables().sessions.values().cloned().collect()
    }

    /// Those that are bound to a user, in the order in which they were.
    pub(crate) fn sessions_of(&self, uid: &str) -> Vec<Arc<ClientSession>> {
        self.tables().users.get(uid).map(|user| user.sessions.to_vec()).unwrap_or_default()
    }

    /// The open sessions that a batch names, by themselves or by their user; each once.
    pub(crate) fn named(&self, batch: &Batch) -> Vec<Arc<ClientSession>> {
        self.tables().named(batch)
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

    /// Has `attach` put another connection under a session, and its channels deliver to that one. No delivery to the session's user
    /// begins meanwhile.
    pub(super) fn attach(
        &self,
        session: &ClientSession,
        attach: impl FnOnce() -> Option<Generation>,
    ) -> Option<Generation> {
        let tables = self.tables();
        let generation = attach()?;
        let user = session.uid().and_then(|uid| tables.users.get(&uid));
        for group in user.into_iter().flat_map(|user| &user.groups) {
            session.with_outbox(|outbox| group.add_target(session.id(), outbox));
        }
        Some(generation)
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

    /// A session is closed and its hooks have run: nothing of it is left here.
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
    pub(super) fn all_of(&self, uid: &str) -> Closing {
        let tables = self.tables();
        let user = tables.users.get(uid);
        let all = user.into_iter().flat_map(|user| user.sessions.iter().chain(&user.closing));
        all.cloned().collect()
    }

    /// The sessions whose closing has begun and isn't over.
    pub(crate) fn sessions_that_close(&self) -> Vec<Arc<ClientSession>> {
        self.tables().closing.values().cloned().collect()
    }

    pub(super) fn closing(&self, id: SessionId) -> Option<Arc<ClientSession>> {
        self.tables().closing.get(&id).cloned()
    }

    /// What a client is answered where something failed.
    pub(super) fn error_body(&self, error: &Error) -> Body {
        Body::json(error.response(self.settings.detailed_errors).to_string())
    }

    /// Kicks the clients that don't take what they are sent, which is counted.
    pub(crate) fn kick_too_slow(&self) {
        for outbox in self.flusher.too_slow() {
            let session = match outbox.session().map(|id| self.session(id)) {
                // It closes already.
                Some(None) => continue,
                Some(session) => session,
                None => None,
            };
            // A connection without a session, or whose session has another one by now, is only closed.
            let is_attached =
                |session: &Arc<ClientSession>| session.with_outbox(|attached| Arc::ptr_eq(attached, &outbox));
            let is_news = match session.filter(is_attached) {
                Some(session) => session.close(CloseMode::Discard, TOO_SLOW),
                None => {
                    outbox.close();
                    true
                }
            };
            if is_news {
                self.peers.counters.add(Dropped::TooSlow);
            }
        }
    }
}
