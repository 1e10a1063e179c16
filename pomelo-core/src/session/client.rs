//! A client's session at its frontend: the real one.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use futures::future::join;
use serde_json::Value;
use smallvec::SmallVec;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::ends::Ends;
use super::waits::close_by;
use super::{ClosedSession, Origin, Session, SessionId, Uid, hooks, no_session};
use crate::app::{Core, Event, Unqueued, inbox};
use crate::boundary;
use crate::connector::Format;
use crate::counters::Dropped;
use crate::envelope::{Message, Settings, Snapshot};
use crate::error::{Error, ErrorKind, Result};
use crate::handling::{self, Answerer, Placed};
use crate::message::{Body, Request};
use crate::outbox::Outbox;
use crate::route::Route;
use crate::rpc::send_routed;
use crate::server::ServerId;

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
const BREATHER: Duration = Duration::from_millis(50);

/// What sends a client too slow to take what it is sent.
const TOO_SLOW: &str = "too slow";

/// A connected client, as its connector knows it.
pub struct ClientSession {
    core: Arc<Core>,
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
    /// The numbers of those that are out.
    out: SmallVec<[u64; 2]>,
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
    fn forget(&mut self, seq: u64) {
        if let Some(at) = self.out.iter().position(|out| *out == seq) {
            self.out.swap_remove(at);
        }
        if self.out.is_empty() && self.out.spilled() {
            // An idle session keeps no memory for messages.
            self.out = SmallVec::new();
        }
    }
}

struct Incoming {
    id: Option<u64>,
    route: Route,
    body: Body,
}

/// A message that is being handled here: unanswered until this is dropped, also by a panic.
struct Unanswered<'a>(&'a ClientSession);

impl Unanswered<'_> {
    /// Somebody else counts it off.
    fn by_another(self) {
        std::mem::forget(self);
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.0.answered();
    }
}

