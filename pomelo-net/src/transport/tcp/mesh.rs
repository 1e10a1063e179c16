//! The mesh: a bound server, and its links to all peers.
//!
//! A peer is kept as long as it is expected or up. For each there is one supervisor, which makes the link
//! when it should be there and isn't; whoever was dialed hands the connection over here, too, so that there
//! is one link for each pair, whoever made it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use foldhash::fast::RandomState;
use futures::future::{BoxFuture, join_all};
use pomelo_core::cluster::{LinkEvents, LinkSender, Member, Unsent};
use pomelo_core::runtime::Supervisor;
use pomelo_core::runtime::throttle::Throttle;
use pomelo_core::value::{Error, Incarnation, ServerId, ServerInfo};
use pomelo_core::wire::envelope::Envelope;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::options::TcpOptions;
use super::peer::Peer;
use super::supervise::supervise;
use super::wire::Control;
use crate::link::patience::{Limits, Patience};
use crate::port::PortClosed;

/// A bound server, as its links know it.
pub(super) struct Mesh {
    /// How links are made and kept.
    pub(super) options: Arc<TcpOptions>,
    /// The server's receiving side.
    pub(super) link_events: Arc<dyn LinkEvents>,
    /// Where what it spawns runs.
    pub(super) runtime: Handle,
    /// The server's own.
    id: ServerId,
    /// What the others are told that it is.
    own: RwLock<Member>,
    /// By id.
    peers: RwLock<HashMap<ServerId, Arc<Peer>, RandomState>>,
    /// The port, if it has one.
    listening: Mutex<Option<PortClosed>>,
    /// What runs as long as the server does.
    pub(super) tasks: Supervisor,
    /// Of those who get no link one line is written for each address and second.
    pub(super) refused: Throttle<IpAddr>,
    /// No link is made any more.
    closed: AtomicBool,
}

impl Mesh {
    pub(super) fn new(options: Arc<TcpOptions>, own: Member, link_events: Arc<dyn LinkEvents>) -> Arc<Self> {
        let (runtime, id, failing) = (Handle::current(), own.info.id.clone(), link_events.clone());
        let report = move |error: &Error| failing.failed(error.clone());
        Arc::new(Self {
            options,
            link_events,
            tasks: Supervisor::new(runtime.clone(), &id, report),
            runtime,
            id,
            own: RwLock::new(own),
            peers: RwLock::default(),
            listening: Mutex::default(),
            refused: Throttle::default(),
            closed: AtomicBool::new(false),
        })
    }

    pub(super) fn id(&self) -> &ServerId {
        &self.id
    }

