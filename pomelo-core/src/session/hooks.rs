//! Closed hooks: functions of the application that run when sessions close.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use foldhash::fast::RandomState;
use futures::StreamExt;
use futures::future::{BoxFuture, join_all};
use smallvec::SmallVec;
use tokio::time::{Instant, sleep};

use super::Session;
use crate::cluster::Unsent;
use crate::metrics::Dropped;
use crate::runtime::boundary::Site;
use crate::runtime::{Within, Work, boundary};
use crate::server::Server;
use crate::value::{Error, ErrorKind, Incarnation, Result, ServerId, SessionId};
use crate::wire::envelope::{Answer, Message, Origin, SessionOp, Snapshot};

/// How many sessions of a frontend are asked for at once when the link to it is there again; far fewer than the calls that
/// may be out.
const RESUBSCRIPTIONS: usize = 64;

/// The reason of a session that closed before anybody here could be told why.
const CLOSED: &str = "closed";

/// How long to wait before something that must not be lost is tried again.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// A session that is closed.
#[derive(Debug, Clone)]
pub(crate) struct ClosedSession {
    pub(crate) session: Snapshot,
    /// Why it closed, for the hooks.
    pub(crate) reason: Arc<str>,
    /// The servers that wait until the hooks here have run, with the numbers of their questions.
    pub(crate) asked: SmallVec<[(ServerId, u64); 1]>,
    /// The hooks that run have numbers below that.
    hooks_below: u64,
}

impl ClosedSession {
    pub(crate) fn new(session: Snapshot, reason: impl Into<Arc<str>>) -> Self {
        Self { session, reason: reason.into(), asked: SmallVec::new(), hooks_below: u64::MAX }
    }

    /// A session whose frontend counts as gone: it may come back with that, so that only the hooks run that there were by now.
    pub(crate) fn lost(session: Snapshot, reason: String, hooks_below: u64) -> Self {
        Self { hooks_below, ..Self::new(session, reason) }
    }

    /// The same session was closed here before, and its hooks have not run yet.
    pub(crate) fn join(&mut self, before: Self) {
        self.asked.extend(before.asked);
        self.hooks_below = self.hooks_below.max(before.hooks_below);
    }

    /// Answers a server once the hooks here have run, if it wants to know.
    pub(crate) fn asked_by(mut self, server: &ServerId, seq: u64) -> Self {
        self.asked.extend((seq != 0).then(|| (server.clone(), seq)));
        self
    }

    fn message(&self, seq: u64) -> Message {
        Message::SessionClosed { seq, session: self.session.clone(), reason: self.reason.clone() }
    }
}

/// A function to run with the session that closed.
pub(crate) type Hook = Box<dyn FnOnce(Session) -> BoxFuture<'static, Result<()>> + Send>;

/// The hooks registered on one server, by session.
#[derive(Default)]
pub(crate) struct Hooks {
    sessions: Mutex<HashMap<SessionId, Registered, RandomState>>,
    serial: AtomicU64,
}

/// The hooks of one session.
struct Registered {
    /// The session as it was when the last one was registered: what they get if its frontend dies.
    session: Snapshot,
    hooks: OfSession,
    /// The frontend has said that it will tell of the closing.
    is_confirmed: bool,
}

/// Each with a number. Most sessions that have any have one.
type OfSession = SmallVec<[(u64, Hook); 1]>;

/// A hook whose registration is under way. Dropped before it is confirmed, it takes back that hook and no other.
struct Unconfirmed<'a> {
    hooks: &'a Hooks,
    id: SessionId,
    number: u64,
    is_over: bool,
}

impl Drop for Unconfirmed<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.hooks.remove(self.id, self.number);
        }
    }
}

