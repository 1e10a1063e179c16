//! A server's handlers and remotes, with the app that they are lent.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::RandomState;
use futures::future::BoxFuture;

use crate::app::{App, Cluster, Table};
use crate::cluster::MethodTable;
use crate::event::Event;
use crate::method::inject::Context;
use crate::method::{Handler, Inbound, Remote, inject};
use crate::request::Request;
use crate::runtime::boundary;
use crate::runtime::boundary::Site;
use crate::server::Server;
use crate::value::{Error, ErrorKind, Fault, Result, Route, State};
use crate::wire::Body;

/// What was mounted on a server.
pub(crate) struct Parts<R> {
    pub(crate) handlers: Vec<(Table, Arc<dyn MountedHandler<R>>)>,
    pub(crate) remotes: Vec<(Table, Arc<dyn MountedRemote<R>>)>,
}

impl<R> Default for Parts<R> {
    fn default() -> Self {
        Self { handlers: Vec::new(), remotes: Vec::new() }
    }
}

/// [`Handler`] without its constants, so that it can be behind a pointer.
pub(crate) trait MountedHandler<R>: Send + Sync {
    fn call<'a>(&'a self, app: &'a App<R>, request: &'a Request, method: u16) -> BoxFuture<'a, Result<Body>>;
}

impl<R: Cluster, H: Handler<App<R>>> MountedHandler<R> for H {
    fn call<'a>(&'a self, app: &'a App<R>, request: &'a Request, method: u16) -> BoxFuture<'a, Result<Body>> {
        Handler::call(self, Context::new(app, request), method)
    }
}

/// [`Remote`] without its constants.
pub(crate) trait MountedRemote<R>: Send + Sync {
    fn call<'a>(&'a self, app: &'a App<R>, inbound: &'a Inbound, method: u16)
    -> BoxFuture<'a, Result<Bytes>>;
}

impl<R: Cluster, T: Remote<App<R>>> MountedRemote<R> for T {
    fn call<'a>(
        &'a self,
        app: &'a App<R>,
        inbound: &'a Inbound,
        method: u16,
    ) -> BoxFuture<'a, Result<Bytes>> {
        Remote::call(self, Context::new(app, inbound), method)
    }
}

/// What a server runs, without the type of its app.
pub(crate) trait Node: Send + Sync {
    /// Runs the handler's method that a request is for.
    fn handle<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Body>>;

    /// Whether any method may run beside others of its session.
    fn has_concurrent(&self) -> bool;

    /// Whether a method may run beside others of its session.
    fn is_concurrent(&self, route: &Route) -> bool;

    /// Runs the remote's method of that number.
    fn answer<'a>(&'a self, method: u32, inbound: &'a Inbound) -> BoxFuture<'a, Result<Bytes>>;

    /// What it handles, by name.
    fn names(&self) -> Names;

    /// Tells the application.
    fn emit(&self, event: &Event);

    /// The node with its type.
    fn as_any(&self) -> &dyn Any;
}

/// A node in its server. They hold each other, until this is dropped.
pub(crate) struct Installed(Arc<Server>);

impl Installed {
    pub(crate) fn new(node: Arc<dyn Node>, core: &Arc<Server>) -> Self {
        core.set_node(Some(node));
        Self(core.clone())
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        self.0.set_node(None);
    }
}

/// What a server's handlers and remotes are called: `serverType.handler.method`.
pub(crate) struct Names {
    pub(crate) handlers: Vec<String>,
    /// By number.
    pub(crate) remotes: Vec<String>,
}

/// A listener for events.
pub(crate) type Listener<R> = Arc<dyn Fn(&App<R>, &Event) + Send + Sync>;

/// A handler's method: the handler, the method's id in it, and whether it is concurrent.
type Entry<R> = (Arc<dyn MountedHandler<R>>, u16, bool);

/// A remote's method: the remote, the method's id in it, and its name.
type RemoteEntry<R> = (Arc<dyn MountedRemote<R>>, u16, String);

