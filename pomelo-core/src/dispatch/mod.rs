//! Dispatch: the way of messages and calls that arrived through filters, router and handler to their answers.
//!
//! ```text
//!  a client here ──▶ ClientSession's queue ──▶ worker ──▶ pipeline::route ─┬─ here ──▶ pipeline::serve ──▶ answer
//!                                                                          └─ forwarded, and on to the next message
//!  a forwarded message ──▶ SessionQueues ──▶ Executor (a lane's turn) ──▶ pipeline::serve ──▶ Reply
//!  a call ───────────────────────────────▶ Executor (a lane) ───────────▶ remote ──▶ Reply
//! ```
//!
//! What is promised: messages of one session are handled in the order in which they arrived, one at a time on
//! each server, but for `#[pomelo(concurrent)]` methods; those of different sessions run in parallel. Only
//! messages of clients use a session's queue. Calls, answers and the framework's own questions never wait for
//! it, so a handler that calls a server which calls back doesn't wait for itself.

mod endpoints;
mod executor;
mod jobs;
mod mounting;
pub(crate) mod pipeline;
mod queues;
mod worker;

pub(crate) use self::endpoints::{Endpoints, Listener, MountedEndpoints};
pub(crate) use self::executor::{Executor, Job};
pub(crate) use self::mounting::{Installed, Parts};
pub(crate) use self::queues::{Forwarded, SessionQueues};

use std::ops::Deref;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock, RwLock};

use crate::filter::{AnyFilter, ErrorHandler};
use crate::peers::Peers;
use crate::router::Routers;
use crate::session::Sessions;

/// How a server runs what arrives: messages of clients, its own and those that frontends forwarded, and calls.
pub(crate) struct Dispatch {
    /// The way to other servers, to which answers go.
    pub(crate) peers: Arc<Peers>,
    /// The sessions of the messages that run here.
    pub(crate) sessions: Arc<Sessions>,
    /// What chooses the server that handles a message of another type.
    pub(crate) routers: Arc<Routers>,
    /// Around this server's handlers.
    pub(crate) filters: Vec<Arc<dyn AnyFilter>>,
    /// Around routing, on a frontend.
    pub(crate) global_filters: Vec<Arc<dyn AnyFilter>>,
    /// Sees what filters and handlers here failed with.
    pub(crate) error_handler: Option<ErrorHandler>,
    /// Sees what could not be routed.
    pub(crate) global_error_handler: Option<ErrorHandler>,
    /// The messages of sessions whose frontend isn't this server.
    pub(crate) queues: SessionQueues,
    /// Made when the first job arrives.
    pub(crate) executor: OnceLock<Executor>,
    /// None before the server starts, and after it has ended.
    pub(crate) endpoints: RwLock<Option<Arc<dyn Endpoints>>>,
    /// Whether some handler may run beside others of its session; nearly none may.
    pub(crate) has_concurrent: AtomicBool,
}

impl Dispatch {
    /// What starts calls and messages in the order in which they arrived.
    pub(crate) fn executor(self: &Arc<Self>) -> &Executor {
        self.executor.get_or_init(|| Executor::start(self))
    }
}

impl Deref for Dispatch {
    type Target = Arc<Peers>;

    fn deref(&self) -> &Arc<Peers> {
        &self.peers
    }
}
