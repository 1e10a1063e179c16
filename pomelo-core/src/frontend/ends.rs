//! Ends of connections: sessions whose clients are gone wait for each other before their hooks run.
//!
//! A hook tells others, such as the rest of a room. When a process or a network with many clients goes, all of them have ended,
//! but the system tells of one after the other; whoever is told of the first leaving is gone as well. So the ends that are
//! ready are read first, which takes their sessions out of all deliveries, and hooks run a few at a time, so that more
//! ends are read meanwhile. A session that ends alone isn't held up.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::future::join_all;
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

use super::client::ClientSession;
use super::registry::Registry;

/// How long a session waits at most for others that end.
const WINDOW: Duration = Duration::from_millis(50);

/// When none has ended for so long, these were all.
const QUIET: Duration = Duration::from_millis(5);

/// How many sessions' hooks run before ends are read again and the next ones begin: what thousands need at a time would be many
/// times what they held.
const BATCH: usize = 128;

/// How long the next ones wait for that. Where hooks take longer, they wait so only until [`WINDOW`] is over: then the hooks wait
/// for something elsewhere, and hold up nobody else.
const PATIENCE: Duration = Duration::from_millis(10);

/// Sessions whose connections have ended and whose hooks have not begun, in order.
#[derive(Default)]
pub(crate) struct Ends(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: VecDeque<(Instant, Arc<ClientSession>)>,
    /// When the last one ended.
    last: Option<Instant>,
    /// Somebody will start them.
    is_gathering: bool,
}

impl Ends {
    /// Has a session's hooks run once the ends that are ready have been read.
    pub(crate) fn add(registry: &Arc<Registry>, session: Arc<ClientSession>) {
        let now = Instant::now();
        let (begins, is_alone) = {
            let mut state = registry.ends.lock();
            let is_alone = state.last.replace(now).is_none_or(|last| now - last > QUIET);
            state.waiting.push_back((now, session));
            (!std::mem::replace(&mut state.is_gathering, true), is_alone)
        };
        if begins {
            // Where ends are read, which may not be where hooks run.
            let runtime = Handle::try_current().unwrap_or_else(|_| registry.peers.executor.clone());
            runtime.spawn(gather(Gathering(registry.clone()), is_alone));
        }
    }

    /// The sessions that have waited since then; none if there are none left, and whoever comes next begins again.
    fn take(&self, until: Instant) -> Option<Vec<Arc<ClientSession>>> {
        let mut state = self.lock();
        if state.waiting.is_empty() {
            state.is_gathering = false;
            // A burst doesn't stay as memory.
            state.waiting = VecDeque::new();
            return None;
        }
        let due = state.waiting.iter().take(BATCH).take_while(|(since, _)| *since <= until).count();
        Some(state.waiting.drain(..due).map(|(_, session)| session).collect())
    }

    fn count(&self) -> usize {
        self.lock().waiting.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Starts the hooks of all that wait, also if its task ends on the way.
struct Gathering(Arc<Registry>);

impl Drop for Gathering {
    fn drop(&mut self) {
        let ends = &self.0.ends;
        while let Some(rest) = ends.take(Instant::now()) {
            rest.iter().for_each(|session| drop(session.work()));
        }
    }
}

async fn gather(gathering: Gathering, is_alone: bool) {
    let ends = &gathering.0.ends;
    // It goes on after the system was asked for what is ready.
    yield_now().await;
    let mut until = Instant::now();
    if !is_alone || ends.count() > 1 {
        until = settle(ends).await;
    }
    let mut waited = Duration::ZERO;
    while let Some(due) = ends.take(until) {
        if due.is_empty() {
            until = settle(ends).await;
            continue;
        }
        let running = join_all(due.iter().map(|session| session.work()));
        // Those that take longer go on by themselves.
        if waited < WINDOW && timeout(PATIENCE, running).await.is_err() {
            waited += PATIENCE;
        }
        yield_now().await;
    }
}

/// Waits until no more come or the first has waited for long enough; gives since when those have waited that go on.
async fn settle(ends: &Ends) -> Instant {
    let mut count = ends.count();
    loop {
        sleep(QUIET).await;
        let (state, now) = (ends.lock(), Instant::now());
        let first = state.waiting.front().map_or(now, |(since, _)| *since);
        if state.waiting.len() == count || now - first >= WINDOW {
            return if state.waiting.len() == count { now } else { now - WINDOW };
        }
        count = state.waiting.len();
    }
}
