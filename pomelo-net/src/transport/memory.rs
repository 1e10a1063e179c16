//! The transport between servers of one process, in memory.
//!
//! ```text
//!  chat-1 ── send ──▶ Links: bound, not cut ──▶ connector-1's `receive`, in this very thread
//!                       │ a link is opening: it waits until both have greeted
//!                       └ cut: refused, as without a link
//! ```

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use foldhash::fast::RandomState;
use futures::future::{BoxFuture, ready};
use pomelo_core::cluster::{LinkEvents, LinkSender, Member, Transport, Unsent};
use pomelo_core::value::{Incarnation, ServerId, ServerInfo};
use pomelo_core::wire::envelope::Envelope;

/// The transport between servers of one process: an envelope is handed to the receiver in the sender's own thread,
/// undecoded and uncopied.
///
/// For tests it has faults: [`cut`](Self::cut), [`unlink`](Self::unlink) and [`give_up`](Self::give_up), and what mends them.
///
/// ```
/// # use pomelo_doc::App;
/// use std::sync::Arc;
/// use pomelo::net::transport::Memory;
///
/// # #[tokio::main]
/// # async fn main() -> pomelo::Result<()> {
/// # let builder = App::builder().servers(r#"{ "chat": [{ "id": "chat-1" }, { "id": "chat-2" }] }"#);
/// let memory = Memory::new();
/// let running = builder.transport(Arc::new(memory.clone())).start().await?;
/// let app = running.app("chat-1").expect("it is up");
///
/// // A fault, and what it leads to: chat-1 declares the other one gone, and takes it back.
/// memory.unlink("chat-1", "chat-2");
/// memory.give_up("chat-1", "chat-2");
/// assert!(app.servers("chat").by_id("chat-2").is_none());
/// memory.link("chat-1", "chat-2");
/// assert!(app.servers("chat").by_id("chat-2").is_some());
/// # Ok(())
/// # }
/// ```
///
/// Clones are one transport, and a program may have several: servers of two don't see each other.
#[derive(Clone, Default)]
pub struct Memory(Arc<RwLock<Links>>);

/// One direction between two servers: from, to.
type Way = (ServerId, ServerId);

#[derive(Default)]
struct Links {
    /// Servers that can be reached, by id.
    bound: HashMap<ServerId, Bound, RandomState>,
    /// Nothing passes there.
    cut: HashSet<Way, RandomState>,
    /// A link is being made: what is sent waits until the greeting has arrived.
    opening: HashMap<Way, Vec<Envelope>, RandomState>,
}

#[derive(Clone)]
struct Bound {
    /// What the server is, as others were told.
    member: Member,
    /// What takes in what comes for it.
    link_events: Arc<dyn LinkEvents>,
}

impl Bound {
    fn id(&self) -> &ServerId {
        &self.member.info.id
    }
}

/// What becomes of an envelope.
enum Passage {
    /// It is handed over.
    Open(Arc<dyn LinkEvents>),
    /// It waits.
    Opening,
    /// It is refused.
    None,
}

impl Links {
    /// Everybody else who is bound.
    fn others(&self, id: &ServerId) -> Vec<Bound> {
        self.bound.iter().filter(|(other, _)| *other != id).map(|(_, bound)| bound.clone()).collect()
    }

    /// Looks at the tables of faults only while there are any.
    fn passage(&self, from: &ServerId, to: &ServerId) -> Passage {
        let has_faults = !self.cut.is_empty() || !self.opening.is_empty();
        if has_faults {
            let way = (from.clone(), to.clone());
            if self.opening.contains_key(&way) {
                return Passage::Opening;
            }
            if self.cut.contains(&way) {
                return Passage::None;
            }
        }
        self.bound.get(to).map_or(Passage::None, |bound| Passage::Open(bound.link_events.clone()))
    }
}

impl Memory {
    /// A transport without servers.
    pub fn new() -> Self {
        Self::default()
    }

    /// A fault, for tests: nothing passes between two servers any more, in either direction, and neither is told.
    ///
    /// What is sent meanwhile is refused; calls that were out wait for their deadline, since nobody was told.
    pub fn cut(&self, a: impl Into<ServerId>, b: impl Into<ServerId>) {
        let (a, b) = (a.into(), b.into());
        let mut links = self.write();
        links.cut.insert((a.clone(), b.clone()));
        links.cut.insert((b, a));
    }

    /// Mends what [`cut`](Self::cut) did, as if the link had never been down.
    ///
    /// Nobody greets, so what was missed stays missed, until something shows it.
    pub fn mend(&self, a: impl Into<ServerId>, b: impl Into<ServerId>) {
        let (a, b) = (a.into(), b.into());
        let mut links = self.write();
        links.cut.remove(&(a.clone(), b.clone()));
        links.cut.remove(&(b, a));
    }

    /// A fault, for tests: the link between two servers breaks, and both are told.
    ///
    /// Calls that were out fail, and both go on counting each other as up until [`give_up`](Self::give_up).
    pub fn unlink(&self, a: impl Into<ServerId>, b: impl Into<ServerId>) {
        let (a, b) = (a.into(), b.into());
        self.cut(a.clone(), b.clone());
        for (one, other) in [(&a, &b), (&b, &a)] {
            if let Some(bound) = self.bound(one) {
                bound.link_events.unlinked(other, 0);
            }
        }
    }

