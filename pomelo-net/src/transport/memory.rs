//! Servers of one process.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, RwLock};

use foldhash::fast::RandomState;
use futures::future::{BoxFuture, ready};
use pomelo_core::cluster::Member;
use pomelo_core::envelope::Envelope;
use pomelo_core::server::{ServerId, ServerInfo};
use pomelo_core::session::Incarnation;
use pomelo_core::transport::{Inbox, Outlet, Transport, Unsent};

/// The transport between servers of one process: an envelope is handed to the receiver in the sender's own thread,
/// undecoded and uncopied.
#[derive(Clone, Default)]
pub struct Memory(Arc<RwLock<Links>>);

#[derive(Default)]
struct Links {
    bound: HashMap<ServerId, Bound, RandomState>,
    cut: HashSet<(ServerId, ServerId)>,
}

#[derive(Clone)]
struct Bound {
    member: Member,
    inbox: Arc<dyn Inbox>,
}

impl Links {
    fn others(&self, id: &ServerId) -> Vec<Bound> {
        self.bound.iter().filter(|(other, _)| *other != id).map(|(_, bound)| bound.clone()).collect()
    }
}

impl Memory {
    /// A transport without servers.
    pub fn new() -> Self {
        Self::default()
    }

    /// A fault, for tests: nothing passes between two servers any more, in either direction.
    pub fn cut(&self, a: impl Into<ServerId>, b: impl Into<ServerId>) {
        let (a, b) = (a.into(), b.into());
        let mut links = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        links.cut.insert((a.clone(), b.clone()));
        links.cut.insert((b, a));
    }

    /// Mends what [`cut`](Self::cut) did.
    pub fn mend(&self, a: impl Into<ServerId>, b: impl Into<ServerId>) {
        let (a, b) = (a.into(), b.into());
        let mut links = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        links.cut.remove(&(a.clone(), b.clone()));
        links.cut.remove(&(b, a));
    }
}

impl Transport for Memory {
    fn bind(
        &self,
        server: Member,
        inbox: Arc<dyn Inbox>,
    ) -> BoxFuture<'_, pomelo_core::Result<Arc<dyn Outlet>>> {
        let id = server.info.id.clone();
        let mut links = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let others = links.others(&id);
        links.bound.insert(id.clone(), Bound { member: server.clone(), inbox: inbox.clone() });
        drop(links);
        for other in &others {
            // Nobody is declared gone here but who has closed, and every server is bound once.
            let _ = inbox.joined(other.member.clone());
            let _ = other.inbox.joined(server.clone());
        }
        let outlet: Arc<dyn Outlet> = Arc::new(MemoryOutlet { id, links: self.0.clone() });
        Box::pin(ready(Ok(outlet)))
    }
}

struct MemoryOutlet {
    id: ServerId,
    links: Arc<RwLock<Links>>,
}

impl Outlet for MemoryOutlet {
    fn send(&self, to: &ServerId, envelope: Envelope) -> Result<(), Unsent> {
        let inbox = {
            let links = self.links.read().unwrap_or_else(|poisoned| poisoned.into_inner());
            let cut = !links.cut.is_empty() && links.cut.contains(&(self.id.clone(), to.clone()));
            links.bound.get(to).filter(|_| !cut).map(|bound| bound.inbox.clone())
        };
        match inbox {
            Some(inbox) => {
                inbox.receive(&self.id, envelope);
                Ok(())
            }
            None => Err(Unsent::NoLink),
        }
    }

    /// All servers of the process are linked anyhow.
    fn expect(&self, _: &[Arc<ServerInfo>]) {}

    fn announce(&self, server: Member) {
        let mut links = self.links.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let Some(bound) = links.bound.get_mut(&self.id) else { return };
        bound.member = server.clone();
        let others = links.others(&self.id);
        drop(links);
        for other in others {
            // Refused only by who has declared it gone, and then it is told so.
            let _ = other.inbox.joined(server.clone());
        }
    }

    /// There are no links to close.
    fn cut(&self, _: &ServerId, _: Incarnation) {}

    /// Nothing waits.
    fn queued_bytes(&self) -> usize {
        0
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let mut links = self.links.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let own = links.bound.remove(&self.id);
        let others = links.others(&self.id);
        drop(links);
        for (own, other) in own.iter().flat_map(|own| others.iter().map(move |other| (own, other))) {
            other.inbox.left(&self.id, own.member.incarnation);
        }
        Box::pin(ready(()))
    }
}
