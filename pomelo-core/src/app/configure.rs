//! Configuration of one server by the application, in code.
//!
//! A `Configure` is filled by the closures of `configure`, in the order in which they were written, and then
//! taken apart: `assembly` makes the server and its parts of it. It is the counterpart of what pomelo's `app`
//! has while `app.js` runs.

use std::any::type_name;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::App;
use super::cluster::Cluster;
use super::component::{Component, Components};
use super::lifecycle::LifecycleHooks;
use crate::dispatch::Listener;
use crate::event::Event;
use crate::filter;
use crate::filter::{After, Before, ErrorHandler, FilterFactory, Verdict};
use crate::frontend::{BroadcastFilter, Connector};
use crate::inject::State;
use crate::request::Request;
use crate::router::{RouteBy, Router};
use crate::server::{AdminModule, LostHook, LostSessions};
use crate::session::Session;
use crate::value::{Error, Level, Limits, Result, ServerId, ServerInfo, ServerList};
use crate::wire::Body;
use crate::wire::envelope::Ask;

/// One server while it is being put together; `configure` closures get it, once per server.
///
/// | to | say | pomelo's |
/// |---|---|---|
/// | take clients | [`connector`](Self::connector) | `connectorConfig` |
/// | surround handlers | [`filter`](Self::filter), [`error_handler`](Self::error_handler) | `filter`, `before`, `after`, `errorHandler` |
/// | surround routing, on a frontend | [`global_filter`](Self::global_filter), [`global_error_handler`](Self::global_error_handler) | `globalFilter`, `globalErrorHandler` |
/// | choose servers | [`route`](Self::route), [`router`](Self::router) | `route` |
/// | lend something to methods | [`insert`](Self::insert), [`component`](Self::component) | `set`, `load` |
/// | keep a setting | [`set`](Self::set) | `set`, `enable` |
/// | run something when the server starts or stops | [`before_startup`](Self::before_startup) and the others, [`component`](Self::component) | lifecycle.js |
/// | answer operators | [`admin`](Self::admin) | `registerAdmin` |
/// | hear of sessions and servers | [`on_event`](Self::on_event) | `app.event` |
/// | change a bound | [`limits`](Self::limits) | `proxyConfig`, `remoteConfig` |
///
/// ```
/// # use pomelo::app::{Cluster, Configure};
/// # use pomelo::{Hybrid, Session};
/// # use serde_json::Value;
/// fn connector<R: Cluster>(app: &mut Configure<R>) {
///     app.connector(Hybrid::new().use_dict());
///     app.single_session();
///     app.broadcast_filter(|session: &Session, _: &Value| session.uid().is_some());
/// }
/// ```
pub struct Configure<R> {
    /// What servers.json says of it.
    pub(super) info: Arc<ServerInfo>,
    /// Its bounds: the defaults, and what closures change.
    pub(super) limits: Limits,
    /// What methods are lent by type, components included.
    pub(super) state: State,
    /// Values by name.
    pub(super) settings: HashMap<String, Value>,
    /// What takes its clients; none but on a frontend.
    pub(super) connectors: Vec<Arc<dyn Connector>>,
    /// By the type of server that is routed to, or `default`.
    pub(super) routers: HashMap<String, Arc<dyn Router>>,
    /// Around its handlers; each makes the instance of this server.
    pub(super) filters: Vec<filter::Factory>,
    /// Around routing.
    pub(super) global_filters: Vec<filter::Factory>,
    /// Sees errors of handlers and filters.
    pub(super) error_handler: Option<ErrorHandler>,
    /// Sees errors of routing and of global filters.
    pub(super) global_error_handler: Option<ErrorHandler>,
    /// Whether clients see what errors say.
    pub(super) detailed_errors: bool,
    /// Whether a user may have one session only at this frontend.
    pub(super) single_session: bool,
    /// Decides who gets a broadcast at this frontend.
    pub(super) broadcast_filter: Option<BroadcastFilter>,
    /// Puts users back whose sessions another server has dropped.
    pub(super) sessions_lost: Option<LostHook>,
    /// Whether the application's code has one thread.
    pub(super) one_thread: bool,
    /// What is told of events.
    pub(super) listeners: Vec<Listener<App<R>>>,
    /// What it answers operators, besides what every server does.
    pub(super) modules: Vec<AdminModule>,
    /// What runs when it starts and stops.
    pub(super) hooks: LifecycleHooks<R>,
    /// Parts that start and stop with it, in the order in which they were loaded.
    pub(super) components: Components<R>,
}

