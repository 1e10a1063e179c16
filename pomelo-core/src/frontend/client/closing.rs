//! The end of a session: one way to begin it, and what happens once everything of the session has ended.

use std::sync::{Arc, MutexGuard};

use futures::future::join;
use smallvec::SmallVec;

use super::forward::abandon;
use super::{ClientSession, Generation, Phase, State};
use crate::event::Event;
use crate::frontend::ends::Ends;
use crate::frontend::waits::close_by;
use crate::metrics::Dropped;
use crate::runtime::boundary;
use crate::session::{ClosedSession, Session};
use crate::value::ServerId;

/// What becomes of a session's connection when the session closes.
///
/// | who closes a session | how |
/// |---|---|
/// | a server that stops, or can't go on, for all its clients | `Drain` |
/// | a server that another one has dropped, for the sessions that are lost | `Drain` |
/// | a kick: of the application, here or elsewhere | `Discard` |
/// | the server, of a client that doesn't read what it is sent (`too slow`) | `Discard` |
/// | the server, of a client that asks for what no client may (`attack`) | `Discard` |
/// | a connector, of a connection that has ended, whoever ended it | `Gone` |
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

impl ClientSession {
    /// Closes the session for a reason that its hooks get, and ends its connection as `mode` says. False if it is closing
    /// already: then neither the first reason nor the first mode changes.
    ///
    /// This is the one way to end a session: what waits is dropped, what runs ends, then the hooks run.
    pub fn close(self: &Arc<Self>, mode: CloseMode, reason: &str) -> bool {
        if !self.begin_closing(self.lock(), mode, reason) {
            return false;
        }
        self.attachment.with(|to| match (mode, &to.format) {
            (CloseMode::Drain, Some(format)) => to.outbox.finish(format.restart()),
            (CloseMode::Discard, Some(format)) => to.outbox.cut(format.kick(reason)),
            (CloseMode::Drain | CloseMode::Discard, None) => to.outbox.close(),
            (CloseMode::Gone, _) => {}
        });
        true
    }

    /// [Closes](Self::close) the session, whose connection of that generation is [gone](CloseMode::Gone), unless another one has taken
    /// its place.
    pub fn close_if_attached(self: &Arc<Self>, generation: Generation, reason: &str) -> bool {
        // Under its lock nobody attaches another connection between the look and the close.
        let state = self.lock();
        generation == self.generation() && self.begin_closing(state, CloseMode::Gone, reason)
    }

    /// Has the session [close](Self::close) with [`CloseMode::Drain`] at the client's next message, for that reason.
    pub(crate) fn close_at_next_message(&self, reason: &str) {
        let mut state = self.lock();
        if state.phase == Phase::Open {
            (state.is_lost, state.reason) = (true, Some(reason.into()));
        }
    }

    fn begin_closing(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State>,
        mode: CloseMode,
        reason: &str,
    ) -> bool {
        let registry = &self.registry;
        if state.phase != Phase::Open {
            return false;
        }
        state.phase = Phase::Leaving;
        state.reason = Some(reason.into());
        registry.peers.counters.add_many(Dropped::SessionClosed, state.waiting.len());
        state.waiting.clear();
        let out = std::mem::take(&mut state.out);
        drop(state);
        registry.begin_closing(self);
        let asked = abandon(registry, self.id, out);
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
            CloseMode::Gone => Ends::add(registry, self.clone()),
            CloseMode::Drain | CloseMode::Discard => drop(self.work()),
        }
        true
    }

    /// Everything of the session has ended: run its hooks, and let its user go, whatever happens.
    pub(crate) async fn finish(self: &Arc<Self>) {
        // Once in a session's life, so its messages shall not carry it about.
        let finishing = Box::pin(self.run_hooks());
        if boundary::survive(&self.registry.peers, "closing", finishing).await.is_err() {
            self.let_go();
        }
    }

    /// Runs the hooks, here and on the backends that have some. A backend that takes longer than `close_wait` isn't waited for.
    async fn run_hooks(self: &Arc<Self>) {
        let (sessions, peers) = (&self.registry.sessions, &self.registry.peers);
        let closed = {
            let state = self.lock();
            let reason = state.reason.clone().unwrap_or_else(|| "closed".into());
            ClosedSession::new(self.snapshot_of(&state), reason)
        };
        let by = close_by(peers);
        while let Some(subscribers) = self.next_subscribers() {
            let others = subscribers.into_iter().filter(|server| !peers.owns(server));
            let here = sessions.clone().run_hooks(closed.clone());
            join(here, sessions.tell_closed(others, &closed, by)).await;
        }
        self.let_go();
        self.registry.events.emit(Event::CloseSession(Session::closed(sessions, closed)));
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
        self.registry.forget(self);
        self.changed.notify_waiters();
    }

    /// Whether the session is closed and its hooks have run.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().phase == Phase::Closed
    }

    /// Waits until the session is closed and its hooks have run.
    ///
    /// # Cancel safety
    /// Nothing is lost: it can be awaited again.
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
        match (state.phase, self.unanswered()) {
            (Phase::Open | Phase::Leaving, 0) | (Phase::Closed, _) => None,
            (Phase::Closing, 0) => Some(format!("session {id} to close")),
            (_, unanswered) => Some(format!("session {id}, {unanswered} of its messages unanswered")),
        }
    }

    /// Waits until nothing of the session is unanswered, on a server that is about to stop.
    ///
    /// # Cancel safety
    /// Nothing is lost: it can be awaited again.
    pub(crate) async fn quiet(&self) {
        loop {
            let changed = self.changed.notified();
            {
                let state = self.lock();
                if state.phase != Phase::Open || self.unanswered() == 0 {
                    return;
                }
            }
            changed.await;
        }
    }
}
