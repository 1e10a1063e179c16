//! A frontend server, as its connectors know it.

mod client;
mod connector;
mod delivery;
mod detour;
mod ends;
mod formats;
mod group;
mod registry;
mod service;
mod waits;

pub use self::client::{ClientSession, CloseMode, Flow};
pub use self::connector::{Connector, Listening};
pub(crate) use self::delivery::{broadcast, deliver_to_uids};
pub(crate) use self::detour::Detours;
pub(crate) use self::group::{deliver, drop_group, fetch_again};
pub(crate) use self::registry::{BroadcastFilter, Registry};
pub use self::service::SessionService;
pub(crate) use self::waits::{Waits, later};

use std::net::SocketAddr;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::metrics::Counters;
use crate::outbox::{Flusher, Outbox};
use crate::runtime::boundary::Site;
use crate::runtime::{Supervisor, Within, boundary};
use crate::server::Server;
use crate::value::config::Config;
use crate::value::{Error, Result, ServerInfo};
use crate::wire::{Format, FormatId};

/// The client-facing side of a server.
pub struct Frontend {
    core: Arc<Server>,
}

impl Frontend {
    pub(crate) fn new(core: Arc<Server>) -> Arc<Self> {
        Arc::new(Self { core })
    }

    /// What servers.json says of the server.
    pub fn server(&self) -> &Arc<ServerInfo> {
        &self.core.info
    }

    /// The configuration that the server runs with.
    pub fn config(&self) -> &Config {
        &self.core.config
    }

    /// The routes of all handlers of all types in servers.json, in no particular order.
    pub fn routes(&self) -> &[String] {
        self.core.routes.all()
    }

    /// Makes a kind of connection known, so that pushes are framed for it.
    ///
    /// # Errors
    /// If the frontend has 64 of them already: its connectors are too many.
    pub fn add_format(&self, format: Arc<dyn Format>) -> Result<FormatId> {
        let encoding = format.encoding();
        let id = self.core.registry.formats.add(format)?;
        if self.core.member().is_some_and(|member| !member.encodings.contains(&encoding)) {
            self.core.change_member(|member| member.encodings.push(encoding));
        }
        Ok(id)
    }

    /// The flusher of the server's connections.
    pub fn flusher(&self) -> Arc<Flusher> {
        self.core.registry.flusher.clone()
    }

    /// Starts what must live as long as the server: what accepts clients, and what minds their deadlines.
    pub fn tasks(&self) -> &Supervisor {
        &self.core.tasks
    }

    /// The server's counters.
    pub fn counters(&self) -> &Counters {
        &self.core.counters
    }

    /// Runs a hook of the application for a connector: where the server's code runs, which with `one_thread` is one thread, and
    /// so that a panic in it costs no more than this. `what` names the hook in logs.
    ///
    /// # Errors
    /// [`ErrorKind::Panic`](crate::value::ErrorKind::Panic), logged and counted, if it panics.
    ///
    /// # Cancel safety
    /// Dropping it drops the hook.
    pub async fn run<T: Send + 'static>(
        &self,
        what: &'static str,
        hook: impl FnOnce() -> BoxFuture<'static, T> + Send + 'static,
    ) -> Result<T> {
        let core = self.core.clone();
        let run = async move {
            let site = Site::new(&core, what);
            Within::hook(&core, what).poll(boundary::run(site, hook, |hook| hook())).await
        };
        self.core.at_home(run).await.flatten()
    }

    /// Logs what a hook that [ran](Self::run) has failed with, by whose [`Fault`](crate::value::Fault) it is, and held to a rate;
    /// `what` names the hook. A panic was logged before.
    pub fn failed(&self, what: &'static str, mut error: Error) {
        Site::new(&self.core, what).failed(&mut error);
    }

    /// Opens a session for a connection whose handshake is done.
    pub fn open(self: &Arc<Self>, outbox: &Arc<Outbox>, peer: Option<SocketAddr>) -> Arc<ClientSession> {
        let session = ClientSession::open(&self.core, outbox, peer);
        if self.core.tasks.is_ended() {
            // It greeted a server that is gone.
            outbox.close();
        }
        session
    }
}
