//! A client's session at its frontend: the real one.
//!
//! ```text
//!           begin_closing              worker ends             hooks have run
//!  Open ──────────────────▶ Leaving ─▶ Closing ──────────────────────────────▶ Closed
//!   takes messages           waiting ones are dropped and counted;             its user may bind again
//!                            the one that runs ends first
//! ```
//!
//! | file | noun |
//! |---|---|
//! | `mod` | the session: state, queue, snapshot |
//! | `forward`, `responses` | messages that other servers handle, and what clients are answered |
//! | `closing` | one way to end a session, and the running of its hooks |
//! | `attachment` | the connection that it sends to, which can be replaced |

mod attachment;
mod closing;
mod forward;
#[cfg(test)]
mod tests;

pub use self::attachment::Generation;
pub use self::closing::CloseMode;
pub(crate) use self::forward::note_unhandled;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value;
use smallvec::SmallVec;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use self::attachment::Attachment;
use self::forward::Out;
use super::Registry;
use crate::metrics::Dropped;
use crate::outbox::Outbox;
use crate::request::Request;
use crate::value::{Error, ErrorKind, Route, ServerId, SessionId, Settings, Uid};
use crate::wire::Body;
use crate::wire::envelope::Snapshot;

/// Whether a connector may go on reading a client's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Too many messages are unanswered: read on when [`ClientSession::room`] resolves.
    Pause,
}

/// How long to wait before looking again whether a client has read what waits for it.
const ROOM_POLL: Duration = Duration::from_millis(50);

/// A connected client, as its connector knows it.
///
/// A connector opens it by [`Frontend::open`](super::Frontend::open) when a handshake is done, hands it each
/// message, and closes it when the connection ends. What it is sent, the connection's outbox writes.
pub struct ClientSession {
    /// All of this frontend.
    registry: Arc<Registry>,
    /// Its name in the cluster.
    id: SessionId,
    /// Its address, if it has one.
    peer: Option<SocketAddr>,
    /// When it was opened, in seconds since the server's start: there is one for each client.
    opened_second: u32,
    /// What it sends by.
    attachment: Attachment,
    /// User, settings, queue and phase, under a lock that is held for a few instructions.
    state: Mutex<State>,
    /// Messages that are waiting, being handled here or out at a backend. It grows under the lock of the state.
    unanswered: AtomicUsize,
    /// Notified when there is room for messages, when nothing is unanswered any more, and when the phase changes.
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// The user that it is bound to.
    uid: Option<Uid>,
    /// What handlers have pushed.
    settings: Arc<Settings>,
    /// How often user and settings have changed.
    version: u64,
    /// How far its end has come.
    phase: Phase,
    /// Messages that the worker has not begun.
    waiting: VecDeque<Incoming>,
    /// A worker is handling messages one by one.
    working: bool,
    /// Those that are out, by their numbers.
    out: Out,
    /// The servers that have hooks on the session, or handle a message of it while it closes.
    subscribers: SmallVec<[ServerId; 1]>,
    /// A server has dropped what it had of the session: it closes when the client asks for something.
    is_lost: bool,
    /// Why it closes, or will.
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
    /// Has a server told of the end, once.
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

/// A client's message that was taken in.
pub(crate) struct Incoming {
    /// The client's number; none of a notify.
    pub(crate) id: Option<u64>,
    /// Where it goes.
    pub(crate) route: Route,
    /// What it says, undecoded.
    pub(crate) body: Body,
}

/// What a worker does next.
pub(crate) enum Next {
    /// Handle this message.
    Message(Incoming),
    /// End: nothing waits, and the next message begins another worker.
    Idle,
    /// [Finish](ClientSession::finish) the session: it closes.
    Closing,
}

/// Seconds since the server's start, of which there are enough for a century.
fn uptime_seconds(registry: &Registry) -> u32 {
    u32::try_from(registry.peers.stats.uptime().as_secs()).unwrap_or(u32::MAX)
}

impl ClientSession {
    /// Puts a new session into the registry; its connection may be sent to from now on.
    pub(super) fn open(
        registry: &Arc<Registry>,
        outbox: &Arc<Outbox>,
        peer: Option<SocketAddr>,
    ) -> Arc<Self> {
        let id = SessionId { incarnation: registry.peers.incarnation(), serial: registry.next_serial() };
        outbox.set_session(id);
        let session = Arc::new(Self {
            registry: registry.clone(),
            id,
            peer,
            opened_second: uptime_seconds(registry),
            attachment: Attachment::new(registry, outbox),
            state: Mutex::default(),
            unanswered: AtomicUsize::new(0),
            changed: Notify::new(),
        });
        registry.insert(session.clone());
        session
    }

    /// The session's id.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// How long it has been open, to the second.
    pub(crate) fn age(&self) -> Duration {
        let seconds = uptime_seconds(&self.registry).saturating_sub(self.opened_second);
        Duration::from_secs(seconds.into())
    }

    /// The client's address, if it has one.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Takes a client's message in, for a task to handle. A route that isn't one is answered `{"code":500}` if it has a dot, else
    /// dropped.
    pub fn receive(self: &Arc<Self>, id: Option<u64>, route: &str, body: Body) -> Flow {
        self.take_in(id, route, body, |session, message| {
            drop(session.registry.dispatcher.work(session.clone(), Some(message)));
        })
    }