impl Hooks {
    /// Registers a hook here, and has the session's frontend tell this server of the closing.
    ///
    /// As long as no registration is confirmed each one asks for itself, so that it fails by itself.
    pub(crate) async fn register(session: &Session, hook: Hook) -> Result<()> {
        let (core, id) = (session.core(), session.id());
        let (number, is_confirmed) = core.hooks.add(session.snapshot(), hook);
        if is_confirmed && !core.owns(session.frontend_id()) {
            return Ok(());
        }
        let mut unconfirmed = Unconfirmed { hooks: &core.hooks, id, number, is_over: false };
        let asked = core.ask_session(session.frontend_id(), SessionOp::Subscribe { id }).await;
        let is_closed = asked.as_ref().is_err_and(|error| error.kind() == ErrorKind::Closed);
        if !is_closed {
            asked?;
        }
        unconfirmed.is_over = true;
        if is_closed {
            let closing = run(core.clone(), ClosedSession::new(session.snapshot(), CLOSED));
            // An error: the server has ended, and its hooks with it.
            let _ = core.at_home(closing).await;
        } else {
            core.hooks.confirm(id);
        }
        Ok(())
    }

    /// Adds a hook; gives its number, and whether the frontend has confirmed one of the session before.
    fn add(&self, session: Snapshot, hook: Hook) -> (u64, bool) {
        let mut sessions = self.lock();
        // Under the lock, so that those of a session are in order.
        let number = self.serial.fetch_add(1, Ordering::Relaxed);
        let fresh = || Registered { session: session.clone(), hooks: OfSession::new(), is_confirmed: false };
        let registered = sessions.entry(session.id).or_insert_with(fresh);
        registered.hooks.push((number, hook));
        registered.session = session;
        (number, registered.is_confirmed)
    }

    fn confirm(&self, id: SessionId) {
        if let Some(registered) = self.lock().get_mut(&id) {
            registered.is_confirmed = true;
        }
    }

    /// Takes one hook out, unless it runs already.
    fn remove(&self, id: SessionId, number: u64) {
        let mut sessions = self.lock();
        let Some(registered) = sessions.get_mut(&id) else { return };
        let at = registered.hooks.iter().position(|(known, _)| *known == number);
        let hook = at.map(|at| registered.hooks.remove(at));
        let rest = if registered.hooks.is_empty() { sessions.remove(&id) } else { None };
        drop(sessions);
        // What the application has put in there is dropped outside of the lock.
        drop((hook, rest));
    }

    /// Takes the hooks of a session out whose numbers are below that.
    fn take(&self, id: SessionId, below: u64) -> OfSession {
        let mut sessions = self.lock();
        let Some(registered) = sessions.get_mut(&id) else { return OfSession::new() };
        let count = registered.hooks.partition_point(|(number, _)| *number < below);
        if count < registered.hooks.len() {
            return registered.hooks.drain(..count).collect();
        }
        sessions.remove(&id).map(|registered| registered.hooks).unwrap_or_default()
    }

    /// Forgets all hooks; they hold the application.
    pub(crate) fn clear(&self) {
        std::mem::take(&mut *self.lock());
    }

    /// That life of a frontend counts as gone: the sessions of it that have hooks here, and the number that later hooks have
    /// at least. These ask that frontend anew.
    pub(crate) fn lose(&self, incarnation: Incarnation) -> (Vec<Snapshot>, u64) {
        let mut sessions = self.lock();
        let lost =
            sessions.values_mut().filter(|registered| registered.session.id.incarnation == incarnation);
        let lost = lost.map(|registered| {
            registered.is_confirmed = false;
            registered.session.clone()
        });
        (lost.collect(), self.serial.load(Ordering::Relaxed))
    }

