//! A transport that loses answers, and tells nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use pomelo::Result;
use pomelo::core::cluster::Member;
use pomelo::core::envelope::Envelope;
use pomelo::core::server::{ServerId, ServerInfo};
use pomelo::core::session::Incarnation;
use pomelo::core::transport::{Inbox, Outlet, Transport, Unsent};
use pomelo::net::transport::Memory;

/// [`Memory`], until answers are lost.
#[derive(Clone, Default)]
pub(crate) struct Deaf {
    memory: Memory,
    loses: Arc<AtomicBool>,
}

impl Deaf {
    /// From now on.
    pub(crate) fn lose_answers(&self) {
        self.loses.store(true, Ordering::SeqCst);
    }
}

impl Transport for Deaf {
    fn bind(&self, server: Member, inbox: Arc<dyn Inbox>) -> BoxFuture<'_, Result<Arc<dyn Outlet>>> {
        Box::pin(async move {
            let is_backend = !server.info.frontend;
            let outlet = self.memory.bind(server, inbox).await?;
            let loses = self.loses.clone();
            Ok(Arc::new(DeafOutlet { outlet, loses, is_backend }) as Arc<dyn Outlet>)
        })
    }
}

struct DeafOutlet {
    outlet: Arc<dyn Outlet>,
    loses: Arc<AtomicBool>,
    is_backend: bool,
}

impl Outlet for DeafOutlet {
    fn send(&self, to: &ServerId, envelope: Envelope) -> Result<(), Unsent> {
        match self.is_backend && self.loses.load(Ordering::SeqCst) {
            true => Ok(()),
            false => self.outlet.send(to, envelope),
        }
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
