//! A client's session at its frontend: the real one.

mod closing;
mod responses;
mod worker;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value;
use smallvec::SmallVec;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::ends::Ends;
use crate::metrics::Dropped;
use crate::outbox::Outbox;
use crate::request::Request;
use crate::server::{Server, receiver};
use crate::value::{Error, ErrorKind, Route, ServerId, SessionId, Settings, Uid};
use crate::wire::envelope::Snapshot;
use crate::wire::{Body, Format};

/// Whether a connector may go on reading a client's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Too many messages are unanswered: read on when [`ClientSession::room`] resolves.
    Pause,
}

/// What becomes of a session's connection when the session closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseMode {
    /// The client is still sent all that is queued, then the connection closes, without a kick, so that the client comes
    /// back: the server lets it go.
    Drain,
    /// What is queued is discarded, and a kick says why.
    Discard,
    /// The connection is gone already, or its connector ends it.
    Gone,
}

/// How long to wait before looking again whether a client has read what waits for it.
const ROOM_POLL: Duration = Duration::from_millis(50);

/// What sends a client too slow to take what it is sent.
const TOO_SLOW: &str = "too slow";

/// A connected client, as its connector knows it.
pub struct ClientSession {
    core: Arc<Server>,
    id: SessionId,
    peer: Option<SocketAddr>,
    outbox: Arc<Outbox>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    uid: Option<Uid>,
    settings: Arc<Settings>,
    version: u64,
    phase: Phase,
    waiting: VecDeque<Incoming>,
    /// A worker is handling messages one by one.
    working: bool,
    /// Messages that are waiting, being handled here or out at a backend.
    unanswered: usize,
    /// Those that are out, by their numbers.
    out: SmallVec<[(u64, Request); 1]>,
    subscribers: SmallVec<[ServerId; 1]>,
    /// A server has dropped what it had of the session: it closes when the client asks for something.
    is_lost: bool,
    reason: Option<Arc<str>>,
    /// A response did not fit into its outbox, and most of what is in there has still to be read.
    is_behind: bool,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    /// Takes no messages any more, and is about to be taken out of the tables.
    Leaving,
    Closing,
    Closed,
}

impl State {
    fn subscribe(&mut self, server: &ServerId) {
        if !self.subscribers.contains(server) {
            self.subscribers.push(server.clone());
        }
    }

    /// A message is out no more.
    fn forget(&mut self, seq: u64) -> Option<Request> {
        let at = self.out.iter().position(|(out, _)| *out == seq)?;
        let (_, request) = self.out.swap_remove(at);
        if self.out.is_empty() && self.out.spilled() {
            // An idle session keeps no memory for messages.
            self.out = SmallVec::new();
        }
        Some(request)
    }
}

struct Incoming {
    id: Option<u64>,
    route: Route,
    body: Body,
}

impl ClientSession {
    pub(crate) fn open(core: &Arc<Server>, outbox: &Arc<Outbox>, peer: Option<SocketAddr>) -> Arc<Self> {
        let id = SessionId { incarnation: core.incarnation(), serial: core.registry.next_serial() };
        outbox.set_session(id);
        let session = Arc::new(Self {
            core: core.clone(),
            id,
            peer,
            outbox: outbox.clone(),
            state: Mutex::default(),
            changed: Notify::new(),
        });
        core.registry.insert(session.clone());
        session
    }