    /// The sessions at a frontend that have hooks here.
    pub(crate) fn sessions_at(&self, frontend: &ServerId) -> Vec<Snapshot> {
        let sessions = self.lock();
        let all = sessions.values().map(|registered| &registered.session);
        all.filter(|session| session.frontend == *frontend).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Registered, RandomState>> {
        self.sessions.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The link to a frontend is there again: has it tell this server of the closing of these sessions, as before, and closes
/// those here that have closed meanwhile.
pub(crate) async fn resubscribe(core: Arc<Server>, sessions: Vec<Snapshot>) {
    let sessions = futures::stream::iter(sessions);
    sessions.for_each_concurrent(RESUBSCRIPTIONS, |session| resubscribe_to(&core, session)).await;
}

async fn resubscribe_to(core: &Arc<Server>, session: Snapshot) {
    loop {
        let asked = core.ask_session(&session.frontend, SessionOp::Subscribe { id: session.id }).await;
        match asked.map_err(|error| error.kind()) {
            Err(ErrorKind::Closed) => {
                let reason = format!("closed while the link to {} was down", session.frontend);
                return core.dispatch.queues.close(core, ClosedSession::new(session, reason));
            }
            Err(ErrorKind::Overloaded | ErrorKind::Deadline) => sleep(RETRY_DELAY).await,
            // If the link broke again, the same happens when it is there again.
            Ok(_) | Err(_) => return,
        }
    }
}

/// Tells servers that a session is closed, and waits until its hooks there have run, but no longer than that.
pub(crate) async fn tell_closed(
    core: &Arc<Server>,
    servers: impl Iterator<Item = ServerId>,
    closed: &ClosedSession,
    by: Instant,
) {
    join_all(servers.map(|server| tell_one(core, server, closed, by))).await;
}

async fn tell_one(core: &Arc<Server>, server: ServerId, closed: &ClosedSession, by: Instant) {
    let question = core.pending.add_closing(&server);
    match core.send(&server, closed.message(question.seq())) {
        Ok(()) => {}
        Err(Unsent::Full) => {
            // It learns of the closing all the same, but nobody waits for its hooks.
            let closed = closed.clone();
            return drop(core.executor.spawn(send_in_time(core.clone(), server, move || closed.message(0))));
        }
        // A server that can't be reached learns of the closing when this frontend's death or return shows.
        Err(_) => return,
    }
    let answer = core.answer(&server, question, by).await;
    if answer.is_err_and(|error| error.kind() == ErrorKind::Deadline) {
        core.counters.add(Dropped::CloseWait);
        let session = closed.session.id;
        tracing::debug!(%session, %server, "what runs there for a closed session takes longer than `close_wait`");
    }
}

/// Sends what must not be lost, as soon as the link has room for it.
pub(crate) async fn send_in_time(core: Arc<Server>, server: ServerId, message: impl Fn() -> Message) {
    while core.send(&server, message()) == Err(Unsent::Full) {
        sleep(RETRY_DELAY).await;
    }
}

/// Runs a closed session's hooks, those included that are registered meanwhile, and answers who waits for that. One that fails
/// or panics is logged.
pub(crate) async fn run(core: Arc<Server>, closed: ClosedSession) {
    let id = closed.session.id;
    loop {
        let hooks = core.hooks.take(id, closed.hooks_below);
        if hooks.is_empty() {
            break;
        }
        let _entered = core.underway.enter(Work::Hooks(id));
        for (_, hook) in hooks {
            let session = Session::closed(&core, closed.clone());
            let site = Site::new(&core, "on_closed").of(&closed.session);
            let within = Within::hook_of(&core, "on_closed", &closed.session);
            let run = boundary::run(site, (hook, session), |(hook, session)| hook(session));
            let deadline = Instant::now() + core.limits.request_timeout;
            let ended = core.tasks.by(deadline, Origin::Hook.scope(run).within(within)).await;
            let late = |_| Err(Error::of(ErrorKind::Deadline, "on_closed took too long and was dropped"));
            if let Err(mut error) = ended.unwrap_or_else(late).flatten() {
                site.failed(&mut error);
                core.stats.failed(Some("on_closed"), &error);
            }
        }
    }
    for (server, seq) in closed.asked {
        core.reply(&server, seq, Ok(Answer::Done(0)));
    }
}
