//! Closing: what happens once everything of a session has ended.

use std::sync::Arc;

use futures::future::join;
use smallvec::SmallVec;

use super::{ClientSession, Phase};
use crate::event::Event;
use crate::frontend::waits::close_by;
use crate::session::{ClosedSession, Session, hooks};
use crate::value::ServerId;

impl ClientSession {
    /// Everything of the session has ended: run its hooks, here and on the backends that have some, and let its user go. A
    /// backend that takes longer than `close_wait` isn't waited for.
    pub(super) async fn finish(self: &Arc<Self>) {
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
        self.core.events.emit(Event::CloseSession(Session::closed(&self.core, closed)));
    }

    /// The servers that have hooks on the session, this one included, and were not told of its closing; none closes it.
    pub(super) fn next_subscribers(&self) -> Option<SmallVec<[ServerId; 1]>> {
        let mut state = self.lock();
        if state.subscribers.is_empty() {
            state.phase = Phase::Closed;
            return None;
        }
        Some(std::mem::take(&mut state.subscribers))
    }

    /// The session is closed, and its user may bind again.
    pub(super) fn let_go(&self) {
        self.lock().phase = Phase::Closed;
        self.core.registry.forget(self);
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
}
