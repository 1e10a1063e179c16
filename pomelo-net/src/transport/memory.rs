//! Servers of one process.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, RwLock};

use futures::future::{BoxFuture, ready};
use pomelo_core::cluster::Member;
use pomelo_core::envelope::Envelope;
use pomelo_core::server::ServerId;
use pomelo_core::transport::{Inbox, Outlet, Transport, Unsent};

/// The transport between servers of one process: an envelope is handed to the receiver in the sender's own thread,
/// undecoded and uncopied.
#[derive(Clone, Default)]
pub struct Memory(Arc<RwLock<Links>>);

#[derive(Default)]
struct Links {
    inboxes: HashMap<ServerId, Arc<dyn Inbox>>,
    cut: HashSet<(ServerId, ServerId)>,
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
        links.inboxes.insert(id.clone(), inbox);
        drop(links);
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
            links.inboxes.get(to).filter(|_| !cut).cloned()
        };
        match inbox {
            Some(inbox) => {
                inbox.receive(&self.id, envelope);
                Ok(())
            }
            None => Err(Unsent::NoLink),
        }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let mut links = self.links.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        links.inboxes.remove(&self.id);
        Box::pin(ready(()))
    }
}
