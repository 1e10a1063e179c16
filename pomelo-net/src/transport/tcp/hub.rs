//! A bound server and all its peers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use foldhash::fast::RandomState;
use futures::future::{BoxFuture, join_all};
use pomelo_core::cluster::Member;
use pomelo_core::envelope::Envelope;
use pomelo_core::server::{ServerId, ServerInfo};
use pomelo_core::session::Incarnation;
use pomelo_core::transport::{Inbox, Outlet, Superseded, Unsent};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::greet::{Connection, Greeted};
use super::link::{self, End};
use super::options::TcpOptions;
use super::peer::Peer;
use super::queue::Queue;
use super::supervise::supervise;
use super::wire::{Control, Refusal};

/// A bound server, as its links know it.
pub(super) struct Hub {
    pub(super) options: Arc<TcpOptions>,
    pub(super) inbox: Arc<dyn Inbox>,
    pub(super) runtime: Handle,
    id: ServerId,
    own: RwLock<Member>,
    peers: RwLock<HashMap<ServerId, Arc<Peer>, RandomState>>,
    /// The task that accepts; its end frees the port.
    listening: Mutex<Option<JoinHandle<()>>>,
    closed: AtomicBool,
}

impl Hub {
    pub(super) fn new(options: Arc<TcpOptions>, own: Member, inbox: Arc<dyn Inbox>) -> Arc<Self> {
        Arc::new(Self {
            options,
            inbox,
            runtime: Handle::current(),
            id: own.info.id.clone(),
            own: RwLock::new(own),
            peers: RwLock::default(),
            listening: Mutex::default(),
            closed: AtomicBool::new(false),
        })
    }

    pub(super) fn id(&self) -> &ServerId {
        &self.id
    }

