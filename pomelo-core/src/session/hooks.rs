//! Closed hooks: functions of the application that run when sessions close, kept where they were registered.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use foldhash::fast::RandomState;
use futures::future::BoxFuture;
use smallvec::SmallVec;

use super::{ClosedSession, Session};
use crate::value::{ErrorKind, Incarnation, Result, ServerId, SessionId};
use crate::wire::envelope::{SessionOp, Snapshot};

/// The reason of a session that closed before anybody here could be told why.
const UNKNOWN_REASON: &str = "closed";

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
pub(super) type OfSession = SmallVec<[(u64, Hook); 1]>;

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
        let (sessions, id) = (session.sessions(), session.id());
        let (number, is_confirmed) = sessions.hooks.add(session.snapshot(), hook);
        if is_confirmed && !sessions.peers.owns(session.frontend_id()) {
            return Ok(());
        }
        let mut unconfirmed = Unconfirmed { hooks: &sessions.hooks, id, number, is_over: false };
        let asked = sessions.ask(session.frontend_id(), SessionOp::Subscribe { id }).await;
        let is_closed = asked.as_ref().is_err_and(|error| error.kind() == ErrorKind::Closed);
        if !is_closed {
            asked?;
        }
        unconfirmed.is_over = true;
        if is_closed {
            let closing = sessions.clone().run_hooks(ClosedSession::new(session.snapshot(), UNKNOWN_REASON));
            // An error: the server has ended, and its hooks with it.
            let _ = sessions.peers.at_home(closing).await;
        } else {
            sessions.hooks.confirm(id);
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
    pub(super) fn take(&self, id: SessionId, below: u64) -> OfSession {
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

    /// That incarnation of a frontend counts as gone: the sessions of it that have hooks here, and the number that later hooks have
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