pub(crate) struct Mounted<R> {
    app: App<R>,
    handlers: HashMap<String, Entry<R>, RandomState>,
    /// By number; none where a method is no more.
    remotes: Vec<Option<RemoteEntry<R>>>,
    /// The numbers of all methods that there ever were.
    numbers: MethodTable,
    listeners: Vec<Listener<R>>,
}

impl<R: Cluster> Mounted<R> {
    /// Lays out what was mounted, after checking that all it wants to be lent exists. Methods that have a number in
    /// `numbers` keep it.
    pub(crate) fn new(
        app: App<R>,
        parts: Parts<R>,
        listeners: Vec<Listener<R>>,
        mut numbers: MethodTable,
    ) -> Result<Self> {
        let mut handlers = HashMap::default();
        let mut remotes: Vec<_> = (0..numbers.len()).map(|_| None).collect();
        let server_type = app.server_type().to_owned();
        for (table, handler) in parts.handlers {
            for method in table.methods {
                let route = format!("{server_type}.{}.{}", table.name, method.name);
                check::<R, Request>(&app.state, &route, method.injects)?;
                handlers.insert(route, (handler.clone(), method.id, method.concurrent));
            }
        }
        for (table, remote) in parts.remotes {
            for method in table.methods {
                let name = format!("{server_type}.{}.{}", table.name, method.name);
                check::<R, Inbound>(&app.state, &name, method.injects)?;
                let entry = Some((remote.clone(), method.id, name));
                match numbers.number(table.name, method.name).and_then(|n| remotes.get_mut(n as usize)) {
                    Some(place) => *place = entry,
                    None => {
                        numbers.add(table.name, method.name, remotes.len() as u32);
                        remotes.push(entry);
                    }
                }
            }
        }
        Ok(Self { app, handlers, remotes, numbers, listeners })
    }

    /// The methods that others can call.
    pub(crate) fn methods(&self) -> MethodTable {
        self.numbers.only(|number| self.remotes.get(number as usize).is_some_and(Option::is_some))
    }

    pub(crate) fn numbers(&self) -> MethodTable {
        self.numbers.clone()
    }

    pub(crate) fn listeners(&self) -> Vec<Listener<R>> {
        self.listeners.clone()
    }
}

fn check<R: Cluster, M: inject::Provider>(
    state: &State,
    method: &str,
    injects: &[inject::Injected],
) -> Result<()> {
    inject::check::<App<R>, M>(state, method, injects)
}

impl<R: Cluster> Node for Mounted<R> {
    fn handle<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Body>> {
        match self.handlers.get(request.route().as_str()) {
            Some((handler, method, _)) => handler.call(&self.app, request, *method),
            None => {
                let why = format_args!("no handler for {}", request.route());
                let error = Error::of(ErrorKind::NoSuchMethod, why).with_fault(Fault::Client);
                Box::pin(std::future::ready(Err(error)))
            }
        }
    }

    fn has_concurrent(&self) -> bool {
        self.handlers.values().any(|(_, _, concurrent)| *concurrent)
    }

    fn is_concurrent(&self, route: &Route) -> bool {
        self.handlers.get(route.as_str()).is_some_and(|(_, _, concurrent)| *concurrent)
    }

    fn answer<'a>(&'a self, method: u32, inbound: &'a Inbound) -> BoxFuture<'a, Result<Bytes>> {
        match self.remotes.get(method as usize).and_then(Option::as_ref) {
            Some((remote, method, _)) => remote.call(&self.app, inbound, *method),
            None => {
                let error = Error::of(ErrorKind::NoSuchMethod, format_args!("no method of number {method}"));
                Box::pin(std::future::ready(Err(error)))
            }
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn names(&self) -> Names {
        Names {
            handlers: self.handlers.keys().cloned().collect(),
            remotes: self.numbers.names(self.app.server_type()),
        }
    }

    fn emit(&self, event: &Event) {
        let site = Site::new(&self.app, "listener").named(event.name());
        for listener in &self.listeners {
            // The boundary has logged a panic, and the others are told all the same.
            let _ = boundary::call(&site, || listener(&self.app, event));
        }
    }
}