    pub(super) fn own(&self) -> Member {
        self.own.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    pub(super) fn set_listening(&self, accepting: JoinHandle<()>) {
        *self.listening.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(accepting);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
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
    fn peer_or_new(self: &Arc<Self>, info: &Arc<ServerInfo>, expected: bool) -> Arc<Peer> {
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
        let supervisor = self.runtime.spawn(supervise(self.clone(), peer.clone()));
        peer.set_supervisor(supervisor.abort_handle());
        peer
    }

    /// Takes a connection whose other side is known as the link to it, in place of an older one. The side that was
    /// dialed welcomes the other; the side that dialed has `said` what it is.
    ///
    /// # Errors
    /// Why it can't be; the other side is told.
    pub(super) async fn install(
        self: &Arc<Self>,
        greeted: Greeted,
        said: Option<Member>,
    ) -> Result<(), Refusal> {
        let Greeted { mut connection, member } = greeted;
        let peer = self.peer_or_new(&member.info, false);
        let _turn = loop {
            let turn = peer.turn.lock().await;
            let Some(older) = peer.queue() else { break turn };
            drop(turn);
            older.abandon();
            older.close();
            peer.unlinked().await;
        };
        let queue = Arc::new(Queue::new(self.options.queue_limit, self.options.max_frame));
        let said = said.unwrap_or_else(|| {
            let member = self.own();
            queue.say(&Control::Welcome { member: member.clone() });
            member
        });
        // It is the first that the other side gets of this link, and is queued while nobody else can send.
        if let Err(error) = queue.send(&self.inbox.greeting(&member)) {
            tracing::error!(server = %self.id, peer = %peer.id, ?error, "the greeting of a link can't be sent");
        }
        // Whoever hears that it joined may send to it at once.
        peer.link(queue.clone(), member.incarnation);
        if let Err(Superseded(later)) = self.inbox.joined(member) {
            let refusal = Refusal::Superseded(later);
            peer.end();
            peer.unlink(Instant::now());
            // The other side may be gone; then there is nobody to tell.
            let _ = connection.say(&Control::Refused(refusal.clone())).await;
            return Err(refusal);
        }
        self.catch_up(&queue, &said);
        self.runtime.spawn(self.clone().serve(peer.clone(), queue, connection));
        Ok(())
    }

    /// Says what has changed of this server since it said what it is.
    fn catch_up(&self, queue: &Queue, said: &Member) {
        let own = self.own();
        if self.is_closed() || own.incarnation != said.incarnation {
            queue.say(&Control::Goodbye { incarnation: said.incarnation });
            queue.close();
        } else if own.leaving != said.leaving
            || own.encodings != said.encodings
            || !Arc::ptr_eq(&own.methods, &said.methods)
        {
            queue.say(&Control::Changed { member: own });
        }
    }

    async fn serve(self: Arc<Self>, peer: Arc<Peer>, queue: Arc<Queue>, connection: Connection) {
        let (inbox, options) = (self.inbox.clone(), self.options.clone());
        let (end, lost) = link::run(inbox, peer.clone(), queue, connection, options).await;
        let _turn = peer.turn.lock().await;
        let silence = if end == End::Silence { self.options.dead_after } else { Default::default() };
        if end == End::Silence {
            tracing::warn!(server = %self.id, peer = %peer.id, "nothing came for {silence:?}: the link is closed");
        }
        if let End::Goodbye(life) = end {
            peer.end();
            self.inbox.unlinked(&peer.id, lost);
            self.inbox.left(&peer.id, life);
        } else {
            self.inbox.unlinked(&peer.id, lost);
        }
        peer.unlink(Instant::now() + self.options.gone_after.saturating_sub(silence));
    }

    /// That server counts as gone, if there is no link to it.
    pub(super) async fn declare_gone(&self, peer: &Peer) {
        let _turn = peer.turn.lock().await;
        if peer.queue().is_none()
            && let Some(life) = peer.end()
        {
            self.inbox.left(&peer.id, life);
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
pub(super) struct TcpOutlet(pub(super) Arc<Hub>);

impl TcpOutlet {
    /// Takes no links any more, and ends those that are there. What is returned ends once the port is free.
    fn shut(&self) -> Option<JoinHandle<()>> {
        let hub = &self.0;
        hub.closed.store(true, Ordering::Release);
        let accepting = hub.listening.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        accepting.iter().for_each(JoinHandle::abort);
        let own = hub.own();
        for peer in hub.peers() {
            peer.stop_supervisor();
            end(&peer, &own);
        }
        accepting
    }
}

impl Outlet for TcpOutlet {
    fn send(&self, to: &ServerId, envelope: Envelope) -> Result<(), Unsent> {
        let peer = self.0.peer(to).ok_or(Unsent::NoLink)?;
        match peer.queue() {
            Some(queue) => queue.send(&envelope),
            None if self.can_reach(&peer.info()) => Err(Unsent::NoLink),
            None => Err(Unsent::NoPort),
        }
    }

    fn expect(&self, servers: &[Arc<ServerInfo>]) {
        let hub = &self.0;
        for info in servers.iter().filter(|info| info.id != *hub.id()) {
            hub.peer_or_new(info, true);
        }
        for peer in hub.peers() {
            if !servers.iter().any(|info| info.id == peer.id) {
                peer.forget();
            }
        }
    }

    fn can_reach(&self, server: &ServerInfo) -> bool {
        server.port.is_some() || self.0.own().info.port.is_some()
    }

    fn announce(&self, server: Member) {
        let hub = &self.0;
        let before = {
            let mut own = hub.own.write().unwrap_or_else(|poisoned| poisoned.into_inner());
            std::mem::replace(&mut *own, server.clone())
        };
        for peer in hub.peers() {
            if before.incarnation != server.incarnation {
                end(&peer, &before);
                peer.nudged.notify_one();
            } else if let Some(queue) = peer.queue() {
                queue.say(&Control::Changed { member: server.clone() });
            }
        }
    }

    fn cut(&self, server: &ServerId, incarnation: Incarnation) {
        let Some(peer) = self.0.peer(server).filter(|peer| peer.up() == Some(incarnation)) else { return };
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
            if let Some(accepting) = self.shut() {
                // It was aborted, so its end is an error. A server that comes back wants its port.
                let _ = accepting.await;
            }
            join_all(self.0.peers().into_iter().map(|peer| async move { peer.unlinked().await })).await;
        })
    }
}

impl Drop for TcpOutlet {
    fn drop(&mut self) {
        self.shut();
    }
}

/// Ends the link to a peer with a goodbye of that life.
fn end(peer: &Peer, own: &Member) {
    if let Some(queue) = peer.queue() {
        queue.say(&Control::Goodbye { incarnation: own.incarnation });
        queue.close();
    }
}
