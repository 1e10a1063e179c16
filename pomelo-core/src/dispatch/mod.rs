//! Dispatch: the way of messages and calls that arrived through filters, router and handler to their answers.

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
    pub(crate) peers: Arc<Peers>,
    /// The sessions of the messages that run here.
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) routers: Arc<Routers>,
    /// Around this server's handlers.
    pub(crate) filters: Vec<Arc<dyn AnyFilter>>,
    /// Around routing, on a frontend.
    pub(crate) global_filters: Vec<Arc<dyn AnyFilter>>,
    pub(crate) error_handler: Option<ErrorHandler>,
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
