//! What a server does when others come and go.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use foldhash::fast::RandomState;
use tokio::sync::Notify;

use super::{Core, Event, inbox};
use crate::cluster::{Joined, Member};
use crate::counters::Dropped;
use crate::discovery::{Registration, Watcher};
use crate::error::{Error, ErrorKind};
use crate::report::Report;
use crate::server::{ServerId, ServerInfo};
use crate::session::{ClosedSession, Incarnation, Life, resubscribe};
use crate::transport::Outcast;

/// A server's own place in the cluster.
pub(crate) struct Membership {
    /// Which of its lives this is.
    life: Life,
    pub(super) registration: OnceLock<Arc<dyn Registration>>,
    /// Another server is up, or gone, or another one is expected.
    pub(super) changed: Notify,
    /// The cluster wants this server to stop.
    pub(super) asked_to_stop: Notify,
    /// It is about to stop.
    pub(super) leaving: AtomicBool,
    /// It was declared gone and has not begun anew yet.
    reviving: AtomicBool,
    /// The peers to which the link broke and is not there again yet.
    broken: Mutex<HashSet<ServerId, RandomState>>,
}

impl Membership {
    pub(super) fn new(incarnation: Incarnation) -> Self {
        Self {
            life: Life::new(incarnation),
            registration: OnceLock::new(),
            changed: Notify::new(),
            asked_to_stop: Notify::new(),
            leaving: AtomicBool::new(false),
            reviving: AtomicBool::new(false),
            broken: Mutex::default(),
        }
    }

