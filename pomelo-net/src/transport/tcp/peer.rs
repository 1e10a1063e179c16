//! Another server, and whether there is a link to it.

use std::sync::{Arc, Mutex, MutexGuard};

use pomelo_core::runtime::Supervised;
use pomelo_core::value::{Incarnation, ServerId, ServerInfo};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::queue::Queue;

/// The process that a peer is, while that counts as up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    /// Which one.
    pub(super) incarnation: Incarnation,
    /// Where it runs.
    pub(super) host: String,
    /// Its number there.
    pub(super) pid: u32,
}

/// A server that this one is linked with, or should be.
pub(super) struct Peer {
    /// The server's.
    pub(super) id: ServerId,
    /// Held while a link begins or ends, so that the receiver hears of one thing after the other.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// It asked to be dialed.
    pub(super) nudged: Notify,
    /// What is known of it.
    state: Mutex<PeerState>,
    /// A link began or ended.
    changed: Notify,
}

struct PeerState {
    /// What servers.json, or the peer itself, says.
    info: Arc<ServerInfo>,
    /// It is in the list of servers to be linked with.
    expected: bool,
    /// The link's, while there is one.
    queue: Option<Arc<Queue>>,
    /// The process that counts as up, linked or not.
    up: Option<Process>,
    /// When the last link ended, if there is none.
    unlinked_at: Option<Instant>,
    /// When it counts as gone, if there is no link until then.
    gone_at: Option<Instant>,
    /// Ends with the peer.
    supervisor: Option<Supervised>,
    /// What was last said of it in the log.
    said: String,
    /// Why the last attempt to be linked failed, if it did.
    trouble: Option<String>,
}

impl Peer {
    pub(super) fn new(info: Arc<ServerInfo>, expected: bool) -> Self {
        let state = PeerState {
            info: info.clone(),
            expected,
            queue: None,
            up: None,
            unlinked_at: None,
            gone_at: None,
            supervisor: None,
            said: String::new(),
            trouble: None,
        };
        Self {
            id: info.id.clone(),
            turn: tokio::sync::Mutex::new(()),
            nudged: Notify::new(),
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    pub(super) fn info(&self) -> Arc<ServerInfo> {
        self.lock().info.clone()
    }

    /// It is in the list, as this.
    pub(super) fn expect(&self, info: Arc<ServerInfo>) {
        let mut state = self.lock();
        (state.info, state.expected) = (info, true);
    }

    /// It is not in the list any more.
    pub(super) fn forget(&self) {
        self.lock().expected = false;
        self.changed.notify_waiters();
    }

    pub(super) fn is_expected(&self) -> bool {
        self.lock().expected
    }

    pub(super) fn set_supervisor(&self, supervisor: Supervised) {
        self.lock().supervisor = Some(supervisor);
    }

    pub(super) fn stop_supervisor(&self) {
        // It ends when it is dropped.
        let supervisor = self.lock().supervisor.take();
        drop(supervisor);
    }

    /// The queue of the link, if there is one.
    pub(super) fn queue(&self) -> Option<Arc<Queue>> {
        self.lock().queue.clone()
    }

    /// The process that counts as up.
    pub(super) fn up(&self) -> Option<Process> {
        self.lock().up.clone()
    }

    /// When the last link ended, if there is none.
    pub(super) fn unlinked_at(&self) -> Option<Instant> {
        self.lock().unlinked_at
    }

    /// Whether there is a link, to another process of it than that.
    pub(super) fn is_linked_with_other_than(&self, incarnation: Incarnation) -> bool {
        let state = self.lock();
        state.queue.is_some() && state.up.as_ref().is_some_and(|up| up.incarnation != incarnation)
    }

    /// When it counts as gone.
    pub(super) fn gone_at(&self) -> Option<Instant> {
        self.lock().gone_at
    }

    /// There is a link to that process.
    pub(super) fn link(&self, queue: Arc<Queue>, process: Process) {
        let mut state = self.lock();
        (state.queue, state.up) = (Some(queue), Some(process));
        (state.unlinked_at, state.gone_at) = (None, None);
        state.trouble = None;
        state.said.clear();
        drop(state);
        self.changed.notify_waiters();
    }

    /// The link is no more; it counts as up until then, if it does.
    pub(super) fn unlink(&self, gone_at: Instant) {
        let mut state = self.lock();
        state.queue = None;
        state.unlinked_at = Some(Instant::now());
        state.gone_at = state.up.is_some().then_some(gone_at);
        drop(state);
        self.changed.notify_waiters();
    }

    /// It counts as up no more; says which incarnation that was.
    pub(super) fn end(&self) -> Option<Incarnation> {
        let mut state = self.lock();
        state.gone_at = None;
        state.up.take().map(|process| process.incarnation)
    }

    /// Waits until there is no link.
    pub(super) async fn unlinked(&self) {
        self.until(|state| state.queue.is_none()).await;
    }

    /// Waits until there is a link.
    pub(super) async fn linked(&self) {
        self.until(|state| state.queue.is_some()).await;
    }

    async fn until(&self, condition: impl Fn(&PeerState) -> bool) {
        loop {
            let changed = self.changed.notified();
            if condition(&self.lock()) {
                return;
            }
            changed.await;
        }
    }

    /// What came of the last attempt to be linked.
    pub(super) fn set_trouble(&self, trouble: Option<String>) {
        self.lock().trouble = trouble;
    }

    /// Why there is no link, as far as is known.
    pub(super) fn trouble(&self) -> Option<String> {
        self.lock().trouble.clone()
    }

    /// Whether this was not just said.
    pub(super) fn is_news(&self, text: &str) -> bool {
        let mut state = self.lock();
        if state.said == text {
            return false;
        }
        text.clone_into(&mut state.said);
        true
    }

    fn lock(&self) -> MutexGuard<'_, PeerState> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
