//! Endpoints: the methods of a server's handlers and remotes, found by route and by number, each with its statistics.
//!
//! A handler's method is found by its route, a remote's by the number that servers have agreed on: so a call
//! carries no texts, and a request costs one look-up. Numbers are append-only. A method that
//! [`reload`](crate::app::App::reload) takes away keeps its number and its statistics, and is not called any
//! more.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use foldhash::fast::RandomState;
use futures::future::BoxFuture;

use super::Dispatch;
use crate::cluster::MethodTable;
use crate::context::ServerContext;
use crate::event::Event;
use crate::inject::{Container, Context};
#[cfg(feature = "crons")]
use crate::method::{Cron, CronRun};
use crate::method::{Handler, Inbound, Remote};
use crate::metrics::{MethodStats, RouteReport};
use crate::request::Request;
use crate::runtime::boundary;
use crate::runtime::boundary::Site;
use crate::value::{Result, Route};
use crate::wire::Body;

/// [`Handler`] without its constants, so that it can be behind a pointer.
pub(crate) trait AnyHandler<A>: Send + Sync {
    fn call<'a>(&'a self, cx: Context<'a, A, Request>, method: u16) -> BoxFuture<'a, Result<Body>>;
}

impl<A, H: Handler<A>> AnyHandler<A> for H {
    fn call<'a>(&'a self, cx: Context<'a, A, Request>, method: u16) -> BoxFuture<'a, Result<Body>> {
        Handler::call(self, cx, method)
    }
}

/// [`Remote`] without its constants.
pub(crate) trait AnyRemote<A>: Send + Sync {
    fn call<'a>(&'a self, cx: Context<'a, A, Inbound>, method: u16) -> BoxFuture<'a, Result<Bytes>>;
}

impl<A, T: Remote<A>> AnyRemote<A> for T {
    fn call<'a>(&'a self, cx: Context<'a, A, Inbound>, method: u16) -> BoxFuture<'a, Result<Bytes>> {
        Remote::call(self, cx, method)
    }
}

/// [`Cron`] without its constants.
#[cfg(feature = "crons")]
pub(crate) trait AnyCron<A>: Send + Sync {
    fn call<'a>(&'a self, cx: Context<'a, A, CronRun>, method: u16) -> BoxFuture<'a, Result<()>>;
}

#[cfg(feature = "crons")]
impl<A, C: Cron<A>> AnyCron<A> for C {
    fn call<'a>(&'a self, cx: Context<'a, A, CronRun>, method: u16) -> BoxFuture<'a, Result<()>> {
        Cron::call(self, cx, method)
    }
}

/// A server's handlers, remotes and crons, without the type of its app.
pub(crate) trait Endpoints: Send + Sync {
    /// The handler's method of that route.
    fn handler(&self, route: &Route) -> Option<&dyn HandlerEndpoint>;

    /// The remote's method of that number.
    fn remote(&self, method: u32) -> Option<&dyn RemoteEndpoint>;

    /// The cron's method that crons.json calls so.
    #[cfg(feature = "crons")]
    fn cron(&self, action: &str) -> Option<&dyn CronEndpoint>;

    /// What crons.json may call, sorted.
    #[cfg(feature = "crons")]
    fn actions(&self) -> Vec<String>;

    /// Whether any handler may run beside others of its session.
    fn has_concurrent(&self) -> bool;

    /// What the remote methods are called, by number: those, too, that are no more.
    fn method_names(&self) -> Vec<String>;

    /// What was counted of each method.
    fn reports(&self) -> Vec<RouteReport>;

    /// Tells the application.
    fn emit(&self, event: &Event);

    /// The endpoints with their type.
    fn as_any(&self) -> &dyn Any;
}

/// A method of a handler.
pub(crate) trait HandlerEndpoint: Send + Sync {
    fn handle<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Body>>;

    /// Whether it may run beside others of its session.
    fn is_concurrent(&self) -> bool;

    fn stats(&self) -> &MethodStats;
}

/// A method of a remote.
pub(crate) trait RemoteEndpoint: Send + Sync {
    fn answer<'a>(&'a self, inbound: &'a Inbound) -> BoxFuture<'a, Result<Bytes>>;

    fn stats(&self) -> &MethodStats;
}

/// A method of a cron.
#[cfg(feature = "crons")]
pub(crate) trait CronEndpoint: Send + Sync {
    fn run<'a>(&'a self, run: &'a CronRun) -> BoxFuture<'a, Result<()>>;

    fn stats(&self) -> &MethodStats;
}

impl Dispatch {
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

    /// Tells the application's listeners of an event, as long as they are mounted.
    pub(crate) fn emit(&self, event: &Event) {
        if let Some(endpoints) = self.endpoints() {
            endpoints.emit(event);
        }
    }

    /// What was counted of all methods, and of what is none, sorted by name.
    pub(crate) fn reports(&self) -> Vec<RouteReport> {
        let mut reports = self.peers.stats.reports();
        reports.extend(self.endpoints().into_iter().flat_map(|endpoints| endpoints.reports()));
        reports.sort_by(|a, b| a.route.cmp(&b.route));
        reports
    }
}

/// A listener for events.
pub(crate) type Listener<A> = Arc<dyn Fn(&A, &Event) + Send + Sync>;

/// What a method's parameters are found in, besides its message.
pub(super) struct Surroundings<A> {
    /// The application on this server.
    pub(super) app: A,
    /// What its filters and routers see, for checks.
    pub(super) context: Arc<ServerContext>,
}

