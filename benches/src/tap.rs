//! A transport that can be made to lead nowhere, and keeps what was sent last.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use pomelo::ext::transport::Envelope;
use pomelo::ext::transport::{LinkEvents, LinkSender, Member, Transport, Unsent};
use pomelo::net::transport::Memory;
use pomelo::server::{ServerId, ServerInfo};
use pomelo::session::Incarnation;

/// The memory transport, until it is [closed](Tap::close); then it counts what it is given and keeps the last of it.
#[derive(Clone, Default)]
pub struct Tap {
    memory: Memory,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    closed: AtomicBool,
    count: AtomicU64,
    last: Mutex<Option<Envelope>>,
}

impl Tap {
    /// From now on nothing arrives.
    pub fn close(&self) {
        self.state.closed.store(true, Ordering::Relaxed);
    }

    /// How many envelopes were sent since.
    pub fn count(&self) -> u64 {
        self.state.count.load(Ordering::Relaxed)
    }

    /// Takes the last one of them.
    pub fn last(&self) -> Option<Envelope> {
        self.state.last.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take()
    }
}

impl Transport for Tap {
    fn bind(
        &self,
        server: Member,
        link_events: Arc<dyn LinkEvents>,
    ) -> BoxFuture<'_, pomelo::Result<Arc<dyn LinkSender>>> {
        Box::pin(async move {
            let link_sender = self.memory.bind(server, link_events).await?;
            let tapped: Arc<dyn LinkSender> = Arc::new(Tapped { link_sender, state: self.state.clone() });
            Ok(tapped)
        })
    }
}

struct Tapped {
    link_sender: Arc<dyn LinkSender>,
    state: Arc<State>,
}

impl LinkSender for Tapped {
    fn send(&self, to: &ServerId, envelope: Envelope) -> Result<(), Unsent> {
        if !self.state.closed.load(Ordering::Relaxed) {
            return self.link_sender.send(to, envelope);
        }
        self.state.count.fetch_add(1, Ordering::Relaxed);
        *self.state.last.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(envelope);
        Ok(())
    }

    fn expect(&self, servers: &[Arc<ServerInfo>]) {
        self.link_sender.expect(servers);
    }

    fn announce(&self, server: Member) {
        self.link_sender.announce(server);
    }

    fn cut(&self, server: &ServerId, incarnation: Incarnation) {
        self.link_sender.cut(server, incarnation);
    }

    fn queued_bytes(&self) -> usize {
        self.link_sender.queued_bytes()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.link_sender.close()
    }
}