impl<R: Cluster> Configure<R> {
    pub(super) fn new(info: Arc<ServerInfo>, env: &str) -> Self {
        Self {
            info,
            limits: Limits::default(),
            state: State::default(),
            settings: HashMap::new(),
            connectors: vec![],
            routers: HashMap::new(),
            filters: vec![],
            global_filters: vec![],
            error_handler: None,
            global_error_handler: None,
            detailed_errors: env == "development",
            single_session: false,
            broadcast_filter: None,
            sessions_lost: None,
            one_thread: false,
            listeners: vec![],
            modules: vec![],
            hooks: LifecycleHooks::default(),
            components: Components::default(),
        }
    }

    /// What servers.json says of the server.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// fn area<R: Cluster>(app: &mut Configure<R>) {
    ///     // A key of the user's own, in this server's entry of servers.json.
    ///     let map = app.server().setting("map").and_then(|map| map.as_str()).unwrap_or("meadow").to_owned();
    ///     app.insert(Map(map));
    /// }
    ///
    /// struct Map(String);
    /// ```
    #[doc(alias = "getCurServer")]
    pub fn server(&self) -> &ServerInfo {
        &self.info
    }

    /// The server's bounds, to change.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// app.limits().rpc_timeout = std::time::Duration::from_secs(5);
    /// app.limits().queued_requests = 16;
    /// # }
    /// ```
    #[doc(alias = "proxyConfig")]
    #[doc(alias = "remoteConfig")]
    pub fn limits(&mut self) -> &mut Limits {
        &mut self.limits
    }

    /// Adds a connector for clients; the server must be a frontend.
    ///
    /// A frontend may have several, on ports of their own; one that has none is an error at start.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # use pomelo::Hybrid;
    /// # use std::time::Duration;
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// app.connector(Hybrid::new().heartbeat(Duration::from_secs(30)).use_dict().use_protobuf());
    /// # }
    /// ```
    #[doc(alias = "connectorConfig")]
    pub fn connector(&mut self, connector: impl Connector) {
        self.connectors.push(Arc::new(connector));
    }

    /// Sets what routes messages to servers of a type: a function that picks one. The type `default` is for all that
    /// have none.
    ///
    /// It is about messages that *this* server sends on. [`Builder::route`](super::Builder::route) sets the
    /// same on all servers, which is what a key that all of them route by needs.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// // lordofpomelo's areas: the session says which server its player is at.
    /// app.route("area", |by, _| by.key_or("serverId"));
    /// # }
    /// ```
    pub fn route<F, S>(&mut self, server_type: &str, router: F)
    where
        F: Fn(&RouteBy, &ServerList) -> Result<S> + Send + Sync + 'static,
        S: Into<ServerId> + 'static,
    {
        self.router(server_type, router);
    }

    /// Sets what routes messages to servers of a type; the type `default` is for all that have none.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # use pomelo::router::WeightedRoundRobin;
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// app.router("battle", WeightedRoundRobin::default());
    /// # }
    /// ```
    pub fn router(&mut self, server_type: &str, router: impl Router) {
        self.routers.insert(server_type.to_owned(), Arc::new(router));
    }

    /// Adds a filter around this server's handlers.
    ///
    /// pomelo's `before` and `after` are the two methods of one [`Filter`](crate::filter::Filter); a closure for one of them is
    /// [`before`](Self::before) or [`after`](Self::after).
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # use pomelo::filter::{Serial, Timeout, TooBusy};
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// app.filter(TooBusy::default());
    /// app.filter(Timeout::default());
    /// app.filter(Serial::default());
    /// # }
    /// ```
    pub fn filter(&mut self, filter: impl FilterFactory) {
        self.filters.push(filter::factory(filter));
    }

