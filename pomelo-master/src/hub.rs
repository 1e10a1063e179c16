//! The hub: the registry, and everybody who must hear of its changes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use pomelo_core::cluster::Member;
use pomelo_core::runtime::{Supervised, Supervisor};
use pomelo_core::value::{Error, ErrorKind, Incarnation, ServerId, ServerInfo};
use pomelo_core::wire::envelope::AskError;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::children::Children;
use crate::config::MasterConfig;
use crate::process::own_rss_bytes;
use crate::registry::{Entry, Event, LinkId, Registry};
use crate::status::{Outcome, ServerState, ServerStatus};
use crate::wire::server::{Occupant, Question, Status};

/// A server that is asked what there is to say of it answers within this, or is left out of a list.
const STATUS_TIMEOUT: Duration = Duration::from_secs(2);
/// What an answer of an admin module may take on its way, beyond the time that it has.
const WAY_TIMEOUT: Duration = Duration::from_millis(500);
/// A process that has the place of an id answers within this, or gives it up to a later one.
const OCCUPANT_TIMEOUT: Duration = Duration::from_secs(1);
/// How soon to ask again by a connection that is about to end.
const OCCUPANT_POLL: Duration = Duration::from_millis(20);
/// Orders that a link has not got around to. They are few, and one that waits longer than it may is given up.
const QUEUED_ORDERS: usize = 64;
/// Comings and goings that a link has not passed on yet; one that falls behind tells all of them again.
const QUEUED_MOVES: usize = 1024;

/// What the link of a server is to do.
pub(crate) enum Order {
    Stop,
    Ask(oneshot::Sender<Status>),
    /// An operator asks an admin module.
    Put(Question, oneshot::Sender<Told>),
    /// Another connection has its place: of a process that began later, if one is named.
    Close(Option<Incarnation>),
}

/// What an admin module answered, or what is in the way.
pub(crate) type Told = Result<Value, AskError>;

/// What the tasks of a master share.
pub(crate) struct Hub {
    pub(crate) config: MasterConfig,
    /// What runs as long as the master does; its failure is the master's.
    pub(crate) tasks: Supervisor,
    pub(crate) children: Children,
    /// The tasks that keep servers running.
    keepers: Mutex<HashMap<ServerId, Supervised>>,
    registry: Mutex<Registry>,
    links: Mutex<HashMap<LinkId, mpsc::Sender<Order>>>,
    next_link: AtomicU64,
    changed: watch::Sender<()>,
    expected: watch::Sender<Arc<Vec<Arc<ServerInfo>>>>,
    moves: broadcast::Sender<Move>,
    /// What became of the start of the servers, once that is over.
    pub(crate) started: watch::Sender<Option<Vec<Outcome>>>,
    /// An operator wants the master to end.
    pub(crate) ending: watch::Sender<bool>,
    pub(crate) began: Instant,
}

impl Hub {
    pub(crate) fn new(config: MasterConfig, children: Children, servers: &[Arc<ServerInfo>]) -> Self {
        let registry = Registry::new(servers.iter().cloned());
        Self {
            // Who runs the master waits for it to fail.
            tasks: Supervisor::new(Handle::current(), &config.id, |_| {}),
            config,
            children,
            keepers: Mutex::default(),
            links: Mutex::default(),
            next_link: AtomicU64::new(1),
            changed: watch::Sender::new(()),
            expected: watch::Sender::new(Arc::new(registry.expected())),
            moves: broadcast::Sender::new(QUEUED_MOVES),
            started: watch::Sender::new(None),
            ending: watch::Sender::new(false),
            began: Instant::now(),
            registry: Mutex::new(registry),
        }
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn links(&self) -> MutexGuard<'_, HashMap<LinkId, mpsc::Sender<Order>>> {
        self.links.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Has a task keep a server running; the one before is let go.
    pub(crate) fn set_keeper(&self, id: &ServerId, keeper: Supervised) {
        let mut keepers = self.keepers.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        drop(keepers.insert(id.clone(), keeper));
    }

    /// Lets go of all servers: their processes go on, and are not started again.
    pub(crate) fn let_go(&self) {
        self.keepers.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clear();
    }

    /// Looks at what is known now.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Registry) -> T) -> T {
        look(&self.registry())
    }

