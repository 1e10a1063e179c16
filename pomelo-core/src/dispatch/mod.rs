//! Dispatch: the way of messages and calls that arrived through filters, router and handler to their answers.

mod endpoints;
mod executor;
mod jobs;
pub(crate) mod pipeline;
mod queues;
mod worker;

pub(crate) use self::endpoints::{Endpoints, Installed, Listener, MountedEndpoints, Parts};
pub(crate) use self::executor::{Executor, Job};
pub(crate) use self::queues::{Forwarded, SessionQueues};

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, RwLock};

use crate::filter::{AnyFilter, ErrorHandler};
use crate::metrics::RouteReport;
use crate::peers::Peers;
use crate::router::Routers;
use crate::session::Sessions;
use crate::value::Route;

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

    /// The server's handlers and remotes; none before it starts, and after it has ended.
    pub(crate) fn endpoints(&self) -> Option<Arc<dyn Endpoints>> {
        self.endpoints.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Sets what the server runs. It holds the server, so it must be taken out again at the end.
    pub(crate) fn set_endpoints(&self, endpoints: Option<Arc<dyn Endpoints>>) {
        let has_concurrent = endpoints.as_ref().is_some_and(|endpoints| endpoints.has_concurrent());
        if let Some(endpoints) = &endpoints {
            self.peers.set_method_names(endpoints.method_names());
        }
        *self.endpoints.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = endpoints;
        self.has_concurrent.store(has_concurrent, Ordering::Relaxed);
    }

    /// Whether a handler's method may run beside others of its session.
    pub(crate) fn is_concurrent(&self, route: &Route) -> bool {
        self.has_concurrent.load(Ordering::Relaxed)
            && self.endpoints().is_some_and(|endpoints| {
                endpoints.handler(route).is_some_and(|handler| handler.is_concurrent())
            })
    }

    /// What was counted of all methods, and of what is none, sorted by name.
    pub(crate) fn reports(&self) -> Vec<RouteReport> {
        let mut reports = self.peers.stats.reports();
        reports.extend(self.endpoints().into_iter().flat_map(|endpoints| endpoints.reports()));
        reports.sort_by(|a, b| a.route.cmp(&b.route));
        reports
    }
}

impl Deref for Dispatch {
    type Target = Arc<Peers>;

    fn deref(&self) -> &Arc<Peers> {
        &self.peers
    }
}
