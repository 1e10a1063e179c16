//! A frontend server, as its connectors know it.
//!
//! ```text
//!  connector ── open ──▶ ClientSession ── in Registry (by id, by user)
//!      │  receive(id, route, body)  │                       ▲
//!      ▼                            ▼                       │ Group: members of a channel here ─▶ outboxes
//!   Flow::Pause: too much      worker (dispatch)            │
//!   is unanswered                                           └ deliver: pushes, memberships, broadcasts
//! ```
//!
//! | file | noun |
//! |---|---|
//! | `client` | [`ClientSession`]: the real session |
//! | `registry`, `tables` | all sessions, by id and by user |
//! | `owner`, `waits` | what handlers, here and elsewhere, want of sessions; who waits for a session to close |
//! | `ends` | sessions whose clients are gone, gathered before their hooks run |
//! | `group`, `delivery`, `detour` | channels' members here; frames to outboxes; what waits for the broadcast filter |
//! | `formats` | the kinds of frames that connections take |
//! | `connector`, `service` | the trait of what listens; the application's view |

mod client;
mod connector;
mod delivery;
mod detour;
mod ends;
mod formats;
mod group;
mod owner;
mod registry;
mod service;
mod tables;
#[cfg(test)]
pub(crate) mod testing;
mod waits;

pub use self::client::{ClientSession, CloseMode, Flow, Generation};
pub(crate) use self::client::{Incoming, Next, note_unhandled};
pub use self::connector::{Connector, Listening};
pub(crate) use self::delivery::{broadcast, deliver_to_uids};
pub(crate) use self::detour::Detours;
pub(crate) use self::group::{deliver, fetch_again, keep_groups};
pub(crate) use self::registry::{BroadcastFilter, ClientSettings, Dispatcher, Registry};
pub use self::service::SessionService;
pub(crate) use self::waits::Waits;

use std::net::SocketAddr;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::context::ServerContext;
use crate::metrics::Counters;
use crate::outbox::{Flusher, Outbox};
use crate::runtime::boundary::Site;
use crate::runtime::{Supervisor, Within, boundary};
use crate::value::config::Config;
use crate::value::{Error, Result, ServerInfo};
use crate::wire::{Encoding, Format, FormatId};

/// The client-facing side of a server.
///
/// A [`Connector`] is started with it. It is also what a test opens sessions by: `app.frontend().open(…)`.
pub struct Frontend {
    /// The sessions, and what they have in common.
    registry: Arc<Registry>,
    context: Arc<ServerContext>,
    /// Has others know of an encoding that the clients take.
    add_encoding: Box<dyn Fn(Encoding) + Send + Sync>,
}

impl Frontend {
    pub(crate) fn new(
        registry: Arc<Registry>,
        context: Arc<ServerContext>,
        add_encoding: impl Fn(Encoding) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { registry, context, add_encoding: Box::new(add_encoding) })
    }

    /// What servers.json says of the server.
    pub fn server(&self) -> &Arc<ServerInfo> {
        &self.registry.peers.info
    }

    /// The configuration that the server runs with.
    pub fn config(&self) -> &Config {
        &self.registry.peers.config
    }

    /// What the application has told the server: its settings, and what it inserted.
    pub fn context(&self) -> &ServerContext {
        &self.context
    }

    /// The routes of all handlers of all types in servers.json, in no particular order.
    pub fn routes(&self) -> &[String] {
        self.registry.peers.routes.all()
    }

    /// Makes a kind of connection known, so that pushes are framed for it.
    ///
    /// # Errors
    /// If the frontend has 64 of them already: its connectors are too many.
    pub fn add_format(&self, format: Arc<dyn Format>) -> Result<FormatId> {
        let encoding = format.encoding();
        let id = self.registry.formats.add(format)?;
        (self.add_encoding)(encoding);
        Ok(id)
    }

    /// The flusher of the server's connections.
    pub fn flusher(&self) -> Arc<Flusher> {
        self.registry.flusher.clone()
    }

    /// Starts what must live as long as the server: what accepts clients, and what minds their deadlines.
    pub fn tasks(&self) -> &Supervisor {
        &self.registry.peers.tasks
    }

    /// The server's counters.
    pub fn counters(&self) -> &Counters {
        &self.registry.peers.counters
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
        let peers = self.registry.peers.clone();
        let run = async move {
            let site = Site::new(&peers, what);
            Within::hook(&peers, what).poll(boundary::run(site, hook, |hook| hook())).await
        };
        self.registry.peers.at_home(run).await.flatten()
    }

    /// Logs what a hook that [ran](Self::run) has failed with, by whose [`Fault`](crate::value::Fault) it is, and held to a rate;
    /// `what` names the hook. A panic was logged before.
    pub fn failed(&self, what: &'static str, mut error: Error) {
        Site::new(&self.registry.peers, what).failed(&mut error);
    }

    /// Opens a session for a connection whose handshake is done.
    pub fn open(self: &Arc<Self>, outbox: &Arc<Outbox>, peer: Option<SocketAddr>) -> Arc<ClientSession> {
        let session = ClientSession::open(&self.registry, outbox, peer);
        if self.registry.peers.tasks.is_ended() {
            // It greeted a server that is gone.
            outbox.close();
        }
        session
    }
}
