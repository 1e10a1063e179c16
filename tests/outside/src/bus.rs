//! The transport, and what it knows of the servers that are bound.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use pomelo::ext::transport::{
    BoxFuture, Bytes, BytesMut, Envelope, EnvelopeError, Incarnation, LinkEvents, LinkSender, Member, Result,
    ServerId, ServerInfo, Superseded, Transport, Unsent,
};
use tokio::sync::oneshot;

use crate::post::{Item, Post};

/// A bus on which servers of one process meet. Clones are the same bus.
#[derive(Clone, Default)]
pub struct Bus(Arc<Mutex<HashMap<ServerId, Stop>>>);

/// A bound server.
#[derive(Clone)]
struct Stop {
    member: Member,
    link_events: Arc<dyn LinkEvents>,
    /// What comes for it, from each of the others.
    arrivals: HashMap<ServerId, Post>,
}

impl Bus {
    fn stops(&self) -> MutexGuard<'_, HashMap<ServerId, Stop>> {
        self.0.lock().expect("nobody panics while it looks")
    }

    /// Links a server that is new with one that is there.
    fn link(stops: &mut HashMap<ServerId, Stop>, new: &ServerId, other: &ServerId) {
        for (to, from) in [(new, other), (other, new)] {
            let Some(sender) = stops.get(from).cloned() else { continue };
            let Some(stop) = stops.get_mut(to) else { continue };
            let post = Post::start(from.clone(), stop.link_events.clone());
            let greeting = sender.link_events.greeting(&stop.member);
            post.put(Item::Joined(sender.member));
            // Before anything that is sent, since nobody can send before the queue is in its place.
            post.put(Item::Envelope(encode(&greeting).expect("a greeting of servers that are new is short")));
            stop.arrivals.insert(from.clone(), post);
        }
    }
}

impl Transport for Bus {
    fn bind(
        &self,
        server: Member,
        link_events: Arc<dyn LinkEvents>,
    ) -> BoxFuture<'_, Result<Arc<dyn LinkSender>>> {
        let id = server.info.id.clone();
        let mut stops = self.stops();
        let others: Vec<_> = stops.keys().filter(|other| **other != id).cloned().collect();
        stops.insert(id.clone(), Stop { member: server, link_events, arrivals: HashMap::new() });
        for other in others {
            Self::link(&mut stops, &id, &other);
        }
        drop(stops);
        let link_sender: Arc<dyn LinkSender> = Arc::new(BusSender { id, bus: self.clone() });
        Box::pin(async { Ok(link_sender) })
    }
}

struct BusSender {
    id: ServerId,
    bus: Bus,
}

impl BusSender {
    /// The queues from this server to the others.
    fn departures(&self) -> Vec<Post> {
        let stops = self.bus.stops();
        stops.values().filter_map(|stop| stop.arrivals.get(&self.id).cloned()).collect()
    }
}

impl LinkSender for BusSender {
    fn send(&self, to: &ServerId, envelope: Envelope) -> Result<(), Unsent> {
        let post = {
            let stops = self.bus.stops();
            stops.get(to).and_then(|stop| stop.arrivals.get(&self.id)).cloned()
        };
        let post = post.ok_or(Unsent::NoLink)?;
        let bytes = encode(&envelope).map_err(|_| Unsent::TooLong)?;
        if post.put(Item::Envelope(bytes)) { Ok(()) } else { Err(Unsent::Full) }
    }

    /// All servers on the bus are linked anyhow.
    fn expect(&self, _: &[Arc<ServerInfo>]) {}

    fn announce(&self, server: Member) {
        if let Some(stop) = self.bus.stops().get_mut(&self.id) {
            stop.member = server.clone();
        }
        for post in self.departures() {
            post.put(Item::Changed(server.clone()));
        }
    }

    fn cut(&self, server: &ServerId, _: Incarnation) {
        if let Some(stop) = self.bus.stops().get_mut(&self.id) {
            stop.arrivals.remove(server);
        }
    }

    fn queued_bytes(&self) -> usize {
        self.departures().iter().map(Post::bytes).sum()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let own = self.bus.stops().remove(&self.id);
        let mut arrived = Vec::new();
        if let Some(own) = own {
            let mut stops = self.bus.stops();
            for post in stops.values_mut().filter_map(|stop| stop.arrivals.remove(&self.id)) {
                let (told, hears) = oneshot::channel();
                post.put(Item::Left(own.member.incarnation, told));
                arrived.push(hears);
            }
        }
        Box::pin(async move {
            // What is queued is delivered first; an error means that the receiver is gone as well.
            futures::future::join_all(arrived).await;
        })
    }
}

/// An envelope as one piece.
fn encode(envelope: &Envelope) -> Result<Bytes, EnvelopeError> {
    let mut bytes = BytesMut::new();
    let body = envelope.encode(&mut bytes)?;
    bytes.extend_from_slice(&body);
    Ok(bytes.freeze())
}

/// Hands one item over to a server.
pub(crate) fn deliver(link_events: &dyn LinkEvents, from: &ServerId, item: Item) {
    match item {
        Item::Envelope(bytes) => {
            link_events.receive(from, Envelope::decode(bytes).expect("it was encoded by the same library"));
        }
        Item::Joined(member) => {
            if let Err(Superseded(later)) = link_events.joined(member) {
                // On this bus a server that is bound again takes the place of the one before.
                panic!("{from} is there in a later incarnation, {later}");
            }
        }
        Item::Changed(member) => link_events.changed(member),
        Item::Left(incarnation, told) => {
            link_events.left(from, incarnation);
            // Who left may not wait.
            let _ = told.send(());
        }
    }
}
