//! A transport that can be made to lead nowhere, and keeps what was sent last.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use pomelo::core::cluster::{Inbox, Member, Outlet, Transport, Unsent};
use pomelo::core::value::{Incarnation, ServerId, ServerInfo};
use pomelo::core::wire::envelope::Envelope;
use pomelo::net::transport::Memory;

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
    fn bind(&self, server: Member, inbox: Arc<dyn Inbox>) -> BoxFuture<'_, pomelo::Result<Arc<dyn Outlet>>> {
        Box::pin(async move {
            let outlet = self.memory.bind(server, inbox).await?;
            let tapped: Arc<dyn Outlet> = Arc::new(Tapped { outlet, state: self.state.clone() });
            Ok(tapped)
        })
    }
}

struct Tapped {
    outlet: Arc<dyn Outlet>,
    state: Arc<State>,
}

impl Outlet for Tapped {
    fn send(&self, to: &ServerId, envelope: Envelope) -> Result<(), Unsent> {
        if !self.state.closed.load(Ordering::Relaxed) {
            return self.outlet.send(to, envelope);
        }
        self.state.count.fetch_add(1, Ordering::Relaxed);
        *self.state.last.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(envelope);
        Ok(())
    }

    fn expect(&self, servers: &[Arc<ServerInfo>]) {
        self.outlet.expect(servers);
    }

    fn announce(&self, server: Member) {
        self.outlet.announce(server);
    }

    fn cut(&self, server: &ServerId, incarnation: Incarnation) {
        self.outlet.cut(server, incarnation);
    }

    fn queued_bytes(&self) -> usize {
        self.outlet.queued_bytes()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.outlet.close()
    }
}