    /// Changes what is known, and tells whom it concerns.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Registry) -> T) -> T {
        let mut registry = self.registry();
        let changed = change(&mut registry);
        while let Some(event) = registry.poll_event() {
            match event {
                Event::Expected => drop(self.expected.send_replace(Arc::new(registry.expected()))),
                // These fail when no server is there to be told.
                Event::Gone(id, incarnation) => drop(self.moves.send(Move::Gone(id, incarnation))),
                Event::Up(id) => {
                    let member = registry.get(&id).and_then(Entry::portless);
                    drop(member.map(|member| self.moves.send(Move::Up(Arc::new(member)))));
                }
                Event::Superseded(link, later) => self.order(link, Order::Close(later)),
                Event::Stop(link) => self.order(link, Order::Stop),
            }
        }
        while let Some((server, pid)) = registry.poll_risen() {
            tracing::info!(%server, pid, "up");
        }
        drop(registry);
        self.changed.send_replace(());
        changed
    }

    /// Waits until `look` finds what it looks for.
    pub(crate) async fn until<T>(&self, mut look: impl FnMut(&Registry) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(found) = self.look(&mut look) {
                return found;
            }
            if changed.changed().await.is_err() {
                // The sender is in `self`.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until the start of the servers is over, and returns what became of each.
    pub(crate) async fn started(&self) -> Vec<Outcome> {
        match self.started.subscribe().wait_for(Option::is_some).await {
            Ok(outcomes) => outcomes.clone().unwrap_or_default(),
            // The sender is in `self`.
            Err(_) => vec![],
        }
    }

    /// The lists of expected servers, and the ends of incarnations, from now on.
    pub(crate) fn subscribe(&self) -> News {
        News { expected: self.expected.subscribe(), moves: self.moves.subscribe() }
    }

    /// Makes a link known, and returns what it is ordered to do.
    pub(crate) fn link(&self) -> (LinkId, mpsc::Receiver<Order>) {
        let (orders, ordered) = mpsc::channel(QUEUED_ORDERS);
        let link = LinkId(self.next_link.fetch_add(1, Ordering::Relaxed));
        self.links().insert(link, orders);
        (link, ordered)
    }

    pub(crate) fn forget(&self, link: LinkId) {
        self.links().remove(&link);
    }

    /// Gives a link an order. One that takes none is about to end, and whoever waits for the effect sees that.
    pub(crate) fn order(&self, link: LinkId, order: Order) {
        if let Some(orders) = self.links().get(&link) {
            let _ = orders.try_send(order);
        }
    }

    /// What a server says of itself, if it answers.
    pub(crate) async fn ask(&self, link: LinkId) -> Option<Status> {
        let (answer, answered) = oneshot::channel();
        self.order(link, Order::Ask(answer));
        tokio::time::timeout(STATUS_TIMEOUT, answered).await.ok()?.ok()
    }

    /// What an admin module of a server answers.
    pub(crate) async fn put(&self, server: &ServerId, link: LinkId, question: Question) -> Told {
        let limit = question.within() + WAY_TIMEOUT;
        let (answer, answered) = oneshot::channel();
        self.order(link, Order::Put(question, answer));
        let failed = |kind, why: String| AskError::from(Error::of(kind, why));
        match tokio::time::timeout(limit, answered).await {
            Ok(Ok(told)) => told,
            Ok(Err(_)) => Err(failed(ErrorKind::Refused, format!("the connection of {server} broke"))),
            Err(_) => Err(failed(ErrorKind::Deadline, format!("no answer from {server} in time"))),
        }
    }

    /// Whether the process that has the place of an id says so. One whose connection is gone has as long to come back.
    pub(crate) async fn is_there(&self, id: &ServerId, occupant: &Occupant) -> bool {
        let asking = async {
            loop {
                let link = self.until(|registry| match registry.get(id)?.link_of(occupant.incarnation) {
                    Ok(link) => link.map(Some),
                    Err(()) => Some(None),
                });
                let Some(link) = link.await else { return false };
                if self.ask(link).await.is_some() {
                    return true;
                }
                tokio::time::sleep(OCCUPANT_POLL).await;
            }
        };
        tokio::time::timeout(OCCUPANT_TIMEOUT, asking).await.unwrap_or(false)
    }

    /// All servers and the master, sorted by type and id, the master first.
    pub(crate) async fn list(&self) -> Vec<ServerStatus> {
        let of_servers = self.look(|registry| registry.statuses(Instant::now()));
        let asked = of_servers.into_iter().map(|(mut status, link)| async move {
            let Some(link) = link else { return status };
            match self.ask(link).await {
                Some(own) => {
                    status.uptime_ms = Some(own.report.uptime_ms);
                    status.connections = Some(own.report.sessions);
                    status.rss_bytes = own.rss_bytes;
                }
                // It has a connection, and nobody there who answers.
                None if status.state != ServerState::Stopping => {
                    status.state = ServerState::Lost;
                    status.missing_links.clear();
                }
                None => {}
            }
            status
        });
        let mut list = futures::future::join_all(asked).await;
        list.sort_by(|a, b| (&a.server_type, &a.id).cmp(&(&b.server_type, &b.id)));
        list.insert(0, self.own_status());
        list
    }

    fn own_status(&self) -> ServerStatus {
        ServerStatus {
            id: self.config.id.clone(),
            server_type: "master".into(),
            host: self.config.host.clone(),
            port: Some(self.config.port),
            client_port: None,
            pid: Some(std::process::id()),
            uptime_ms: u64::try_from(self.began.elapsed().as_millis()).ok(),
            rss_bytes: own_rss_bytes(),
            connections: None,
            state: if *self.ending.borrow() { ServerState::Stopping } else { ServerState::Up },
            missing_links: vec![],
            trouble: None,
        }
    }
}

/// What a link passes on to its server.
pub(crate) struct News {
    pub(crate) expected: watch::Receiver<Arc<Vec<Arc<ServerInfo>>>>,
    pub(crate) moves: broadcast::Receiver<Move>,
}

/// A server came or went.
#[derive(Debug, Clone)]
pub(crate) enum Move {
    /// One without a port is up, or something of it changed.
    Up(Arc<Member>),
    /// That incarnation is over.
    Gone(ServerId, Incarnation),
}