    fn broken(&self) -> MutexGuard<'_, HashSet<ServerId, RandomState>> {
        self.broken.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Core {
    /// Which of its lives this is.
    pub(crate) fn incarnation(&self) -> Incarnation {
        self.membership.life.now()
    }

    /// This server as others need to know it; none before it is up.
    pub(crate) fn member(&self) -> Option<Member> {
        self.view.known().member(&self.info.id).cloned()
    }

    /// Changes what others know of this server, and tells them.
    pub(crate) fn change_member(&self, change: impl FnOnce(&mut Member)) {
        let Some(member) = self.view.change_own(&self.info.id, change) else { return };
        if let Some(registration) = self.membership.registration.get() {
            registration.update(member.clone());
        }
        if let Some(outlet) = self.outlet.get() {
            outlet.announce(member);
        }
    }

    pub(crate) fn joined(self: &Arc<Self>, member: Member) -> Result<(), Outcast> {
        let (info, guest) = (member.info.clone(), member.is_guest());
        match self.view.join(member) {
            Joined::Outcast(declared) => return Err(Outcast(declared)),
            Joined::Again => {
                if self.membership.broken().remove(&info.id) {
                    self.relinked(&info.id);
                }
                return Ok(());
            }
            Joined::New => {}
            Joined::Reborn(before) => {
                self.life_over(&info.id, before);
                if !guest {
                    self.emit(Event::RemoveServers(vec![info.id.clone()]));
                }
            }
        }
        self.membership.broken().remove(&info.id);
        if !guest {
            tracing::info!(server = %self.info.id, peer = %info.id, "up");
            self.emit(Event::AddServers(vec![info]));
            self.membership.changed.notify_waiters();
        }
        Ok(())
    }

    /// A link is there again: what may have been lost meanwhile is made good.
    ///
    /// The peer drops the copies of channels that are no more, gets the membership of the others before anything else,
    /// and says of which sessions the closing was missed.
    fn relinked(self: &Arc<Self>, peer: &ServerId) {
        self.channels.relinked(self, peer);
        let sessions = self.hooks.sessions_at(peer);
        if !sessions.is_empty() {
            self.executor.spawn(resubscribe(self.clone(), sessions));
        }
    }

    /// The link broke: whoever waits for an answer can't get it any more.
    pub(crate) fn unlinked(self: &Arc<Self>, peer: &ServerId, lost: usize) {
        self.counters.add_many(Dropped::LinkBroke, lost);
        tracing::info!(server = %self.info.id, %peer, lost, "the link broke");
        self.membership.broken().insert(peer.clone());
        self.edge.stop_fetching(peer);
        self.fail_pending(peer, format_args!("the link to {peer} broke"));
    }

    pub(crate) fn left(self: &Arc<Self>, peer: &ServerId, incarnation: Incarnation) {
        let Some(member) = self.view.leave(peer, incarnation) else { return };
        tracing::info!(server = %self.info.id, %peer, "gone");
        self.membership.changed.notify_waiters();
        self.life_over(peer, incarnation);
        if !member.is_guest() {
            self.emit(Event::RemoveServers(vec![peer.clone()]));
            let known = self.view.known();
            if known.expects(peer).is_none() {
                // It was off the list, and expected only as long as it was up.
                self.emit(Event::ReplaceServers(known.all_expected()));
            }
        }
    }

    /// That life of a server is over: everything that waits for it fails, its sessions are out of all channels, its
    /// channels are no more, and hooks on its sessions run.
    fn life_over(self: &Arc<Self>, peer: &ServerId, incarnation: Incarnation) {
        self.fail_pending(peer, format_args!("{peer} is gone"));
        self.membership.broken().remove(peer);
        let waiting = self.detours.as_ref().map_or(0, |detours| detours.forget(peer));
        self.counters.add_many(Dropped::LinkBroke, waiting);
        let groups = self.edge.tables().groups_of(peer, incarnation);
        for key in groups {
            crate::channel::drop_group(self, &key);
        }
        self.channels.lose(self, peer);
        for session in self.hooks.sessions_of(incarnation) {
            let reason = format!("its frontend {peer} is gone");
            self.queues.close(self, ClosedSession::new(session, reason));
        }
    }

    fn fail_pending(self: &Arc<Self>, peer: &ServerId, why: std::fmt::Arguments<'_>) {
        self.edge.waits.abandon_all(peer);
        for (seq, waiter) in self.pending.remove_server(peer) {
            inbox::settle(self, seq, waiter, Err(Error::of(ErrorKind::Refused, why)));
        }
    }

    /// Others have declared this server gone. Its sessions are closed, since their users are out of all channels by
    /// now, and it begins another life.
    pub(crate) fn outcast(self: &Arc<Self>, declared: Outcast) {
        if declared.0 < self.incarnation() || self.membership.reviving.swap(true, Ordering::AcqRel) {
            return;
        }
        tracing::warn!(server = %self.info.id, "others have declared this server gone; it begins anew");
        let core = self.clone();
        self.executor.spawn(async move {
            let incarnation = Incarnation::begin_after(&core.info.id, declared.0);
            core.membership.life.set(incarnation);
            core.kick_clients("the server was cut off").await;
            core.channels.resync_everywhere();
            core.membership.reviving.store(false, Ordering::Release);
            core.change_member(|member| member.incarnation = incarnation);
        });
    }

    /// Waits until every server that is expected is up.
    pub(crate) async fn all_up(&self) {
        self.until_up(|_| true).await;
    }

    /// Waits until there is a link to every server that is expected and that there can be one to.
    pub(crate) async fn all_linked(&self) {
        self.until_up(|info| self.outlet.get().is_none_or(|outlet| outlet.can_reach(info))).await;
    }

    async fn until_up(&self, counts: impl Fn(&ServerInfo) -> bool) {
        loop {
            let changed = self.membership.changed.notified();
            if self.view.known().all_up(&counts) {
                return;
            }
            changed.await;
        }
    }

    fn expect(self: &Arc<Self>, servers: &[Arc<ServerInfo>]) {
        let changes = self.view.expect(servers);
        if let Some(outlet) = self.outlet.get() {
            outlet.expect(servers);
        }
        self.membership.changed.notify_waiters();
        if !changes.added.is_empty() || !changes.removed.is_empty() {
            self.emit(Event::ReplaceServers(servers.to_vec()));
        }
    }
}

/// A server, as its discovery knows it.
pub(super) struct CoreWatcher(pub(super) Weak<Core>);

impl Watcher for CoreWatcher {
    fn expect(&self, servers: Vec<Arc<ServerInfo>>) {
        if let Some(core) = self.0.upgrade() {
            core.expect(&servers);
        }
    }

    fn up(&self, server: Member) {
        let Some(core) = self.0.upgrade().filter(|core| !core.owns(&server.info.id)) else { return };
        if core.outlet.get().is_some_and(|outlet| outlet.can_reach(&server.info)) {
            return;
        }
        if let Err(Outcast(declared)) = core.joined(server) {
            tracing::debug!(server = %core.info.id, %declared, "late news of a life that is over");
        }
    }

    fn gone(&self, server: &ServerId, incarnation: Incarnation) {
        let Some(core) = self.0.upgrade() else { return };
        if core.owns(server) {
            return;
        }
        if let Some(outlet) = core.outlet.get() {
            outlet.cut(server, incarnation);
        }
        core.left(server, incarnation);
    }

    fn stop(&self) {
        if let Some(core) = self.0.upgrade() {
            core.membership.asked_to_stop.notify_one();
        }
    }

    fn report(&self) -> Option<Report> {
        self.0.upgrade().map(|core| core.report())
    }

    fn failed(&self, error: Error) {
        if let Some(core) = self.0.upgrade() {
            core.tasks.fail(error);
        }
    }
}