    /// Runs a closure before this server's handlers: it lets a message go on, answers it, or fails it, as
    /// [`Filter::before`](crate::filter::Filter::before). It takes its place in the order of the filters.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # use pomelo::Error;
    /// # use pomelo::filter::Verdict;
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// app.before(|request| async move {
    ///     match request.session().uid() {
    ///         Some(_) => Ok(Verdict::Continue),
    ///         None => Err(Error::new(403, "log in first")),
    ///     }
    /// });
    /// # }
    /// ```
    pub fn before<F, Fut>(&mut self, run: F)
    where
        F: Fn(Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Verdict>> + Send + 'static,
    {
        self.filter(Before::new(run));
    }

    /// Runs a closure after this server's handlers, with what they answered, as [`Filter::after`](crate::filter::Filter::after).
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// app.after(|request, outcome| async move {
    ///     if let Err(error) = outcome {
    ///         println!("{} of {:?}: {error}", request.route(), request.session().uid());
    ///     }
    /// });
    /// # }
    /// ```
    pub fn after<F, Fut>(&mut self, run: F)
    where
        F: Fn(Request, Result<Body>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.filter(After::new(run));
    }

    /// Adds a filter around routing, on a frontend.
    ///
    /// It sees every message of this frontend's clients, those included that other servers handle. What it
    /// answers is not routed.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # use pomelo::filter::TooBusy;
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// // Refused here, a request costs the servers behind this one nothing.
    /// app.global_filter(TooBusy::default());
    /// # }
    /// ```
    #[doc(alias = "globalFilter")]
    pub fn global_filter(&mut self, filter: impl FilterFactory) {
        self.global_filters.push(filter::factory(filter));
    }

    /// As [`before`](Self::before), around routing.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # use pomelo::filter::Verdict;
    /// # use serde_json::json;
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// app.global_before(|request| async move {
    ///     match request.route().as_str() {
    ///         "shop.shopHandler.buy" => Ok(Verdict::Answer(json!({ "code": 503, "text": "closed" }))),
    ///         _ => Ok(Verdict::Continue),
    ///     }
    /// });
    /// # }
    /// ```
    #[doc(alias = "globalBefore")]
    pub fn global_before<F, Fut>(&mut self, run: F)
    where
        F: Fn(Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Verdict>> + Send + 'static,
    {
        self.global_filter(Before::new(run));
    }

    /// As [`after`](Self::after), around routing: of what this frontend answered by itself, and of what its own handlers did.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// app.global_after(|request, outcome| async move {
    ///     println!("{}: {}", request.route(), outcome.is_ok());
    /// });
    /// # }
    /// ```
    #[doc(alias = "globalAfter")]
    pub fn global_after<F, Fut>(&mut self, run: F)
    where
        F: Fn(Request, Result<Body>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.global_filter(After::new(run));
    }

    /// Sets what sees the errors of this server's handlers and filters, and may replace the response: it gets the
    /// error, the message with its session, and the response so far.
    ///
    /// It returns the response to send, or none to keep the one that there is. It has
    /// [`request_timeout`](Limits::request_timeout), together with the after filters.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # use serde_json::json;
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// app.error_handler(|error, request, _| async move {
    ///     // The client's own language would go here.
    ///     let text = format!("{} failed", request.route());
    ///     Some(json!({ "code": error.code(), "text": text }))
    /// });
    /// # }
    /// ```
    #[doc(alias = "errorHandler")]
    pub fn error_handler<F, Fut>(&mut self, handler: F)
    where
        F: Fn(Error, Request, Option<Value>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Option<Value>> + Send + 'static,
    {
        self.error_handler = Some(boxed(handler));
    }

    /// As [`error_handler`](Self::error_handler), for messages that a frontend could not route, or whose global
    /// filters failed.
    ///
    /// Errors that come back from a backend don't pass it: the backend's own handler has seen them.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # use pomelo::error::ErrorKind;
    /// # use serde_json::json;
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// app.global_error_handler(|error, _, response| async move {
    ///     match error.kind() {
    ///         ErrorKind::NoServer | ErrorKind::Refused => Some(json!({ "code": 503, "retry": true })),
    ///         _ => response,
    ///     }
    /// });
    /// # }
    /// ```
    #[doc(alias = "globalErrorHandler")]
    pub fn global_error_handler<F, Fut>(&mut self, handler: F)
    where
        F: Fn(Error, Request, Option<Value>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Option<Value>> + Send + 'static,
    {
        self.global_error_handler = Some(boxed(handler));
    }

    /// Whether clients see the text of errors, as `message`; the default is yes in development only.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// // `{"code":403,"message":"log in first"}`, also in production.
    /// app.detailed_errors(true);
    /// # }
    /// ```
    pub fn detailed_errors(&mut self, detailed: bool) {
        self.detailed_errors = detailed;
    }

    /// Lets a user have one session only at this frontend: a second bind fails.
    ///
    /// One that is closing counts until its hooks have run. For a single session,
    /// [`Session::bind_unique`](crate::session::Session::bind_unique) says the same. Sessions at other
    /// frontends aren't seen.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// app.single_session();
    /// # }
    /// ```
    #[doc(alias = "singleSession")]
    #[doc(alias = "sessionConfig")]
    pub fn single_session(&mut self) {
        self.single_session = true;
    }

    /// Sets what decides at this frontend whether a session gets a broadcast, by its parameter, which is `null` where it came
    /// with none. Where one has to be decided on, what the same server sends to clients later waits for it, in order, up to
    /// [`queued_pushes`](Limits::queued_pushes).
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// // `broadcast_to("connector", "onNews", &news, false, Some(json!("en")))` reaches who reads English.
    /// app.broadcast_filter(|session, language| {
    ///     language.is_null() || session.get::<String>("language").as_deref() == language.as_str()
    /// });
    /// # }
    /// ```
    #[doc(alias = "broadcastFilter")]
    #[doc(alias = "channelConfig")]
    pub fn broadcast_filter(&mut self, filter: impl Fn(&Session, &Value) -> bool + Send + Sync + 'static) {
        self.broadcast_filter = Some(Arc::new(filter));
    }

    /// Sets what puts users back whose sessions another server has dropped: it had declared this frontend gone, and is back.
    /// If the hook returns `Ok`, the sessions stay as they are. Without a hook, if it fails or takes longer than
    /// [`request_timeout`](Limits::request_timeout), they are closed within 5 s, without a kick, so that their clients come
    /// back.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// app.on_sessions_lost(|app, lost| async move {
    ///     for session in lost.sessions {
    ///         println!("{} has to put {:?} back at {}", app.server_id(), session.uid(), lost.server);
    ///     }
    ///     Ok(())
    /// });
    /// # }
    /// ```
    pub fn on_sessions_lost<F, Fut>(&mut self, hook: F)
    where
        F: Fn(App<R>, LostSessions) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.sessions_lost =
            Some(Arc::new(move |server, lost| Box::pin(hook(App::new(server.clone()), lost))));
    }

    /// Runs all code of this server that is the application's on one thread: handlers, remotes, filters, routers, hooks, those of
    /// connectors, too, listeners, components. Nothing else of it runs between two awaits: pomelo's model, for ported game logic.
    ///
    /// The price is that this server uses one core. Other servers of the process are not touched; so a game
    /// that needs all cores has several servers of the type.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// if app.server().setting("ported").is_some() {
    ///     app.one_thread();
    /// }
    /// # }
    /// ```
    pub fn one_thread(&mut self) {
        self.one_thread = true;
    }

    /// Inserts something that methods are lent as `&T`.
    ///
    /// One value of each type: a second one of the same type takes the place of the first. What all servers
    /// share is better inserted by [`Builder::insert`](super::Builder::insert).
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # use std::sync::atomic::AtomicU32;
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// struct Battles(AtomicU32);
    ///
    /// // This server's own; handlers and remotes take `&Battles`.
    /// app.insert(Battles(AtomicU32::new(0)));
    /// # }
    /// ```
    pub fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        tracing::trace!(server = %self.info.id, value = type_name::<T>(), "inserted");
        self.state.insert(value);
    }

    /// Loads a component: it starts and stops with the server. Components start in the order in which they are loaded,
    /// after `before_startup` hooks, and stop in the reverse order. Methods are lent it as `&C`, as if it were inserted.
    ///
    /// One with the [name](Component::name) of another is left out, with a warning.
    ///
    /// ```
    /// # use pomelo::Component;
    /// # use pomelo::app::{Cluster, Configure};
    /// # struct World;
    /// # impl<A> Component<A> for World {}
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// app.component(World);
    /// # }
    /// ```
    #[doc(alias = "load")]
    pub fn component<C: Component<App<R>>>(&mut self, component: C) {
        let component = Arc::new(component);
        if self.components.load(&component) {
            self.state.share(component);
        } else {
            tracing::warn!(server = %self.info.id, name = component.name(), "this component is loaded already");
        }
    }

    /// Sets a setting; [`ServerContext::get`](crate::context::ServerContext::get) reads it.
    ///
    /// # Errors
    /// If the value can't be JSON.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # fn example<R: Cluster>(app: &mut Configure<R>) -> pomelo::Result<()> {
    /// app.set("maxPlayers", 100)?;
    /// app.set("pvp", true)?; // pomelo's `app.enable("pvp")`
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "enable")]
    #[doc(alias = "disable")]
    pub fn set(&mut self, key: &str, value: impl Serialize) -> Result<()> {
        self.settings.insert(key.to_owned(), serde_json::to_value(value)?);
        Ok(())
    }

