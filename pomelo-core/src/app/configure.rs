//! Configuration of one server by the application, in code.

use std::any::type_name;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;

use super::App;
use super::cluster::Cluster;
use super::component::{Component, Components};
use crate::dispatch::Listener;
use crate::event::Event;
use crate::filter;
use crate::filter::{ErrorHandler, FilterFactory};
use crate::frontend::{BroadcastFilter, Connector};
use crate::inject::State;
use crate::request::Request;
use crate::router::{RouteBy, Router};
use crate::server::{LostHook, LostSessions};
use crate::session::Session;
use crate::value::{Error, Limits, Result, ServerId, ServerInfo, ServerList};

/// A lifecycle hook.
pub(super) type Lifecycle<R> = Arc<dyn Fn(App<R>) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// One server while it is being put together; `configure` closures get it, once per server.
pub struct Configure<R> {
    pub(super) info: Arc<ServerInfo>,
    pub(super) limits: Limits,
    pub(super) state: State,
    pub(super) settings: HashMap<String, Value>,
    pub(super) connectors: Vec<Arc<dyn Connector>>,
    pub(super) routers: HashMap<String, Arc<dyn Router>>,
    pub(super) filters: Vec<filter::Factory>,
    pub(super) global_filters: Vec<filter::Factory>,
    pub(super) error_handler: Option<ErrorHandler>,
    pub(super) global_error_handler: Option<ErrorHandler>,
    pub(super) detailed_errors: bool,
    pub(super) single_session: bool,
    pub(super) broadcast_filter: Option<BroadcastFilter>,
    pub(super) sessions_lost: Option<LostHook>,
    pub(super) one_thread: bool,
    pub(super) listeners: Vec<Listener<App<R>>>,
    pub(super) hooks: LifecycleHooks<R>,
    pub(super) components: Components<R>,
}

/// The lifecycle hooks of a server.
pub(super) struct LifecycleHooks<R> {
    pub(super) before_startup: Vec<Lifecycle<R>>,
    pub(super) after_startup: Vec<Lifecycle<R>>,
    pub(super) before_shutdown: Vec<Lifecycle<R>>,
    pub(super) after_start_all: Vec<Lifecycle<R>>,
}

