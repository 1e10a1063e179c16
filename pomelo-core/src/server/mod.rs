//! A server, without the type of its app.

mod events;
mod leaving;
mod links;
mod lost;
mod membership;
mod place;
pub(crate) mod receiver;
pub(crate) mod relief;
mod report;
mod settling;
mod watcher;

pub(crate) use self::lost::LostHook;
pub use self::lost::LostSessions;
pub(crate) use self::membership::Membership;
pub(crate) use self::receiver::{LinkReceiver, take_in_directly};
pub(crate) use self::watcher::Watching;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::thread::ThreadId;

use foldhash::fast::RandomState;
use futures::future::{BoxFuture, Either, Ready, ready};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::Handle;

use crate::args::{pack, unpack};
use crate::channel::{Channels, Table as ChannelTable};
use crate::cluster::{LinkEvents, LinkSender, Unsent, View};
use crate::dispatch::{Lanes, Node, SessionQueues};
use crate::filter::{AnyFilter, ErrorHandler};
use crate::frontend::{Detours, Frontend, Registry, SessionService};
use crate::metrics::{Counters, Tallies};
use crate::peers::{Busy, Owed, Pending};
use crate::router::{RouteBy, Router, Routing, Unbound};
use crate::runtime::boundary::Site;
use crate::runtime::throttle::Throttle;
use crate::runtime::{Progress, Supervisor, Underway, boundary};
use crate::session::{BackendSessionService, Hooks};
use crate::value::config::Config;
use crate::value::{
    Error, ErrorKind, Limits, Result, Route, RouteError, ServerId, ServerInfo, ServerList, State,
};
use crate::wire::Codecs;
use crate::wire::envelope::{Envelope, Message};
use events::Events;

/// One server of the application.
pub struct Server {
    pub(crate) info: Arc<ServerInfo>,
    pub(crate) config: Arc<Config>,
    pub(crate) view: View,
    pub(crate) membership: Membership,
    pub(crate) limits: Limits,
    pub(crate) state: State,
    pub(crate) codecs: Arc<Codecs>,
    pub(crate) routers: HashMap<String, Arc<dyn Router>>,
    pub(crate) unbound: Unbound,
    pub(crate) filters: Vec<Arc<dyn AnyFilter>>,
    pub(crate) global_filters: Vec<Arc<dyn AnyFilter>>,
    pub(crate) error_handler: Option<ErrorHandler>,
    pub(crate) global_error_handler: Option<ErrorHandler>,
    pub(crate) detailed_errors: bool,
    pub(crate) counters: Counters,
    /// Of log lines on bodies that are no JSON, by route.
    pub(crate) unreadable: Throttle<String>,
    pub(crate) tallies: Tallies,
    /// Holds log lines to a rate.
    pub(crate) lines: Throttle<String>,
    /// Runs the application's code.
    pub(crate) executor: Handle,
    /// Runs what must live as long as the server.
    pub(crate) tasks: Supervisor,
    /// The one thread on which the application's code runs, if there is one.
    pub(crate) thread: Option<ThreadId>,
    /// Whether anybody is told of events.
    pub(crate) listens: bool,
    pub(crate) events: Events,
    pub(crate) routes: Arc<Vec<String>>,
    pub(crate) known_routes: HashMap<String, Route, RandomState>,
    pub(crate) settings: RwLock<HashMap<String, Arc<Value>>>,
    pub(crate) registry: Registry,
    pub(crate) channels: ChannelTable,
    /// At a frontend with a broadcast filter.
    pub(crate) detours: Option<Detours>,
    pub(crate) queues: SessionQueues,
    pub(crate) hooks: Hooks,
    pub(crate) pending: Pending,
    pub(crate) owed: Owed,
    pub(crate) lanes: OnceLock<Lanes>,
    pub(crate) link_sender: OnceLock<Arc<dyn LinkSender>>,
    pub(crate) node: RwLock<Option<Arc<dyn Node>>>,
    /// Whether the node has a method that may run beside others of its session; nearly none has.
    pub(crate) has_concurrent: AtomicBool,
    pub(crate) reloading: Mutex<()>,
    pub(crate) busy: Busy,
    pub(crate) underway: Underway,
    pub(crate) progress: Progress,
}

impl Server {
    /// This server's id.
    pub fn server_id(&self) -> &ServerId {
        &self.info.id
    }

    /// This server's type.
    pub fn server_type(&self) -> &str {
        &self.info.server_type
    }

    /// What servers.json says of this server.
    pub fn server(&self) -> &Arc<ServerInfo> {
        &self.info
    }

    /// Whether clients connect to this server.
    pub fn is_frontend(&self) -> bool {
        self.info.frontend
    }

    /// The configuration that it runs with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The environment, such as `development`.
    pub fn env(&self) -> &str {
        &self.config.env
    }

    /// The servers of a type that are up, sorted by id.
    pub fn servers(&self, server_type: &str) -> ServerList {
        self.view.known().live(server_type)
    }

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

    /// What was dropped here, and why.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Sets a setting of this server. A value that JSON can't hold is logged as an error and changes nothing.
    pub fn set(&self, key: impl Into<String>, value: impl Serialize) {
        let key = key.into();
        match serde_json::to_value(value) {
            Ok(value) => {
                self.settings
                    .write()
                    .unwrap_or_else(|poisoned| poisoned.into_inner())
                    .insert(key, Arc::new(value));
            }
            Err(error) => tracing::error!(key, %error, "a setting is not JSON"),
        }
    }

    /// A setting of this server; none if it isn't there or isn't a `T`. `5.0` is a whole number, too.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let settings = self.settings.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let value = settings.get(key)?.clone();
        // Reading it is the application's code, which may use the settings.
        drop(settings);
        pomelo_json::from_value(&value).ok()
    }

    /// Something that was inserted into the app, by type.
    pub fn state<T: 'static>(&self) -> Option<&T> {
        self.state.find()
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

    pub(crate) fn owns(&self, server: &ServerId) -> bool {
        *server == self.info.id
    }

    pub(crate) fn parse_route(&self, route: &str) -> Result<Route, RouteError> {
        match self.known_routes.get(route) {
            Some(route) => Ok(route.clone()),
            None => Route::parse(route),
        }
    }

    /// Whether some server has a handler for that route, as far as the application says.
    pub(crate) fn knows(&self, route: &Route) -> bool {
        self.known_routes.contains_key(route.as_str())
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

    /// Queues a message for a server; one for this server itself is taken in at once.
    pub(crate) fn send(self: &Arc<Self>, server: &ServerId, message: Message) -> Result<(), Unsent> {
        if self.owns(server) {
            LinkReceiver(Arc::downgrade(self)).receive(server, Envelope(message));
            return Ok(());
        }
        let link_sender = self.link_sender.get().ok_or(Unsent::NoLink)?;
        link_sender.send(server, Envelope(message))
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

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("server", &self.info.id).finish_non_exhaustive()
    }
}
