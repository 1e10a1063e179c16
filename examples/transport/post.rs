//! A transport: a queue for each server of this process, with room for so many bytes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use pomelo::ext::transport::{
    BoxFuture, BytesMut, Envelope, Incarnation, LinkEvents, LinkSender, Member, Result, ServerId, ServerInfo,
    Transport, Unsent,
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// How many bytes may wait for a server.
const QUEUE_BYTES: usize = 1 << 20;

/// Queues in memory. Clones are the same post.
#[derive(Clone, Default)]
pub struct Post(Arc<Mutex<HashMap<ServerId, Office>>>);

/// A server that is bound, and its queue.
#[derive(Clone)]
struct Office {
    member: Member,
    link_events: Arc<dyn LinkEvents>,
    queue: UnboundedSender<Delivery>,
    queued: Arc<AtomicUsize>,
}

/// What a server's task does next.
type Delivery = Box<dyn FnOnce(&dyn LinkEvents) + Send>;

impl Office {
    fn put(&self, delivery: impl FnOnce(&dyn LinkEvents) + Send + 'static) {
        // Who has stopped gets nothing more.
        let _ = self.queue.send(Box::new(delivery));
    }

    /// Introduces another server: first the link, then its greeting, then all that it sends.
    fn link(&self, other: &Self) {
        let (member, greeting) = (other.member.clone(), other.link_events.greeting(&self.member));
        self.put(move |events| {
            let id = member.info.id.clone();
            if events.joined(member).is_ok() {
                events.receive(&id, greeting);
            }
        });
    }
}

impl Post {
    fn offices(&self) -> MutexGuard<'_, HashMap<ServerId, Office>> {
        self.0.lock().expect("no holder panics")
    }

    /// Whether nobody is bound here.
    pub fn is_closed(&self) -> bool {
        self.offices().is_empty()
    }
}

impl Transport for Post {
    fn bind(
        &self,
        member: Member,
        link_events: Arc<dyn LinkEvents>,
    ) -> BoxFuture<'_, Result<Arc<dyn LinkSender>>> {
        let (queue, mut deliveries) = unbounded_channel::<Delivery>();
        let (id, receiver) = (member.info.id.clone(), link_events.clone());
        tokio::spawn(async move {
            while let Some(delivery) = deliveries.recv().await {
                delivery(&*receiver);
            }
        });
        let new = Office { member, link_events, queue, queued: Arc::default() };
        let mut offices = self.offices();
        for other in offices.values() {
            new.link(other);
            other.link(&new);
        }
        offices.insert(id.clone(), new);
        let sender: Arc<dyn LinkSender> = Arc::new(Sender { id, post: self.clone() });
        Box::pin(async { Ok(sender) })
    }
}

/// The way of one server to the others.
struct Sender {
    id: ServerId,
    post: Post,
}

impl Sender {
    /// The office of another server, as long as this one has one, too.
    fn office(&self, other: &ServerId) -> Option<Office> {
        let offices = self.post.offices();
        offices.get(other).filter(|_| offices.contains_key(&self.id)).cloned()
    }

    fn others(&self) -> Vec<Office> {
        let offices = self.post.offices();
        offices.iter().filter(|(id, _)| **id != self.id).map(|(_, office)| office.clone()).collect()
    }
}

impl LinkSender for Sender {
    fn send(&self, to: &ServerId, envelope: Envelope) -> Result<(), Unsent> {
        let office = self.office(to).ok_or(Unsent::NoLink)?;
        let mut bytes = BytesMut::new();
        let body = envelope.encode(&mut bytes).map_err(|_| Unsent::TooLong)?;
        bytes.extend_from_slice(&body);
        let (bytes, from, queued) = (bytes.freeze(), self.id.clone(), office.queued.clone());
        if queued.fetch_add(bytes.len(), Ordering::Relaxed) > QUEUE_BYTES {
            queued.fetch_sub(bytes.len(), Ordering::Relaxed);
            return Err(Unsent::Full);
        }
        office.put(move |events| {
            queued.fetch_sub(bytes.len(), Ordering::Relaxed);
            match Envelope::decode(bytes) {
                Ok(envelope) => events.receive(&from, envelope),
                Err(error) => eprintln!("{from} sent what is no envelope: {error}"),
            }
        });
        Ok(())
    }

    /// All servers at this post are linked anyhow.
    fn expect(&self, _: &[Arc<ServerInfo>]) {}

    fn announce(&self, member: Member) {
        if let Some(own) = self.post.offices().get_mut(&self.id) {
            own.member = member.clone();
        }
        for other in self.others() {
            let member = member.clone();
            other.put(|events| events.changed(member));
        }
    }

    /// Within a process nobody is declared gone that is still there.
    fn cut(&self, _: &ServerId, _: Incarnation) {}

    fn queued_bytes(&self) -> usize {
        self.others().iter().map(|office| office.queued.load(Ordering::Relaxed)).sum()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let own = self.post.offices().remove(&self.id);
        for (other, own) in self.others().into_iter().zip(own.into_iter().cycle()) {
            let (id, incarnation) = (self.id.clone(), own.member.incarnation);
            other.put(move |events| events.left(&id, incarnation));
        }
        Box::pin(async {})
    }
}