    /// Sets what is told of events on this server, one after the other, in the order in which they happened. It must not wait.
    /// Who binds a session goes on when the listeners have been told.
    ///
    /// ```
    /// # use pomelo::Event;
    /// # use pomelo::app::{Cluster, Configure};
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// app.on_event(|app, event| match event {
    ///     Event::RemoveServers(gone) => println!("{}: {gone:?} are gone", app.server_id()),
    ///     Event::MembersLost { channel, uids } => println!("{} lost {} members", channel.name(), uids.len()),
    ///     _ => {}
    /// });
    /// # }
    /// ```
    #[doc(alias = "event")]
    pub fn on_event(&mut self, listener: impl Fn(&App<R>, &Event) + Send + Sync + 'static) {
        self.listeners.push(Arc::new(listener));
    }

    /// Adds an admin module: what this server answers operators of at least that level who ask it by that name, with
    /// `pomelo ask NAME`. The answer is anything that can be JSON.
    ///
    /// It has the time that the operator gives it, 5 s if nobody says otherwise, and is dropped after that.
    ///
    /// A name that another module has ends the start. Every server has `identity`, `status`, `log`, `settings`, `set`, `systemInfo`,
    /// `nodeInfo`, `stop` and `restart`, and a frontend `online`.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # use pomelo::admin::Level;
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// // pomelo ask rooms -t chat
    /// app.admin("rooms", Level::Look, |app, _| async move { Ok(app.channels().len()) });
    /// // pomelo ask close chat-1 --body '"r1"'
    /// app.admin("close", Level::Everything, |app, ask| async move {
    ///     Ok(app.channels().destroy(&ask.body::<String>()?))
    /// });
    /// # }
    /// ```
    #[doc(alias = "registerAdmin")]
    pub fn admin<F, Fut, T>(&mut self, name: &str, level: Level, module: F)
    where
        F: Fn(App<R>, Ask) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
        T: Serialize,
    {
        let answer = move |server, ask| module(App::new(server), ask);
        self.modules.push(AdminModule::of_application(name, level, answer));
    }
}

fn boxed<F, Fut>(handler: F) -> ErrorHandler
where
    F: Fn(Error, Request, Option<Value>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Option<Value>> + Send + 'static,
{
    Arc::new(move |error, request, response| Box::pin(handler(error, request, response)))
}