impl<R> Default for LifecycleHooks<R> {
    fn default() -> Self {
        Self {
            before_startup: vec![],
            after_startup: vec![],
            before_shutdown: vec![],
            after_start_all: vec![],
        }
    }
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
            hooks: LifecycleHooks::default(),
            components: Components::default(),
        }
    }

    /// What servers.json says of the server.
    pub fn server(&self) -> &ServerInfo {
        &self.info
    }

    /// The server's bounds, to change.
    pub fn limits(&mut self) -> &mut Limits {
        &mut self.limits
    }

    /// Adds a connector for clients; the server must be a frontend.
    pub fn connector(&mut self, connector: impl Connector) {
        self.connectors.push(Arc::new(connector));
    }

    /// Sets what routes messages to servers of a type: a function that picks one. The type `default` is for all that
    /// have none.
    pub fn route<F, S>(&mut self, server_type: &str, router: F)
    where
        F: Fn(&RouteBy, &ServerList) -> Result<S> + Send + Sync + 'static,
        S: Into<ServerId> + 'static,
    {
        self.router(server_type, router);
    }

    /// Sets what routes messages to servers of a type; the type `default` is for all that have none.
    pub fn router(&mut self, server_type: &str, router: impl Router) {
        self.routers.insert(server_type.to_owned(), Arc::new(router));
    }

    /// Adds a filter around this server's handlers.
    pub fn filter(&mut self, filter: impl FilterFactory) {
        self.filters.push(filter::factory(filter));
    }

    /// Adds a filter around routing, on a frontend.
    pub fn global_filter(&mut self, filter: impl FilterFactory) {
        self.global_filters.push(filter::factory(filter));
    }

    /// Sets what sees the errors of this server's handlers and filters, and may replace the response: it gets the
    /// error, the message with its session, and the response so far.
    pub fn error_handler<F, Fut>(&mut self, handler: F)
    where
        F: Fn(Error, Request, Option<Value>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Option<Value>> + Send + 'static,
    {
        self.error_handler = Some(boxed(handler));
    }

    /// As [`error_handler`](Self::error_handler), for messages that a frontend could not route, or whose global
    /// filters failed.
    pub fn global_error_handler<F, Fut>(&mut self, handler: F)
    where
        F: Fn(Error, Request, Option<Value>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Option<Value>> + Send + 'static,
    {
        self.global_error_handler = Some(boxed(handler));
    }

    /// Whether clients see the text of errors, as `message`; the default is yes in development only.
    pub fn detailed_errors(&mut self, detailed: bool) {
        self.detailed_errors = detailed;
    }

    /// Lets a user have one session only at this frontend: a second bind fails.
    pub fn single_session(&mut self) {
        self.single_session = true;
    }

    /// Sets what decides at this frontend whether a session gets a broadcast, by its parameter, which is `null` where it came
    /// with none. Where one has to be decided on, what the same server sends to clients later waits for it, in order, up to
    /// [`queued_pushes`](Limits::queued_pushes).
    pub fn broadcast_filter(&mut self, filter: impl Fn(&Session, &Value) -> bool + Send + Sync + 'static) {
        self.broadcast_filter = Some(Arc::new(filter));
    }

    /// Sets what puts users back whose sessions another server has dropped: it had declared this frontend gone, and is back.
    /// If the hook returns `Ok`, the sessions stay as they are. Without a hook, if it fails or takes longer than
    /// [`request_timeout`](Limits::request_timeout), they are closed within 5 s, without a kick, so that their clients come
    /// back.
    ///
    /// ```
    /// # fn example<R: pomelo_core::app::Cluster>(app: &mut pomelo_core::app::Configure<R>) {
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
    pub fn one_thread(&mut self) {
        self.one_thread = true;
    }

    /// Inserts something that methods are lent as `&T`.
    pub fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        tracing::trace!(server = %self.info.id, value = type_name::<T>(), "inserted");
        self.state.insert(value);
    }

    /// Loads a component: it starts and stops with the server. Components start in the order in which they are loaded,
    /// after `before_startup` hooks, and stop in the reverse order. Methods are lent it as `&C`, as if it were inserted.
    ///
    /// One with the [name](Component::name) of another is left out, with a warning.
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
    pub fn set(&mut self, key: &str, value: impl Serialize) -> Result<()> {
        self.settings.insert(key.to_owned(), serde_json::to_value(value)?);
        Ok(())
    }

    /// Sets what is told of events on this server, one after the other, in the order in which they happened. It must not wait.
    /// Who binds a session goes on when the listeners have been told.
    pub fn on_event(&mut self, listener: impl Fn(&App<R>, &Event) + Send + Sync + 'static) {
        self.listeners.push(Arc::new(listener));
    }

    /// Runs before anything of the server is started; an error ends the start.
    pub fn before_startup<F, Fut>(&mut self, hook: F)
    where
        F: Fn(App<R>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.hooks.before_startup.push(lifecycle(hook));
    }

    /// Runs once the server is up and takes clients; an error ends the start.
    pub fn after_startup<F, Fut>(&mut self, hook: F)
    where
        F: Fn(App<R>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.hooks.after_startup.push(lifecycle(hook));
    }

    /// Runs before the server stops.
    pub fn before_shutdown<F, Fut>(&mut self, hook: F)
    where
        F: Fn(App<R>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.hooks.before_shutdown.push(lifecycle(hook));
    }

    /// Runs once all servers are up; an error ends the start.
    pub fn after_start_all<F, Fut>(&mut self, hook: F)
    where
        F: Fn(App<R>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.hooks.after_start_all.push(lifecycle(hook));
    }
}

fn boxed<F, Fut>(handler: F) -> ErrorHandler
where
    F: Fn(Error, Request, Option<Value>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Option<Value>> + Send + 'static,
{
    Arc::new(move |error, request, response| Box::pin(handler(error, request, response)))
}

fn lifecycle<R, F, Fut>(hook: F) -> Lifecycle<R>
where
    F: Fn(App<R>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    Arc::new(move |app| Box::pin(hook(app)))
}