impl ClientSession {
    pub(crate) fn open(core: &Arc<Core>, outbox: &Arc<Outbox>, peer: Option<SocketAddr>) -> Arc<Self> {
        let id = SessionId { incarnation: core.incarnation(), serial: core.edge.next_serial() };
        outbox.set_session(id);
        let session = Arc::new(Self {
            core: core.clone(),
            id,
            peer,
            outbox: outbox.clone(),
            state: Mutex::default(),
            changed: Notify::new(),
        });
        core.edge.insert(session.clone());
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
        self.core.edge.formats.get(self.outbox.format())
    }

    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Takes a client's message in. A route that isn't one is answered `{"code":500}` if it has a dot, else dropped.
    pub fn receive(self: &Arc<Self>, id: Option<u64>, route: &str, body: Body) -> Flow {
        let route = match self.core.parse_route(route) {
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
                tokio::time::sleep(BREATHER).await;
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
        self.core.edge.begin_closing(self);
        let asked = inbox::abandon(&self.core, self.id, &out);
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

    fn start(self: &Arc<Self>, first: Option<Incoming>) -> JoinHandle<()> {
        // In a box of its own: a task copies its future several times.
        self.core.executor.spawn(Box::pin(self.clone().work(first)))
    }

    /// Handles the session's messages one after the other; at the end of a closing session runs its hooks.
    async fn work(self: Arc<Self>, first: Option<Incoming>) {
        let mut next = self.begin(first);
        loop {
            if let Some(message) = next {
                self.handle(message).await;
            }
            let mut state = self.lock();
            next = state.waiting.pop_front();
            if next.is_none() {
                // An idle session keeps no memory for messages.
                state.waiting = VecDeque::new();
                if matches!(state.phase, Phase::Open | Phase::Leaving) {
                    state.working = false;
                    return;
                }
                break;
            }
        }
        // Once in a session's life, so its messages shall not carry it about.
        if boundary::survive(&self.core, "closing", Box::pin(self.finish())).await.is_err() {
            self.let_go();
        }
    }

    /// The message that a worker begins with, unless the session has begun to close meanwhile.
    fn begin(&self, first: Option<Incoming>) -> Option<Incoming> {
        if first.is_some() && self.lock().phase != Phase::Open {
            self.core.counters.add(Dropped::SessionClosed);
            return None;
        }
        first
    }

    /// Handles a message; whatever happens meanwhile, it is answered and counted off, and the worker goes on.
    async fn handle(self: &Arc<Self>, message: Incoming) {
        let Incoming { id, route, body } = message;
        let accept = self.format().map(|format| format.encoding()).unwrap_or_default();
        let session = Session::new(&self.core, self.snapshot());
        let request = Request::new(route, id, body, accept, session);
        let place = pin!(self.place(&request));
        let place = Origin::Handler(self.id).scope(place);
        let handled = boundary::survive(&self.core, "message", place).await;
        if let Err(error) = handled {
            Answerer::Client(self.clone()).answer(&self.core, &request, &Err(error));
        }
    }

    /// Finds out where a message is handled, and has it handled there.
    async fn place(self: &Arc<Self>, request: &Request) {
        let unanswered = Unanswered(self);
        let (core, answerer) = (&self.core, || Answerer::Client(self.clone()));
        match handling::place(core, request).await {
            Ok(Placed::Here { concurrent: false }) => handling::serve(core, request, &answerer()).await,
            Ok(Placed::Here { concurrent: true }) => {
                unanswered.by_another();
                self.core.executor.spawn(self.clone().serve(request.clone()));
            }
            Ok(Placed::At(server)) => {
                let forward = |server: &ServerId| self.forward(request, server);
                let again = || Box::pin(handling::place_again(core, request));
                match send_routed(server, forward, again).await {
                    Ok(_) => unanswered.by_another(),
                    Err(error) => Box::pin(handling::refuse(core, request, error, &answerer())).await,
                }
            }
            Ok(Placed::Answered(body)) => Box::pin(handling::answer(core, request, body, &answerer())).await,
            Err(error) => Box::pin(handling::refuse(core, request, error, &answerer())).await,
        }
    }

    /// Handles a message beside others.
    async fn serve(self: Arc<Self>, request: Request) {
        let _unanswered = Unanswered(&self);
        let answerer = Answerer::Client(self.clone());
        let serve = pin!(handling::serve(&self.core, &request, &answerer));
        let serve = Origin::Handler(self.id).scope(serve);
        if let Err(error) = boundary::survive(&self.core, "message", serve).await {
            answerer.answer(&self.core, &request, &Err(error));
        }
    }

    /// Sends a message on to the server that handles it, without waiting for the answer.
    ///
    /// # Errors
    /// If it can't be sent: nobody will answer it then.
    fn forward(self: &Arc<Self>, request: &Request, server: &ServerId) -> Result<(), Unqueued> {
        self.core.check_working(server)?;
        // A change of the session that is not in the snapshot must not be answered before the message is on its way:
        // backends rely on it. Hence the snapshot is taken and the message sent under one lock.
        let mut state = self.lock();
        if state.phase != Phase::Open {
            self.core.counters.add(Dropped::SessionClosed);
            return Err(no_session(self.id).into());
        }
        let entry = self.core.pending.add_client(server, self.clone(), request.clone())?;
        let seq = entry.seq();
        state.out.push(seq);
        let message = Message::Forward {
            seq,
            session: self.snapshot_of(&state),
            route: request.route().clone(),
            id: request.id(),
            body: request.body().clone(),
            accept: request.accept(),
        };
        match self.core.send(server, message) {
            Ok(()) => entry.keep(),
            Err(reason) if entry.withdraw() => {
                state.forget(seq);
                drop(state);
                return Err(self.core.unsent(server, reason));
            }
            // The link broke meanwhile, and who noticed answers.
            Err(_) => {}
        }
        Ok(())
    }

    /// Sends the answer to a request; a notify gets none.
    pub(crate) fn respond(
        self: &Arc<Self>,
        id: Option<u64>,
        route: &str,
        response: Result<Option<&Body>, &Error>,
    ) {
        let Some(id) = id else { return };
        let own;
        let body = match response {
            Ok(Some(body)) => body,
            Ok(None) => {
                own = Body::json(&b"{}"[..]);
                &own
            }
            Err(error) => {
                own = self.core.error_body(error);
                &own
            }
        };
        let Some(frame) = self.frame(id, route, body) else {
            return self.core.counters.add(Dropped::Unencodable);
        };
        if let Some(reason) = self.outbox.send(frame).dropped() {
            self.core.counters.add(reason);
            if reason != Dropped::Closing {
                self.respond_instead(id, route, reason);
            }
        }
    }

    /// Sends an error in place of a response that doesn't fit into the outbox; then the client isn't read until it has read.
    fn respond_instead(&self, id: u64, route: &str, reason: Dropped) {
        self.lock().is_behind = true;
        let error = match reason {
            Dropped::TooLong => {
                Error::of(ErrorKind::BadMessage, "the response is longer than may wait for a client")
            }
            _ => Error::of(ErrorKind::Overloaded, "too much waits for the client"),
        };
        if let Some(frame) = self.frame(id, route, &self.core.error_body(&error)) {
            // It is refused only if the connection closes; what could not be sent is counted already.
            let _ = self.outbox.send_instead(frame);
        }
    }

    /// The frame of a response; of one that is longer than the protocol allows, an error's, which is counted.
    fn frame(&self, id: u64, route: &str, body: &Body) -> Option<Bytes> {
        let format = self.format()?;
        let frame = |body| format.response(id, &self.core.codecs.fit(format.encoding(), route, body));
        match frame(body) {
            Ok(frame) => Some(frame),
            Err(error) => {
                self.core.counters.add(Dropped::Unanswered);
                tracing::error!(session = %self.id, route, %error, "a response can't be sent");
                frame(&self.core.error_body(&error)).ok()
            }
        }
    }

    /// One message less is unanswered: it was out, under that number.
    pub(crate) fn ended(&self, seq: u64) {
        let mut state = self.lock();
        state.forget(seq);
        self.count_off(state);
    }

    /// One message less is unanswered.
    pub(crate) fn answered(&self) {
        self.count_off(self.lock());
    }

    fn count_off(&self, mut state: MutexGuard<'_, State>) {
        state.unanswered = state.unanswered.saturating_sub(1);
        let (room, quiet) = (state.unanswered + 1 == self.core.limits.queued_requests, state.unanswered == 0);
        drop(state);
        if room || quiet && self.core.is_leaving() {
            self.changed.notify_waiters();
        }
    }

    /// Waits until nothing of the session is unanswered, on a server that is about to stop.
    pub(crate) async fn quiet(&self) {
        loop {
            let changed = self.changed.notified();
            {
                let state = self.lock();
                if state.phase != Phase::Open || state.unanswered == 0 {
                    return;
                }
            }
            changed.await;
        }
    }

    /// Everything of the session has ended: run its hooks, here and on the backends that have some, and let its user go. A
    /// backend that takes longer than `close_wait` isn't waited for.
    async fn finish(self: &Arc<Self>) {
        let closed = {
            let state = self.lock();
            ClosedSession::new(
                self.snapshot_of(&state),
                state.reason.clone().unwrap_or_else(|| "closed".into()),
            )
        };
        let by = close_by(&self.core);
        while let Some(subscribers) = self.next_subscribers() {
            let others = subscribers.into_iter().filter(|server| !self.core.owns(server));
            join(
                hooks::run(self.core.clone(), closed.clone()),
                hooks::tell_closed(&self.core, others, &closed, by),
            )
            .await;
        }
        self.let_go();
        self.core.emit(Event::CloseSession(Session::closed(&self.core, closed)));
    }

    /// The servers that have hooks on the session, this one included, and were not told of its closing; none closes it.
    fn next_subscribers(&self) -> Option<SmallVec<[ServerId; 1]>> {
        let mut state = self.lock();
        if state.subscribers.is_empty() {
            state.phase = Phase::Closed;
            return None;
        }
        Some(std::mem::take(&mut state.subscribers))
    }

    /// The session is closed, and its user may bind again.
    fn let_go(&self) {
        self.lock().phase = Phase::Closed;
        self.core.edge.forget(self);
        self.changed.notify_waiters();
    }

    /// Whether the session is closed and its hooks have run.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().phase == Phase::Closed
    }

    /// Waits until the session is closed and its hooks have run.
    pub(crate) async fn closed(&self) {
        loop {
            let changed = self.changed.notified();
            if self.is_closed() {
                return;
            }
            changed.await;
        }
    }

    /// What of the session has not ended, for a stop that waits for it.
    pub(crate) fn unfinished(&self) -> Option<String> {
        let (id, state) = (self.id, self.lock());
        match (state.phase, state.unanswered) {
            (Phase::Open | Phase::Leaving, 0) | (Phase::Closed, _) => None,
            (Phase::Closing, 0) => Some(format!("session {id} to close")),
            (_, unanswered) => Some(format!("session {id}, {unanswered} of its messages unanswered")),
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

    pub(crate) fn set_uid(&self, uid: Option<Uid>) -> u64 {
        let mut state = self.lock();
        state.uid = uid;
        state.version += 1;
        state.version
    }

    pub(crate) fn set_all(&self, changes: impl IntoIterator<Item = (String, Value)>) -> u64 {
        let mut state = self.lock();
        Arc::make_mut(&mut state.settings).extend(changes);
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
