//! Membership: a server's view of who is in the cluster, and what it does when others come and go.
//!
//! | news | what the server does |
//! |---|---|
//! | `joined`, a new process | `AddServers`; it is greeted |
//! | `joined`, the same process again | channels there are stale, closings are asked for again (`settling`) |
//! | `joined`, a later process of the same id | the earlier one counts as gone first |
//! | `unlinked` | questions that are out fail with `Refused`; nothing else, since the link may come back |
//! | `left` | questions fail; its users leave all channels, copies of its channels go, hooks of its sessions run; `RemoveServers` |
//! | `expect` | routers choose among the new list, and those that are up and not on it; `ReplaceServers` if that is a change |
//! | `joined` or `changed`, by which a server is expected that was not | `ReplaceServers`: the list that has it is no news then |

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use foldhash::fast::RandomState;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Server;
use super::links::Links;
use crate::cluster::pair::Pairs;
use crate::cluster::{Joined, Member, Registration, Superseded};
use crate::event::Event;
use crate::frontend;
use crate::metrics::Dropped;
use crate::session::ClosedSession;
use crate::value::{Error, ErrorKind, Incarnation, ServerId, ServerInfo};
use crate::wire::envelope::Batch;

/// A server's own place in the cluster.
pub(crate) struct Membership {
    /// Its place in the discovery, once it has one.
    pub(crate) registration: OnceLock<Arc<dyn Registration>>,
    /// Another server is up, or gone, or another one is expected.
    pub(crate) changed: Notify,
    /// The cluster wants this server to stop.
    pub(crate) asked_to_stop: Notify,
    /// Whoever wants it to stop wants it back: its process then ends with an error, so that its supervisor starts it again.
    pub(crate) wants_restart: AtomicBool,
    /// It takes clients and calls; until then it holds nothing.
    pub(crate) started: AtomicBool,
    /// Held while a peer comes or goes, so that what is to be settled with it is complete. No channel's lock is held then.
    turn: Mutex<()>,
    /// What is to be settled with each peer.
    pairs: Mutex<Pairs>,
    /// Held while a change of this server is told, so that nobody is told of a later one first.
    telling: Mutex<()>,
    /// Which links there are, and since when others are missing.
    links: Mutex<Links>,
    /// The discovery has said whom to expect.
    pub(crate) was_told: AtomicBool,
    /// Who says that another process has this server's id, and since when.
    occupied: Mutex<HashMap<ServerId, Occupied, RandomState>>,
}

/// Refusals of one peer, since another process has the id.
#[derive(Clone)]
pub(crate) struct Occupied {
    pub(crate) since: Instant,
    /// The last one: a peer that says no more of it may be gone itself.
    pub(crate) last: Instant,
    /// Where that runs.
    pub(crate) place: String,
}