    /// The session's id.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// The client's address, if it has one.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    fn format(&self) -> Option<&Arc<dyn Format>> {
        self.core.registry.formats.get(self.outbox.format())
    }

    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Takes a client's message in. A route that isn't one is answered `{"code":500}` if it has a dot, else dropped.
    pub fn receive(self: &Arc<Self>, id: Option<u64>, route: &str, body: Body) -> Flow {
        let route = match self.core.routes.parse(route) {
            Ok(route) => route,
            Err(error) => {
                self.core.counters.add(Dropped::BadRoute);
                if route.contains('.') {
                    self.respond(id, route, Err(&Error::of(ErrorKind::NoSuchMethod, error)));
                }
                return Flow::Continue;
            }
        };
        if route.method() == "constructor" {
            // pomelo's handlers are JavaScript objects, and every one of them has this method.
            self.close(CloseMode::Discard, "attack");
            return Flow::Continue;
        }
        if self.core.is_leaving() {
            self.core.counters.add(Dropped::Stopping);
            self.respond(id, route.as_str(), Err(&Error::of(ErrorKind::Refused, "the server is stopping")));
            return Flow::Continue;
        }
        let mut state = self.lock();
        if state.phase != Phase::Open {
            self.core.counters.add(Dropped::SessionClosed);
            return Flow::Continue;
        }
        if state.is_lost {
            let reason = state.reason.clone().unwrap_or_default();
            drop(state);
            self.core.counters.add(Dropped::SessionClosed);
            self.close(CloseMode::Drain, &reason);
            return Flow::Continue;
        }
        state.unanswered += 1;
        let is_full = state.unanswered >= self.core.limits.queued_requests || state.is_behind;
        let flow = if is_full { Flow::Pause } else { Flow::Continue };
        let message = Incoming { id, route, body };
        if std::mem::replace(&mut state.working, true) {
            state.waiting.push_back(message);
        } else {
            drop(state);
            self.start(Some(message));
        }
        flow
    }

    /// Has the session close at the client's next message, for that reason.
    pub(crate) fn lose(&self, reason: &str) {
        let mut state = self.lock();
        if state.phase == Phase::Open {
            (state.is_lost, state.reason) = (true, Some(reason.into()));
        }
    }

    /// Waits until there is room for more messages and their responses, or the session closes.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn room(&self) {
        loop {
            let changed = self.changed.notified();
            let is_behind = {
                let mut state = self.lock();
                state.is_behind = state.is_behind && self.outbox.is_full();
                let has_room = state.unanswered < self.core.limits.queued_requests && !state.is_behind;
                if state.phase != Phase::Open || has_room {
                    return;
                }
                state.is_behind
            };
            if is_behind {
                tokio::time::sleep(ROOM_POLL).await;
            } else {
                changed.await;
            }
        }
    }

    /// Closes the session for a reason that its hooks get, and ends its connection as `mode` says. False if it is closing
    /// already: then neither the first reason nor the first mode changes.
    pub fn close(self: &Arc<Self>, mode: CloseMode, reason: &str) -> bool {
        if !self.begin_closing(mode, reason) {
            return false;
        }
        match (mode, self.format()) {
            (CloseMode::Drain, Some(format)) => self.outbox.finish(format.restart()),
            (CloseMode::Discard, Some(format)) => self.outbox.cut(format.kick(reason)),
            (CloseMode::Drain | CloseMode::Discard, None) => self.outbox.close(),
            (CloseMode::Gone, _) => {}
        }
        true
    }

    /// Kicks a client that doesn't take what it is sent, which is counted.
    pub fn overflowed(self: &Arc<Self>) {
        if self.close(CloseMode::Discard, TOO_SLOW) {
            self.core.counters.add(Dropped::TooSlow);
        }
    }

    /// Begins closing: what waits is dropped, what runs ends, then the hooks run. False if it had begun already.
    fn begin_closing(self: &Arc<Self>, mode: CloseMode, reason: &str) -> bool {
        let mut state = self.lock();
        if state.phase != Phase::Open {
            return false;
        }
        state.phase = Phase::Leaving;
        state.reason = Some(reason.into());
        self.core.counters.add_many(Dropped::SessionClosed, state.waiting.len());
        state.waiting.clear();
        let out = std::mem::take(&mut state.out);
        drop(state);
        self.core.registry.begin_closing(self);
        let asked = receiver::abandon(&self.core, self.id, out);
        // Only now may a worker finish: what it takes out of the tables has to be there, and servers that handle a message of
        // the session are waited for as those that have hooks on it are. Such a handler may register one.
        let mut state = self.lock();
        asked.iter().for_each(|server| state.subscribe(server));
        state.phase = Phase::Closing;
        let idle = !std::mem::replace(&mut state.working, true);
        drop(state);
        self.changed.notify_waiters();
        match mode {
            _ if !idle => {}
            CloseMode::Gone => Ends::add(&self.core, self.clone()),
            CloseMode::Drain | CloseMode::Discard => drop(self.finish_closing()),
        }
        true
    }

    /// Has the hooks of a session run that closes and is idle.
    pub(super) fn finish_closing(self: &Arc<Self>) -> JoinHandle<()> {
        self.start(None)
    }

    /// Has a server told when the session closes; false if it is closed already.
    pub(crate) fn subscribe(&self, server: &ServerId) -> bool {
        let mut state = self.lock();
        if state.phase == Phase::Closed {
            return false;
        }
        state.subscribe(server);
        true
    }

    pub(crate) fn uid(&self) -> Option<Uid> {
        self.lock().uid.clone()
    }

    pub(crate) fn version(&self) -> u64 {
        self.lock().version
    }

    pub(crate) fn set_uid(&self, uid: Option<Uid>) -> u64 {
        let mut state = self.lock();
        state.uid = uid;
        state.version += 1;
        state.version
    }

    pub(crate) fn set_all(&self, changes: impl IntoIterator<Item = (String, Value)>) -> u64 {
        let mut state = self.lock();
        let settings = Arc::make_mut(&mut state.settings);
        changes.into_iter().for_each(|(key, value)| settings.change(key, value));
        state.version += 1;
        state.version
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.snapshot_of(&self.lock())
    }

    fn snapshot_of(&self, state: &State) -> Snapshot {
        Snapshot {
            id: self.id,
            frontend: self.core.info.id.clone(),
            uid: state.uid.clone(),
            settings: state.settings.clone(),
            version: state.version,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