/// A method of a mounted handler.
pub(super) struct HandlerMethod<A> {
    pub(super) around: Arc<Surroundings<A>>,
    pub(super) handler: Arc<dyn AnyHandler<A>>,
    /// Its id in the handler.
    pub(super) method: u16,
    /// Whether it may run beside others of its session.
    pub(super) concurrent: bool,
    /// How often it ran, how long that took, and how it failed at last.
    pub(super) stats: Arc<MethodStats>,
}

impl<A: Container + Send + Sync> HandlerEndpoint for HandlerMethod<A> {
    fn handle<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Body>> {
        self.handler.call(Context::new(&self.around.app, request), self.method)
    }

    fn is_concurrent(&self) -> bool {
        self.concurrent
    }

    fn stats(&self) -> &MethodStats {
        &self.stats
    }
}

/// A method of a mounted remote.
pub(super) struct RemoteMethod<A> {
    pub(super) around: Arc<Surroundings<A>>,
    pub(super) remote: Arc<dyn AnyRemote<A>>,
    /// Its id in the remote.
    pub(super) method: u16,
    pub(super) stats: Arc<MethodStats>,
}

impl<A: Container + Send + Sync> RemoteEndpoint for RemoteMethod<A> {
    fn answer<'a>(&'a self, inbound: &'a Inbound) -> BoxFuture<'a, Result<Bytes>> {
        self.remote.call(Context::new(&self.around.app, inbound), self.method)
    }

    fn stats(&self) -> &MethodStats {
        &self.stats
    }
}

/// A method of a mounted cron.
#[cfg(feature = "crons")]
pub(super) struct CronMethod<A> {
    pub(super) around: Arc<Surroundings<A>>,
    pub(super) cron: Arc<dyn AnyCron<A>>,
    /// Its id in the cron.
    pub(super) method: u16,
    pub(super) stats: Arc<MethodStats>,
}

#[cfg(feature = "crons")]
impl<A: Container + Send + Sync> CronEndpoint for CronMethod<A> {
    fn run<'a>(&'a self, run: &'a CronRun) -> BoxFuture<'a, Result<()>> {
        self.cron.call(Context::new(&self.around.app, run), self.method)
    }

    fn stats(&self) -> &MethodStats {
        &self.stats
    }
}

/// What has a number that others call it by. It keeps that for good, also when the method is no more.
pub(super) struct Numbered<A> {
    /// `serverType.remote.method`, for reports and logs.
    pub(super) name: String,
    pub(super) stats: Arc<MethodStats>,
    /// None if it is no more.
    pub(super) method: Option<RemoteMethod<A>>,
}

/// The endpoints of a server whose app is an `A`.
pub(crate) struct MountedEndpoints<A> {
    pub(super) around: Arc<Surroundings<A>>,
    pub(super) handlers: HashMap<String, HandlerMethod<A>, RandomState>,
    /// By number.
    pub(super) remotes: Vec<Numbered<A>>,
    /// By what crons.json calls them.
    #[cfg(feature = "crons")]
    pub(super) crons: HashMap<String, CronMethod<A>, RandomState>,
    /// The numbers of all methods that there ever were.
    pub(super) numbers: MethodTable,
    pub(super) listeners: Vec<Listener<A>>,
}

impl<A: Container + Send + Sync> Endpoints for MountedEndpoints<A> {
    fn handler(&self, route: &Route) -> Option<&dyn HandlerEndpoint> {
        self.handlers.get(route.as_str()).map(|method| method as &dyn HandlerEndpoint)
    }

    fn remote(&self, method: u32) -> Option<&dyn RemoteEndpoint> {
        self.remotes.get(method as usize)?.method.as_ref().map(|method| method as &dyn RemoteEndpoint)
    }

    #[cfg(feature = "crons")]
    fn cron(&self, action: &str) -> Option<&dyn CronEndpoint> {
        self.crons.get(action).map(|method| method as &dyn CronEndpoint)
    }

    #[cfg(feature = "crons")]
    fn actions(&self) -> Vec<String> {
        let mut actions: Vec<_> = self.crons.keys().cloned().collect();
        actions.sort_unstable();
        actions
    }

    fn has_concurrent(&self) -> bool {
        self.handlers.values().any(|method| method.concurrent)
    }

    fn method_names(&self) -> Vec<String> {
        self.remotes.iter().map(|remote| remote.name.clone()).collect()
    }

    fn reports(&self) -> Vec<RouteReport> {
        let handlers = self.handlers.iter().filter_map(|(route, method)| method.stats.report(route));
        let remotes = self.remotes.iter().filter_map(|remote| remote.stats.report(&remote.name));
        #[allow(unused_mut, reason = "only crons are added")]
        let mut all: Vec<_> = handlers.chain(remotes).collect();
        #[cfg(feature = "crons")]
        all.extend(self.crons.iter().filter_map(|(action, method)| {
            method.stats.report(&format!("{}.{action}", self.around.context.server_type()))
        }));
        all
    }

    fn emit(&self, event: &Event) {
        let Surroundings { app, context } = &*self.around;
        let site = Site::new(&context.peers, "listener").named(event.name());
        for listener in &self.listeners {
            // The boundary has logged a panic, and the others are told all the same.
            let _ = boundary::call(&site, || listener(app, event));
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