impl Membership {
    pub(crate) fn new() -> Self {
        Self {
            registration: OnceLock::new(),
            changed: Notify::new(),
            asked_to_stop: Notify::new(),
            wants_restart: AtomicBool::new(false),
            started: AtomicBool::new(false),
            turn: Mutex::default(),
            pairs: Mutex::default(),
            telling: Mutex::default(),
            links: Mutex::default(),
            was_told: AtomicBool::new(false),
            occupied: Mutex::default(),
        }
    }

    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn pairs(&self) -> MutexGuard<'_, Pairs> {
        self.pairs.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn occupied(&self) -> MutexGuard<'_, HashMap<ServerId, Occupied, RandomState>> {
        self.occupied.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn telling(&self) -> MutexGuard<'_, ()> {
        self.telling.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Server {
    /// This server as others need to know it; none before it is up.
    pub(crate) fn member(&self) -> Option<Member> {
        self.peers.view.known().member(&self.peers.info.id).cloned()
    }

    /// Changes what others know of this server, and tells them.
    pub(crate) fn change_member(&self, change: impl FnOnce(&mut Member)) {
        let _telling = self.membership.telling();
        let Some(member) = self.peers.view.change_own(&self.peers.info.id, change) else { return };
        if let Some(registration) = self.membership.registration.get() {
            registration.update(member.clone());
        }
        if let Some(link_sender) = self.peers.link_sender.get() {
            link_sender.announce(member);
        }
    }

    /// As [`change_member`](Self::change_member), where the discovery knows it already.
    pub(crate) fn change_for_peers(&self, change: impl FnOnce(&mut Member)) {
        let _telling = self.membership.telling();
        let Some(member) = self.peers.view.change_own(&self.peers.info.id, change) else { return };
        if let Some(link_sender) = self.peers.link_sender.get() {
            link_sender.announce(member);
        }
    }

    /// There is a new link to a server.
    pub(crate) fn joined(self: &Arc<Self>, member: Member) -> Result<(), Superseded> {
        let _turn = self.membership.turn();
        let (info, incarnation, guest) = (member.info.clone(), member.incarnation, member.is_guest());
        let was_expected = self.expects(&info.id);
        let joined = self.peers.view.join(member);
        if let Joined::Superseded(later) = joined {
            return Err(Superseded(later));
        }
        self.membership.occupied().remove(&info.id);
        self.membership.links().made(&info.id);
        let news = if guest { None } else { self.membership.pairs().meet(&info.id, incarnation) };
        if let Some(greeting) = news {
            self.greet(&info.id, greeting);
        }
        match joined {
            Joined::Again => {
                self.relinked(&info.id);
                self.membership.changed.notify_waiters();
                self.tell_if_expected(&info.id, was_expected);
                return Ok(());
            }
            Joined::Reborn(before) => {
                self.incarnation_over(&info.id, before);
                if !guest {
                    self.events.emit(Event::RemoveServers(vec![info.id.clone()]));
                }
            }
            Joined::New | Joined::Superseded(_) => {}
        }
        if !guest {
            tracing::debug!(server = %self.peers.info.id, peer = %info.id, "up");
            self.events.emit(Event::AddServers(vec![info.clone()]));
            self.membership.changed.notify_waiters();
            self.tell_if_expected(&info.id, was_expected);
        }
        Ok(())
    }

    /// A server that is linked has changed.
    pub(crate) fn changed(self: &Arc<Self>, member: Member) {
        let _turn = self.membership.turn();
        let known = self.peers.view.known();
        if known.member(&member.info.id).is_some_and(|known| known.incarnation == member.incarnation) {
            let (id, was_expected) = (member.info.id.clone(), self.expects(&member.info.id));
            self.peers.view.join(member);
            self.membership.changed.notify_waiters();
            self.tell_if_expected(&id, was_expected);
        }
    }

    fn expects(&self, id: &ServerId) -> bool {
        self.peers.view.known().expects(id).is_some()
    }

    /// Tells the application that rooms move where a server is expected by its own word, before the discovery's list has come with it:
    /// that list is no news then.
    fn tell_if_expected(&self, id: &ServerId, was_expected: bool) {
        if !was_expected && self.expects(id) {
            self.tell_expected();
        }
    }

    /// Tells the application whom routers choose among: also those that are up and on no list.
    fn tell_expected(&self) {
        self.events.emit(Event::ReplaceServers(self.peers.view.known().all_expected()));
    }

    /// The link broke: whoever waits for an answer can't get it any more.
    pub(crate) fn unlinked(self: &Arc<Self>, peer: &ServerId, lost: usize) {
        self.peers.counters.add_many(Dropped::LinkBroke, lost);
        // Where one of the two stops, that is as it should be.
        if self.peers.is_leaving() || self.peers.view.known().member(peer).is_none_or(|peer| peer.leaving) {
            tracing::debug!(server = %self.peers.info.id, %peer, lost, "the link ended");
        } else {
            tracing::warn!(server = %self.peers.info.id, %peer, lost, "the link broke");
        }
        self.membership.links().broke(peer);
        self.registry.stop_fetching(peer);
        self.fail_pending(peer, format_args!("the link to {peer} broke"));
    }

    pub(crate) fn left(self: &Arc<Self>, peer: &ServerId, incarnation: Incarnation) {
        let _turn = self.membership.turn();
        self.membership.occupied().remove(peer);
        let was_expected = self.expects(peer);
        let Some(member) = self.peers.view.leave(peer, incarnation) else { return };
        let is_expected = self.expects(peer);
        match is_expected {
            true => self.membership.links().broke(peer),
            false => self.membership.links().forget(peer),
        }
        if self.peers.is_leaving() || member.leaving || member.is_guest() {
            tracing::debug!(server = %self.peers.info.id, %peer, "a server has left");
        } else {
            tracing::warn!(server = %self.peers.info.id, %peer, "a server is gone");
        }
        self.membership.changed.notify_waiters();
        let dropped = self.incarnation_over(peer, incarnation);
        if member.is_guest() {
            return;
        }
        self.membership.pairs().declare(peer, incarnation, dropped);
        self.events.emit(Event::RemoveServers(vec![peer.clone()]));
        if was_expected && !is_expected {
            // It was off the list, and expected only as long as it was up.
            self.tell_expected();
        }
    }

    /// That process of a server is over, or counts as that: everything that waits for it fails, its sessions are out of all
    /// channels, its channels are no more, and hooks on its sessions run. Says what was dropped of it.
    fn incarnation_over(self: &Arc<Self>, peer: &ServerId, incarnation: Incarnation) -> Batch {
        self.fail_pending(peer, format_args!("{peer} is gone"));
        let waiting = self.detours.as_ref().map_or(0, |detours| detours.forget(peer));
        self.peers.counters.add_many(Dropped::LinkBroke, waiting);
        frontend::keep_groups(&self.registry, peer, incarnation, |_| false);
        let late = {
            let (own, peer) = (Arc::downgrade(self), peer.clone());
            move |uids| {
                if let Some(own) = own.upgrade() {
                    own.dropped_late(&peer, incarnation, uids);
                }
            }
        };
        let mut dropped = Batch { uids: self.channels.lose(peer, late), ..Batch::default() };
        self.dispatch.queues.lose(&self.dispatch, incarnation);
        let (sessions, hooks_below) = self.sessions.hooks.lose(incarnation);
        for session in sessions {
            dropped.sessions.push(session.id);
            let reason = format!("its frontend {peer} is gone");
            self.sessions.close(ClosedSession::lost(session, reason, hooks_below));
        }
        dropped
    }

    fn fail_pending(self: &Arc<Self>, peer: &ServerId, why: std::fmt::Arguments<'_>) {
        self.registry.waits.abandon_all(peer);
        for (seq, waiter) in self.peers.pending.remove_server(peer) {
            self.peers.settle(seq, waiter, Err(Error::of(ErrorKind::Refused, why)));
        }
    }

    /// Waits until every server that is expected is up.
    pub(crate) async fn all_up(&self) {
        self.until_up(|_| true).await;
    }

    /// Waits until there is a link to every server that is expected and that there can be one to.
    pub(crate) async fn all_linked(&self) {
        self.until_up(|info| {
            self.peers.link_sender.get().is_none_or(|link_sender| link_sender.can_reach(info))
        })
        .await;
    }

    async fn until_up(&self, counts: impl Fn(&ServerInfo) -> bool) {
        loop {
            let changed = self.membership.changed.notified();
            if self.peers.view.known().all_up(&counts) {
                return;
            }
            changed.await;
        }
    }

    pub(crate) fn expect(self: &Arc<Self>, servers: &[Arc<ServerInfo>]) {
        let changes = self.peers.view.expect(servers);
        let known = self.peers.view.known();
        let (ids, is_up) = (servers.iter().map(|info| &info.id), |id: &ServerId| known.member(id).is_some());
        self.membership.links().expect(ids, is_up);
        self.membership.pairs().retain(|id| known.member(id).is_some() || known.expects(id).is_some());
        if let Some(link_sender) = self.peers.link_sender.get() {
            link_sender.expect(servers);
        }
        self.membership.changed.notify_waiters();
        if !changes.added.is_empty() || !changes.removed.is_empty() {
            self.tell_expected();
        }
    }
}
