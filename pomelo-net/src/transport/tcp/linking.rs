//! Making a connection the link to a peer, and unmaking it however it ends.
//!
//! A peer's turn is held while a link begins or ends, so that the receiver hears of `joined`, `unlinked` and
//! `left` one after the other; guards see to it that a link that ends by a panic ends like any other.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use pomelo_core::cluster::{LinkEvents, Member, Superseded};
use tokio::time::Instant;

use super::admission::{Made, admit};
use super::greet::{Connection, Greeted};
use super::link::{self, End};
use super::mesh::Mesh;
use super::peer::{Peer, Process};
use super::queue::Queue;
use super::wire::{Control, Refusal};

/// The link that a peer has now. However it ends, a panic included, the peer has none then and is looked after again.
struct Linked {
    /// Whose link it is.
    peer: Arc<Peer>,
    /// What is sent over it.
    queue: Arc<Queue>,
    /// How long the peer still counts as up then.
    gone_after: Duration,
}

impl Drop for Linked {
    fn drop(&mut self) {
        self.queue.abandon();
        self.peer.unlink(Instant::now() + self.gone_after);
    }
}

impl Mesh {
    /// Takes a connection whose other side is known as the link to it, in place of an older one. The side that was
    /// dialed welcomes the other; the side that dialed has `said` what it is.
    ///
    /// # Errors
    /// Why it can't be; the other side is told.
    pub(super) async fn install(
        self: &Arc<Self>,
        mut greeted: Greeted,
        said: Option<Member>,
    ) -> Result<(), Refusal> {
        let linked = self.link(&greeted, said).await;
        match linked {
            Ok(linked) => {
                self.runtime.spawn(self.clone().serve(linked, greeted.connection));
                Ok(())
            }
            Err(refusal) => {
                // The other side may be gone; then there is nobody to tell.
                let _ = greeted.connection.say(&Control::Refused(refusal.clone())).await;
                Err(refusal)
            }
        }
    }

    async fn link(self: &Arc<Self>, greeted: &Greeted, said: Option<Member>) -> Result<Linked, Refusal> {
        let Greeted { connection, member, pid } = greeted;
        let peer = self.peer_or_new(&member.info, false);
        let made = if said.is_some() { Made::ByDialing } else { Made::ByListening };
        let _turn = admit(&peer, member, made, &self.options).await?;
        let queue = Arc::new(Queue::new(self.options.queue_limit, self.options.max_frame));
        let said = said.unwrap_or_else(|| {
            let member = self.own();
            queue.say(&Control::Welcome { member: member.clone(), pid: std::process::id() });
            member
        });
        // It is the first that the other side gets of this link, and is queued while nobody else can send.
        if let Err(error) = queue.send(&self.link_events.greeting(member)) {
            tracing::error!(server = %self.id(), peer = %peer.id, ?error, "the greeting of a link can't be sent");
            return Err(Refusal::Greeting);
        }
        // Whoever hears that it joined may send to it at once.
        peer.link(queue.clone(), process(connection, member, *pid));
        let linked = Linked { peer: peer.clone(), queue: queue.clone(), gone_after: self.options.gone_after };
        if let Err(Superseded(later)) = self.link_events.joined(member.clone()) {
            peer.end();
            return Err(Refusal::Superseded(later));
        }
        self.catch_up(&queue, &said);
        Ok(linked)
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

    async fn serve(self: Arc<Self>, mut linked: Linked, connection: Connection) {
        let (peer, queue) = (linked.peer.clone(), linked.queue.clone());
        let running = link::run(
            self.link_events.clone(),
            peer.clone(),
            queue.clone(),
            connection,
            self.options.clone(),
        );
        let ended = AssertUnwindSafe(running).catch_unwind().await;
        let (end, lost) = ended.unwrap_or_else(|panic| {
            self.complain(&peer, "a link's reader", &*panic);
            (End::Broken, queue.abandon())
        });
        let _turn = peer.turn.lock().await;
        if end == End::Silence {
            let silence = self.options.dead_after;
            tracing::warn!(server = %self.id(), peer = %peer.id, "nothing came for {silence:?}: the link is closed");
            linked.gone_after = self.options.gone_after.saturating_sub(silence);
        }
        if let End::Goodbye(_) = end {
            peer.end();
        }
        self.tell(&peer, |link_events| link_events.unlinked(&peer.id, lost));
        if let End::Goodbye(incarnation) = end {
            self.tell(&peer, |link_events| link_events.left(&peer.id, incarnation));
        }
        drop(linked);
    }

    /// Tells the receiver something; that it panics must not keep it from the rest.
    pub(super) fn tell(&self, peer: &Peer, what: impl FnOnce(&dyn LinkEvents)) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| what(&*self.link_events))) {
            self.complain(peer, "who was told of a link", &*panic);
        }
    }

    fn complain(&self, peer: &Peer, who: &str, panic: &(dyn Any + Send)) {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
        tracing::error!(server = %self.id(), peer = %peer.id, "{who} panicked: {text}");
    }
}

/// The other side, and where it runs: the address of its connection says more than its entry in servers.json, unless both
/// are on this machine.
fn process(connection: &Connection, member: &Member, pid: u32) -> Process {
    let host = match connection.distant_ip() {
        Ok(Some(ip)) => ip.to_string(),
        _ => member.info.host.clone(),
    };
    Process { incarnation: member.incarnation, host, pid }
}