    /// As [`receive`](Self::receive), and handles the message before it returns as far as that is ready at once: a handler that waits
    /// for nothing, to its end. Only what has to wait goes on in a task.
    ///
    /// It is for the task of a connection, on the server's own runtime (elsewhere a task handles all), which lets others have their
    /// turn after some messages. The application's code may run in there, so it is not to be called under a lock.
    pub fn handle(self: &Arc<Self>, id: Option<u64>, route: &str, body: Body) -> Flow {
        self.take_in(id, route, body, |session, message| {
            session.registry.dispatcher.begin(session.clone(), message);
        })
    }

    /// Takes a message in, and has `begin` see to it unless a worker does already.
    fn take_in(
        self: &Arc<Self>,
        id: Option<u64>,
        route: &str,
        body: Body,
        begin: impl FnOnce(&Arc<Self>, Incoming),
    ) -> Flow {
        let route = match self.registry.peers.routes.parse(route) {
            Ok(route) => route,
            Err(error) => {
                self.registry.peers.counters.add(Dropped::BadRoute);
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
        if self.registry.peers.is_leaving() {
            self.registry.peers.counters.add(Dropped::Stopping);
            self.respond(id, route.as_str(), Err(&Error::of(ErrorKind::Refused, "the server is stopping")));
            return Flow::Continue;
        }
        let mut state = self.lock();
        if state.phase != Phase::Open {
            self.registry.peers.counters.add(Dropped::SessionClosed);
            return Flow::Continue;
        }
        if state.is_lost {
            let reason = state.reason.clone().unwrap_or_default();
            drop(state);
            self.registry.peers.counters.add(Dropped::SessionClosed);
            self.close(CloseMode::Drain, &reason);
            return Flow::Continue;
        }
        let unanswered = self.unanswered.fetch_add(1, Ordering::SeqCst) + 1;
        let is_full = unanswered >= self.registry.peers.limits.queued_requests || state.is_behind;
        let flow = if is_full { Flow::Pause } else { Flow::Continue };
        let message = Incoming { id, route, body };
        if std::mem::replace(&mut state.working, true) {
            state.waiting.push_back(message);
        } else {
            drop(state);
            begin(self, message);
        }
        flow
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
                state.is_behind = state.is_behind && self.with_outbox(|outbox| outbox.is_full());
                let has_room =
                    self.unanswered() < self.registry.peers.limits.queued_requests && !state.is_behind;
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

    /// Has a worker finish the session, which closes.
    pub(super) fn work(self: &Arc<Self>) -> JoinHandle<()> {
        self.registry.dispatcher.work(self.clone(), None)
    }

    /// The message that a worker begins with, unless the session has begun to close meanwhile.
    pub(crate) fn begin(&self, first: Option<Incoming>) -> Option<Incoming> {
        if first.is_some() && self.lock().phase != Phase::Open {
            self.registry.peers.counters.add(Dropped::SessionClosed);
            return None;
        }
        first
    }

    /// What a worker does after a message.
    pub(crate) fn next(&self) -> Next {
        let mut state = self.lock();
        if let Some(message) = state.waiting.pop_front() {
            return Next::Message(message);
        }
        // An idle session keeps no memory for messages.
        state.waiting = VecDeque::new();
        if matches!(state.phase, Phase::Open | Phase::Leaving) {
            state.working = false;
            return Next::Idle;
        }
        Next::Closing
    }

    /// How many of its messages are unanswered.
    fn unanswered(&self) -> usize {
        self.unanswered.load(Ordering::SeqCst)
    }

    /// One message less is unanswered.
    pub(crate) fn answered(&self) {
        let before = self.unanswered.fetch_sub(1, Ordering::SeqCst);
        let (has_room, is_quiet) = (before == self.registry.peers.limits.queued_requests, before == 1);
        // The last answer and the stop that waits for it are in one order with `leaving`: one of them sees the other.
        if has_room || is_quiet && self.registry.peers.is_leaving() {
            self.changed.notify_waiters();
        }
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

    /// Binds or unbinds; gives the version that has it. The registry's tables are the caller's to change.
    pub(crate) fn set_uid(&self, uid: Option<Uid>) -> u64 {
        let mut state = self.lock();
        state.uid = uid;
        state.version += 1;
        state.version
    }

    /// Changes settings; gives the version that has them.
    pub(crate) fn set_all(&self, changes: impl IntoIterator<Item = (String, Value)>) -> u64 {
        let mut state = self.lock();
        let settings = Arc::make_mut(&mut state.settings);
        changes.into_iter().for_each(|(key, value)| settings.change(key, value));
        state.version += 1;
        state.version
    }

    /// What a handler, here or elsewhere, gets of it.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.snapshot_of(&self.lock())
    }

    fn snapshot_of(&self, state: &State) -> Snapshot {
        Snapshot {
            id: self.id,
            frontend: self.registry.peers.info.id.clone(),
            uid: state.uid.clone(),
            settings: state.settings.clone(),
            version: state.version,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
