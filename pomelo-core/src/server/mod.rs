//! A server, without the type of its app.

mod events;
mod leaving;
mod links;
mod lost;
mod membership;
mod place;
mod progress;
pub(crate) mod receiver;
pub(crate) mod relief;
mod report;
mod settling;
mod watcher;

pub(crate) use self::lost::LostHook;
pub use self::lost::LostSessions;
pub(crate) use self::membership::Membership;
pub(crate) use self::progress::{Progress, Step};
pub(crate) use self::receiver::{LinkReceiver, take_in_directly};
pub(crate) use self::watcher::Watching;

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock};

use futures::future::{BoxFuture, Either, Ready, ready};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::args::{pack, unpack};
use crate::channel::{Channels, Table as ChannelTable};
use crate::context::ServerContext;
use crate::dispatch::{Lanes, Node, SessionQueues};
use crate::filter::{AnyFilter, ErrorHandler};
use crate::frontend::{Detours, Frontend, Registry, SessionService};
use crate::metrics::Tallies;
use crate::peers::Peers;
use crate::router::{RouteBy, Router, Routing};
use crate::runtime::boundary;
use crate::runtime::boundary::Site;
use crate::session::{BackendSessionService, Hooks};
use crate::value::{Error, ErrorKind, Result, Route, ServerId, ServerList};
use crate::wire::Body;
use events::Events;

/// One server of the application.
pub struct Server {
    pub(crate) peers: Arc<Peers>,
    pub(crate) context: Arc<ServerContext>,
    pub(crate) membership: Membership,
    pub(crate) routers: HashMap<String, Arc<dyn Router>>,
    pub(crate) filters: Vec<Arc<dyn AnyFilter>>,
    pub(crate) global_filters: Vec<Arc<dyn AnyFilter>>,
    pub(crate) error_handler: Option<ErrorHandler>,
    pub(crate) global_error_handler: Option<ErrorHandler>,
    pub(crate) detailed_errors: bool,
    pub(crate) tallies: Tallies,
    /// Whether anybody is told of events.
    pub(crate) listens: bool,
    pub(crate) events: Events,
    pub(crate) registry: Registry,
    pub(crate) channels: ChannelTable,
    /// At a frontend with a broadcast filter.
    pub(crate) detours: Option<Detours>,
    pub(crate) queues: SessionQueues,
    pub(crate) hooks: Hooks,
    pub(crate) lanes: OnceLock<Lanes>,
    pub(crate) node: RwLock<Option<Arc<dyn Node>>>,
    /// Whether the node has a method that may run beside others of its session; nearly none has.
    pub(crate) has_concurrent: AtomicBool,
    pub(crate) reloading: Mutex<()>,
    pub(crate) progress: Progress,
}

impl Server {
    /// This server's channels.
    pub fn channels(self: &Arc<Self>) -> Channels {
        Channels::new(self.clone())
    }

    /// The sessions of this frontend.
    pub fn sessions(self: &Arc<Self>) -> SessionService {
        SessionService::new(self.clone())
    }

    /// Sessions of any frontend.
    pub fn backend_sessions(self: &Arc<Self>) -> BackendSessionService {
        BackendSessionService::new(self.clone())
    }

    /// The client side of this server, for a connector that is started by hand.
    pub fn frontend(self: &Arc<Self>) -> Arc<Frontend> {
        Frontend::new(self.clone())
    }

    /// Calls a remote's method by name, without a proxy; `namespace` is `user`.
    ///
    /// # Errors
    /// As a call by a proxy; and `NoSuchMethod` for another namespace.
    pub async fn rpc_invoke<T: DeserializeOwned>(
        self: &Arc<Self>,
        server: impl Into<ServerId>,
        namespace: &str,
        service: &str,
        method: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Result<T> {
        let server = server.into();
        if namespace != "user" {
            let why = format!(
                "no such namespace: {namespace}; the framework's own calls have methods of their own"
            );
            return Err(Error::of(ErrorKind::NoSuchMethod, why));
        }
        let number = self.method(&server, service, method)?;
        let args = pack(args)?;
        unpack(&self.call(&server, number, 0, args, self.limits.rpc_timeout).await?)
    }

    pub(crate) fn node(&self) -> Option<Arc<dyn Node>> {
        self.node.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Whether a method may run beside others of its session.
    pub(crate) fn is_concurrent(&self, route: &Route) -> bool {
        self.has_concurrent.load(Ordering::Relaxed)
            && self.node().is_some_and(|node| node.is_concurrent(route))
    }

    pub(crate) fn lanes(self: &Arc<Self>) -> &Lanes {
        self.lanes.get_or_init(|| Lanes::start(self))
    }

    /// Sets what the server runs. It holds this server, so it must be taken out again at the end.
    pub(crate) fn set_node(&self, node: Option<Arc<dyn Node>>) {
        let has_concurrent = node.as_ref().is_some_and(|node| node.has_concurrent());
        if let Some(node) = &node {
            self.set_method_names(node.names().remotes);
        }
        *self.node.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = node;
        self.has_concurrent.store(has_concurrent, Ordering::Relaxed);
    }

    /// The server of a type that handles a message; `site` says for what the router is asked. That is done at once, unless it must
    /// not be done in this thread.
    pub(crate) fn route<'a>(
        self: &'a Arc<Self>,
        server_type: &str,
        by: RouteBy,
        site: Site<'a>,
    ) -> Decision<'a> {
        let servers = self.view.known().expected(server_type);
        if servers.is_empty() {
            let why = format_args!("there is no server of type `{server_type}`");
            return Either::Left(ready(Err(Error::of(ErrorKind::NoServer, why))));
        }
        let router = self.routers.get(server_type).or_else(|| self.routers.get("default"));
        match router {
            Some(router) if self.is_elsewhere() => {
                let (core, router, server_type) = (self.clone(), router.clone(), server_type.to_owned());
                let decision = async move {
                    let site = Site::new(&core, "router").named(&server_type);
                    decide(&*router, by, servers, site).await
                };
                Either::Right(Box::pin(async move { self.at_home(decision).await.flatten() }))
            }
            Some(router) => decide(&**router, by, servers, site),
            None => decide(&crate::router::ByUid, by, servers, site),
        }
    }

    /// What a client is answered where something failed.
    pub(crate) fn error_body(&self, error: &Error) -> Body {
        Body::json(error.response(self.detailed_errors).to_string())
    }

    /// Sends what must not be lost and found a full link.
    pub(crate) fn send_again(self: &Arc<Self>) {
        self.owed.pay(|server, message| self.send(server, message));
        self.channels.tell_untold(self);
        crate::frontend::fetch_again(self);
    }
}

/// A router's decision; small where it is made at once, as nearly always.
type Decision<'a> = Either<Ready<Result<ServerId>>, BoxFuture<'a, Result<ServerId>>>;

fn decide<'a>(router: &dyn Router, by: RouteBy, servers: ServerList, site: Site<'a>) -> Decision<'a> {
    match boundary::call(&site, || router.route(by, servers)) {
        Ok(Routing::Now(server)) => Either::Left(ready(server)),
        Ok(Routing::Later(server)) => {
            Either::Right(Box::pin(
                async move { boundary::run(site, server, |server| server).await.flatten() },
            ))
        }
        Err(error) => Either::Left(ready(Err(error))),
    }
}

impl Deref for Server {
    type Target = ServerContext;

    fn deref(&self) -> &ServerContext {
        &self.context
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("server", &self.info.id).finish_non_exhaustive()
    }
}
