//! Waits for sessions of a frontend to close: who waits for whom, and for whom the waiting is.
//!
//! ```text
//!  handler of session 1 kicks 2 ─▶ edge 1 → 2
//!  handler of session 2 kicks 1 ─▶ would close a circle: it doesn't wait, and the kick goes on
//! ```
//!
//! A session closes when its handlers have ended; so a handler that waited for its own session, or for one
//! that waits for it, would wait for ever.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use foldhash::fast::RandomState;
use futures::future::join_all;
use smallvec::SmallVec;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::client::ClientSession;
use super::registry::Registry;
use crate::metrics::Dropped;
use crate::peers::Peers;
use crate::runtime::origin;
use crate::session::after;
use crate::value::{ServerId, SessionId};
use crate::wire::envelope::Origin;

/// Sessions of one user; most have one.
pub(crate) type Closing = SmallVec<[Arc<ClientSession>; 1]>;

/// The waits at one frontend.
#[derive(Default)]
pub(crate) struct Waits {
    /// Which sessions those wait for in whose handlers somebody waits.
    edges: Mutex<HashMap<SessionId, SmallVec<[SessionId; 1]>, RandomState>>,
    /// Operations for other servers that wait, by who asked and its number.
    asked: Mutex<HashMap<(ServerId, u64), AbortHandle, RandomState>>,
}

impl Waits {
    /// Waits until these sessions are closed and their hooks have run, at this server and at backends that can be reached.
    /// Sessions that wait for who asks are left out, and a hook waits for nobody. A wait that runs out is counted.
    ///
    /// Says whether they are closed.
    pub(crate) async fn until_closed(
        &self,
        peers: &Peers,
        sessions: &[Arc<ClientSession>],
        by: Instant,
    ) -> bool {
        let origin = origin::current();
        let waits: SmallVec<[_; 1]> = sessions
            .iter()
            .filter(|session| !session.is_closed())
            .filter_map(|session| Some((self.enter(origin, session.id())?, session)))
            .collect();
        let closed = join_all(waits.iter().map(|(_, session)| session.closed()));
        if !waits.is_empty() && peers.tasks.by(by, closed).await.is_err() {
            peers.counters.add(Dropped::CloseWait);
            let late = waits.iter().find(|(_, session)| !session.is_closed());
            let session = late.map(|(_, session)| tracing::field::display(session.id()));
            if let Some(left_out) = peers.admit(format_args!("close_wait")) {
                let server = &peers.info.id;
                tracing::warn!(%server, session, left_out, "a session takes longer to close than `close_wait`");
            }
        }
        sessions.iter().all(|session| session.is_closed())
    }

    /// Begins a wait, unless it could end only after itself.
    fn enter(&self, origin: Origin, target: SessionId) -> Option<Wait<'_>> {
        let waiter = match origin {
            Origin::Outside => None,
            Origin::Hook => return None,
            Origin::Handler(waiter) => {
                let mut edges = lock(&self.edges);
                if leads_to(&edges, target, waiter) {
                    return None;
                }
                edges.entry(waiter).or_default().push(target);
                Some(waiter)
            }
        };
        Some(Wait { waits: self, waiter, target })
    }

    /// Starts an operation for another server that is to wait; it ends early if that server abandons it.
    pub(crate) fn start(
        registry: &Arc<Registry>,
        from: &ServerId,
        seq: u64,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let (place, owner) = ((from.clone(), seq), registry.clone());
        let mut asked = lock(&registry.waits.asked);
        // It can't end before it is in the table: the lock is held until then.
        let task = registry.peers.executor.spawn(async move {
            work.await;
            lock(&owner.waits.asked).remove(&place);
        });
        asked.insert((from.clone(), seq), task.abort_handle());
    }

    /// Whoever asked for an operation waits for it no more.
    ///
    /// Its task ends where it waits.
    pub(crate) fn abandon(&self, from: &ServerId, seq: u64) {
        if let Some(task) = lock(&self.asked).remove(&(from.clone(), seq)) {
            task.abort();
        }
    }

    /// The link to a server is lost: it has given up what it asked for.
    pub(crate) fn abandon_all(&self, from: &ServerId) {
        lock(&self.asked).retain(|(asker, _), task| {
            if asker == from {
                task.abort();
            }
            asker != from
        });
    }
}

/// Until when who waits for a session to close does so, if the wait begins now.
pub(crate) fn close_by(peers: &Peers) -> Instant {
    after(peers.limits.close_wait)
}

/// Whether the closing of a session waits for another, directly or through others.
fn leads_to(
    edges: &HashMap<SessionId, SmallVec<[SessionId; 1]>, RandomState>,
    from: SessionId,
    to: SessionId,
) -> bool {
    let mut seen = SmallVec::<[SessionId; 4]>::new();
    let mut next = SmallVec::<[SessionId; 4]>::from_slice(&[from]);
    while let Some(session) = next.pop() {
        if session == to {
            return true;
        }
        if !seen.contains(&session) {
            seen.push(session);
            next.extend(edges.get(&session).into_iter().flatten().copied());
        }
    }
    false
}

/// A wait that goes on.
struct Wait<'a> {
    waits: &'a Waits,
    waiter: Option<SessionId>,
    target: SessionId,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let Some(waiter) = self.waiter else { return };
        let mut edges = lock(&self.waits.edges);
        let Some(targets) = edges.get_mut(&waiter) else { return };
        if let Some(at) = targets.iter().position(|target| *target == self.target) {
            targets.swap_remove(at);
        }
        if targets.is_empty() {
            edges.remove(&waiter);
        }
    }
}

fn lock<T>(table: &Mutex<T>) -> MutexGuard<'_, T> {
    table.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Incarnation;

    fn id(serial: u64) -> SessionId {
        SessionId { incarnation: Incarnation::from_bits(1), serial }
    }

    fn enter(waits: &Waits, waiter: u64, target: u64) -> Option<Wait<'_>> {
        waits.enter(Origin::Handler(id(waiter)), id(target))
    }

    #[test]
    fn a_wait_that_could_end_only_after_itself_does_not_begin() {
        let waits = Waits::default();
        assert!(enter(&waits, 1, 1).is_none(), "its own session");
        let _first = enter(&waits, 1, 2).unwrap();
        let second = enter(&waits, 2, 3).unwrap();
        assert!(enter(&waits, 2, 1).is_none(), "each other");
        assert!(enter(&waits, 3, 1).is_none(), "around a circle");
        drop(second);
        assert!(enter(&waits, 3, 1).is_some(), "which is open now");
    }

    #[test]
    fn hooks_wait_for_nobody_and_who_has_no_session_for_everybody() {
        let waits = Waits::default();
        assert!(waits.enter(Origin::Hook, id(1)).is_none());
        assert!(waits.enter(Origin::Outside, id(1)).is_some());
    }

    #[test]
    fn waits_that_have_ended_leave_nothing() {
        let waits = Waits::default();
        let both = (enter(&waits, 1, 2), enter(&waits, 1, 2), enter(&waits, 1, 3));
        assert!(both.0.is_some() && both.1.is_some() && both.2.is_some());
        drop(both);
        assert!(lock(&waits.edges).is_empty());
    }
}
