//! Closed sessions: which they are, and the running of their hooks, here and on the servers that have some.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use smallvec::SmallVec;
use tokio::time::{Instant, sleep};

use super::hooks::Hook;
use super::{Session, Sessions};
use crate::cluster::Unsent;
use crate::metrics::Dropped;
use crate::peers::Peers;
use crate::runtime::boundary::Site;
use crate::runtime::origin;
use crate::runtime::{Within, Work, boundary};
use crate::value::{Error, ErrorKind, ServerId};
use crate::wire::envelope::{Answer, Message, Origin, SessionOp, Snapshot};

/// What the hooks are called, in logs and reports.
const HOOK: &str = "on_closed";

/// How many sessions of a frontend are asked for at once when the link to it is there again; far fewer than the calls that
/// may be out.
const MAX_RESUBSCRIPTIONS: usize = 64;

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
    pub(super) hooks_below: u64,
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

impl Sessions {
    /// The link to a frontend is there again: has it tell this server of the closing of these sessions, as before, and closes
    /// those here that have closed meanwhile.
    pub(crate) async fn resubscribe(self: Arc<Self>, sessions: Vec<Snapshot>) {
        let sessions = futures::stream::iter(sessions);
        sessions.for_each_concurrent(MAX_RESUBSCRIPTIONS, |session| self.resubscribe_to(session)).await;
    }

    async fn resubscribe_to(&self, session: Snapshot) {
        loop {
            let asked = self.ask(&session.frontend, SessionOp::Subscribe { id: session.id }).await;
            match asked.map_err(|error| error.kind()) {
                Err(ErrorKind::Closed) => {
                    let reason = format!("closed while the link to {} was down", session.frontend);
                    return self.close(ClosedSession::new(session, reason));
                }
                Err(ErrorKind::Overloaded | ErrorKind::Deadline) => sleep(RETRY_DELAY).await,
                // If the link broke again, the same happens when it is there again.
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// Tells servers that a session is closed, and waits until its hooks there have run, but no longer than that.
    pub(crate) async fn tell_closed(
        &self,
        servers: impl Iterator<Item = ServerId>,
        closed: &ClosedSession,
        by: Instant,
    ) {
        join_all(servers.map(|server| self.tell_one(server, closed, by))).await;
    }

    async fn tell_one(&self, server: ServerId, closed: &ClosedSession, by: Instant) {
        let peers = &self.peers;
        let question = peers.pending.add_closing(&server, by);
        match peers.send(&server, closed.message(question.seq())) {
            Ok(()) => {}
            Err(Unsent::Full) => {
                // It learns of the closing all the same, but nobody waits for its hooks.
                let closed = closed.clone();
                let sending = send_in_time(peers.clone(), server, move || closed.message(0));
                return drop(peers.executor.spawn(sending));
            }
            // A server that can't be reached learns of the closing when this frontend's death or return shows.
            Err(_) => return,
        }
        let answer = peers.answer(&server, question).await;
        if answer.is_err_and(|error| error.kind() == ErrorKind::Deadline) {
            peers.counters.add(Dropped::CloseWait);
            let session = closed.session.id;
            tracing::debug!(%session, %server, "what runs there for a closed session takes longer than `close_wait`");
        }
    }

    /// Runs a closed session's hooks, those included that are registered meanwhile, and answers who waits for that. One that fails
    /// or panics is logged.
    pub(crate) async fn run_hooks(self: Arc<Self>, closed: ClosedSession) {
        let id = closed.session.id;
        loop {
            let hooks = self.hooks.take(id, closed.hooks_below);
            if hooks.is_empty() {
                break;
            }
            let _entered = self.peers.underway.enter(Work::Hooks(id));
            for (_, hook) in hooks {
                self.run_hook(&closed, hook).await;
            }
        }
        for (server, seq) in closed.asked {
            self.peers.reply(&server, seq, Ok(Answer::Done(0)));
        }
    }

    async fn run_hook(self: &Arc<Self>, closed: &ClosedSession, hook: Hook) {
        let peers = &self.peers;
        let session = Session::closed(self, closed.clone());
        let site = Site::new(peers, HOOK).of(&closed.session);
        let within = Within::hook_of(peers, HOOK, &closed.session);
        let run = boundary::run(site, (hook, session), |(hook, session)| hook(session));
        let deadline = Instant::now() + peers.limits.request_timeout;
        let ended = peers.tasks.by(deadline, origin::scope(Origin::Hook, run).within(within)).await;
        let late = |_| Err(Error::of(ErrorKind::Deadline, "on_closed took too long and was dropped"));
        if let Err(mut error) = ended.unwrap_or_else(late).flatten() {
            site.failed(&mut error);
            peers.stats.failed(Some(HOOK), &error);
        }
    }
}

/// Sends what must not be lost, as soon as the link has room for it.
pub(super) async fn send_in_time(peers: Arc<Peers>, server: ServerId, message: impl Fn() -> Message) {
    while peers.send(&server, message()) == Err(Unsent::Full) {
        sleep(RETRY_DELAY).await;
    }
}