    /// A fault, for tests: `server` declares `gone` gone, after their link broke.
    pub fn give_up(&self, server: impl Into<ServerId>, gone: impl Into<ServerId>) {
        let (server, gone) = (self.bound(&server.into()), self.bound(&gone.into()));
        if let (Some(server), Some(gone)) = (server, gone) {
            server.link_events.left(gone.id(), gone.member.incarnation);
        }
    }

    /// Makes the link between two servers anew.
    ///
    /// Both greet each other first, as on any new link, and settle what they have lost.
    pub fn link(&self, a: impl Into<ServerId>, b: impl Into<ServerId>) {
        let (a, b) = (a.into(), b.into());
        self.mend(a.clone(), b.clone());
        if let (Some(a), Some(b)) = (self.bound(&a), self.bound(&b)) {
            self.open(&a, &b);
        }
    }

    /// Has two servers greet each other; what they send meanwhile comes after that.
    fn open(&self, a: &Bound, b: &Bound) {
        let ways = [(a, b), (b, a)];
        let mut links = self.write();
        for (from, to) in ways {
            links.opening.entry((from.id().clone(), to.id().clone())).or_default();
        }
        drop(links);
        let greetings = ways.map(|(from, to)| from.link_events.greeting(&to.member));
        // Nobody is refused here: a server that is bound again takes the place of the one before.
        let joined = ways.map(|(from, to)| from.link_events.joined(to.member.clone()).is_ok());
        for ((from, to), greeting) in ways.into_iter().zip(greetings) {
            if joined == [true; 2] {
                to.link_events.receive(from.id(), greeting);
            }
        }
        ways.into_iter().for_each(|(from, to)| self.flush(from, to));
    }

    /// Hands over what waited for the greeting, until nothing does.
    fn flush(&self, from: &Bound, to: &Bound) {
        let way = (from.id().clone(), to.id().clone());
        loop {
            let mut links = self.write();
            let waiting = links.opening.get_mut(&way).map(std::mem::take).unwrap_or_default();
            if waiting.is_empty() {
                links.opening.remove(&way);
                return;
            }
            drop(links);
            waiting.into_iter().for_each(|envelope| to.link_events.receive(from.id(), envelope));
        }
    }

    fn bound(&self, id: &ServerId) -> Option<Bound> {
        self.read().bound.get(id).cloned()
    }

    fn read(&self) -> RwLockReadGuard<'_, Links> {
        self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> RwLockWriteGuard<'_, Links> {
        self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Transport for Memory {
    fn bind(
        &self,
        server: Member,
        link_events: Arc<dyn LinkEvents>,
    ) -> BoxFuture<'_, pomelo_core::value::Result<Arc<dyn LinkSender>>> {
        let own = Bound { member: server, link_events };
        let mut links = self.write();
        let others = links.others(own.id());
        links.bound.insert(own.id().clone(), own.clone());
        drop(links);
        others.iter().for_each(|other| self.open(&own, other));
        let link_sender: Arc<dyn LinkSender> =
            Arc::new(MemorySender { id: own.id().clone(), memory: self.clone() });
        Box::pin(ready(Ok(link_sender)))
    }
}

struct MemorySender {
    id: ServerId,
    memory: Memory,
}

impl LinkSender for MemorySender {
    fn send(&self, to: &ServerId, envelope: Envelope) -> Result<(), Unsent> {
        let passage = self.memory.read().passage(&self.id, to);
        match passage {
            Passage::Open(link_events) => link_events.receive(&self.id, envelope),
            Passage::None => return Err(Unsent::NoLink),
            Passage::Opening => {
                let mut links = self.memory.write();
                match links.opening.get_mut(&(self.id.clone(), to.clone())) {
                    Some(waiting) => waiting.push(envelope),
                    None => {
                        drop(links);
                        return self.send(to, envelope);
                    }
                }
            }
        }
        Ok(())
    }

    /// All servers of the process are linked anyhow.
    fn expect(&self, _: &[Arc<ServerInfo>]) {}

    fn announce(&self, server: Member) {
        let mut links = self.memory.write();
        let Some(bound) = links.bound.get_mut(&self.id) else { return };
        let is_another = bound.member.incarnation != server.incarnation;
        bound.member = server.clone();
        let own = bound.clone();
        let others = links.others(&self.id);
        drop(links);
        for other in others {
            if is_another {
                self.memory.open(&own, &other);
            } else {
                other.link_events.changed(server.clone());
            }
        }
    }

    /// There are no links to close.
    fn cut(&self, _: &ServerId, _: Incarnation) {}

    /// Nothing waits.
    fn queued_bytes(&self) -> usize {
        0
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let mut links = self.memory.write();
        let own = links.bound.remove(&self.id);
        let others = links.others(&self.id);
        drop(links);
        for (own, other) in own.iter().flat_map(|own| others.iter().map(move |other| (own, other))) {
            other.link_events.left(&self.id, own.member.incarnation);
        }
        Box::pin(ready(()))
    }
}