    pub(super) fn own(&self) -> Member {
        self.own.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    pub(super) fn set_listening(&self, closed: PortClosed) {
        *self.listening.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(closed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// How long that peer still counts as up.
    pub(super) fn patience(&self, peer: &Peer) -> Patience {
        let TcpOptions { connect_timeout, gone_after, .. } = *self.options;
        Patience::new(Limits { connect_timeout, gone_after }, peer.gone_at().map(Instant::into_std))
    }

    /// Whether it is this server that dials the other one.
    pub(super) fn dials(&self, peer: &ServerInfo) -> bool {
        peer.port.is_some() && (self.own().info.port.is_none() || self.id < peer.id)
    }

    pub(super) fn peer(&self, id: &ServerId) -> Option<Arc<Peer>> {
        self.peers.read().unwrap_or_else(|poisoned| poisoned.into_inner()).get(id).cloned()
    }

    fn peers(&self) -> Vec<Arc<Peer>> {
        self.peers.read().unwrap_or_else(|poisoned| poisoned.into_inner()).values().cloned().collect()
    }

    /// The peer of that id; one that nobody expected is looked after as long as it is up.
    pub(super) fn peer_or_new(self: &Arc<Self>, info: &Arc<ServerInfo>, expected: bool) -> Arc<Peer> {
        let mut peers = self.peers.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(peer) = peers.get(&info.id) {
            // While nobody can forget it.
            if expected {
                peer.expect(info.clone());
            }
            return peer.clone();
        }
        let peer = Arc::new(Peer::new(info.clone(), expected));
        peers.insert(info.id.clone(), peer.clone());
        let (mesh, kept) = (self.clone(), peer.clone());
        let supervise = move || supervise(mesh.clone(), kept.clone());
        peer.set_supervisor(self.tasks.spawn_guarded(format!("peer {}", info.id), supervise));
        peer
    }

    /// That server counts as gone, unless there was a link to it since it counts as up until `gone_at`.
    pub(super) async fn declare_gone(&self, peer: &Peer, gone_at: Option<Instant>) {
        let _turn = peer.turn.lock().await;
        if peer.queue().is_none()
            && peer.gone_at() == gone_at
            && let Some(incarnation) = peer.end()
        {
            self.link_events.left(&peer.id, incarnation);
        }
    }

    /// Forgets a peer that is not expected and not up.
    pub(super) fn forget(&self, peer: &Arc<Peer>) -> bool {
        let mut peers = self.peers.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let unused = !peer.is_expected() && peer.up().is_none() && peer.queue().is_none();
        if unused && peers.get(&peer.id).is_some_and(|known| Arc::ptr_eq(known, peer)) {
            peers.remove(&peer.id);
        }
        unused
    }
}

/// The sending side of a bound server.
pub(super) struct TcpSender(pub(super) Arc<Mesh>);

impl TcpSender {
    /// Takes no links any more, and ends those that are there. What is returned ends once the port is free.
    fn shut(&self) -> Option<PortClosed> {
        let mesh = &self.0;
        mesh.closed.store(true, Ordering::Release);
        mesh.tasks.end();
        let listening = mesh.listening.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        let own = mesh.own();
        for peer in mesh.peers() {
            peer.stop_supervisor();
            end(&peer, &own);
        }
        listening
    }
}

impl LinkSender for TcpSender {
    fn send(&self, to: &ServerId, envelope: Envelope) -> Result<(), Unsent> {
        let peer = self.0.peer(to).ok_or(Unsent::NoLink)?;
        match peer.queue() {
            Some(queue) => queue.send(&envelope),
            None if self.can_reach(&peer.info()) => Err(Unsent::NoLink),
            None => Err(Unsent::NoPort),
        }
    }

    fn expect(&self, servers: &[Arc<ServerInfo>]) {
        let mesh = &self.0;
        for info in servers.iter().filter(|info| info.id != *mesh.id()) {
            mesh.peer_or_new(info, true);
        }
        for peer in mesh.peers() {
            if !servers.iter().any(|info| info.id == peer.id) {
                peer.forget();
            }
        }
    }

    fn can_reach(&self, server: &ServerInfo) -> bool {
        server.port.is_some() || self.0.own().info.port.is_some()
    }

    fn trouble(&self, server: &ServerId) -> Option<String> {
        self.0.peer(server)?.trouble()
    }

    fn announce(&self, server: Member) {
        let mesh = &self.0;
        let before = {
            let mut own = mesh.own.write().unwrap_or_else(|poisoned| poisoned.into_inner());
            std::mem::replace(&mut *own, server.clone())
        };
        for peer in mesh.peers() {
            if before.incarnation != server.incarnation {
                end(&peer, &before);
                peer.nudged.notify_one();
            } else if let Some(queue) = peer.queue() {
                queue.say(&Control::Changed { member: server.clone() });
            }
        }
    }

    fn cut(&self, server: &ServerId, incarnation: Incarnation) {
        let Some(peer) = self.0.peer(server).filter(|peer| is_up(peer, incarnation)) else { return };
        peer.end();
        if let Some(queue) = peer.queue() {
            queue.close();
        }
    }

    fn gone_after(&self) -> Duration {
        self.0.options.gone_after
    }

    fn queued_bytes(&self) -> usize {
        self.0.peers().iter().filter_map(|peer| peer.queue()).map(|queue| queue.bytes()).sum()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(mut listening) = self.shut() {
                // A server that comes back wants its port.
                listening.wait().await;
            }
            join_all(self.0.peers().into_iter().map(|peer| async move { peer.unlinked().await })).await;
        })
    }
}

impl Drop for TcpSender {
    fn drop(&mut self) {
        self.shut();
    }
}

/// Whether that process of a peer counts as up.
fn is_up(peer: &Peer, incarnation: Incarnation) -> bool {
    peer.up().is_some_and(|process| process.incarnation == incarnation)
}

/// Ends the link to a peer with a goodbye of that incarnation.
fn end(peer: &Peer, own: &Member) {
    if let Some(queue) = peer.queue() {
        queue.say(&Control::Goodbye { incarnation: own.incarnation });
        queue.close();
    }
}
