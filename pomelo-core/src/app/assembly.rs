//! Assembly: one server and its parts, as the application has configured them, before it starts.
//!
//! Parts are made from below: what they stand on exists already. What points up, such as delivery to this
//! very server, is set afterwards by a trait and held weakly, so that dropping the server ends everything.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock, RwLock, Weak};

use tokio::runtime::Handle;

use super::builder::Builder;
use super::cluster::{Cluster, Mount};
use super::configure::Configure;
#[cfg(feature = "crons")]
use super::crons;
use super::start_error::StartError;
use super::starting::Assembled;
use super::up::{Thread, one_thread};
use super::{App, checks};
use crate::channel::Table as ChannelTable;
use crate::context::ServerContext;
use crate::dispatch::{Dispatch, Installed, MountedEndpoints};
use crate::event::{Event, Events};
use crate::frontend::{ClientSettings, Detours, Registry};
use crate::peers::Peers;
use crate::router::Routers;
use crate::runtime::{Runtime, Supervisor, WallClock, boundary};
use crate::server::{AdminModule, LinkReceiver, Membership, Modules, Server, take_in_directly};
use crate::session::Sessions;
use crate::value::config::Config;
use crate::value::{RouteTable, ServerInfo};
use crate::wire::Codecs;

/// What the servers of a process have in common.
pub(super) struct Shares {
    /// Of JSON, of pomelo-protobuf if there are schemas, and of the application.
    pub(super) codecs: Arc<Codecs>,
    /// All routes of handlers of the types in servers.json: the dictionary is made of them.
    pub(super) routes: Arc<Vec<String>>,
    /// What the directory says.
    pub(super) config: Arc<Config>,
    /// What the platform has each answer operators.
    pub(super) modules: Vec<AdminModule>,
}

/// Puts a server together, and mounts its handlers and remotes.
pub(super) fn assemble<R: Cluster>(
    builder: &Builder<R>,
    info: &Arc<ServerInfo>,
    shared: &Shares,
) -> Result<Assembled<R>, StartError> {
    boundary::watch();
    // 1. What the application's closures say of it.
    let mut setup = configured(builder, info, shared)?;
    // 2. The server with its parts, each of which stands on the ones before.
    let (peers, thread) = peers(&setup, info, shared)?;
    let listeners = std::mem::take(&mut setup.listeners);
    let components = std::mem::take(&mut setup.components);
    let hooks = std::mem::take(&mut setup.hooks);
    let connectors = std::mem::take(&mut setup.connectors);
    let own = std::mem::take(&mut setup.modules);
    let modules = Modules::new(info.frontend, shared.modules.iter().cloned().chain(own));
    let modules = modules.map_err(|source| StartError::Config { source: source.context(&info.id) })?;
    let server = server(setup, peers, modules, !listeners.is_empty());
    // 3. Its methods, whose parameters are found in it.
    let app = App::<R>::new(server);
    let mount = mounted(builder, &app)?;
    let endpoints = MountedEndpoints::new(app.clone(), app.context.clone(), mount.parts, listeners)
        .map_err(|source| StartError::Missing { server: info.id.clone(), source })?;
    let methods = Arc::new(endpoints.methods());
    let endpoints = Installed::new(Arc::new(endpoints), &app.dispatch);
    #[cfg(feature = "crons")]
    let crons = crons::read(&app)?;
    #[cfg(not(feature = "crons"))]
    checks::check_no_crons(&app)?;
    Ok(Assembled {
        app,
        endpoints,
        methods,
        connectors,
        hooks,
        components,
        #[cfg(feature = "crons")]
        crons,
        thread,
    })
}

/// Runs the closures of `configure` that are for this server, in the order in which they were written.
fn configured<R: Cluster>(
    builder: &Builder<R>,
    info: &Arc<ServerInfo>,
    shared: &Shares,
) -> Result<Configure<R>, StartError> {
    let mut setup = Configure::new(info.clone(), &shared.config.env);
    setup.state.extend(&builder.state);
    for step in builder.steps.iter().filter(|step| step.is_for(&shared.config.env, &info.server_type)) {
        (step.run)(&mut setup);
    }
    checks::check_server::<R>(&setup, &shared.config)?;
    Ok(setup)
}

/// The server's way to the others, and the thread that its code has for itself, if it wants one.
fn peers<R: Cluster>(
    setup: &Configure<R>,
    info: &Arc<ServerInfo>,
    shared: &Shares,
) -> Result<(Arc<Peers>, Thread), StartError> {
    let tasks = Supervisor::new(Handle::current(), &info.id, |_| {});
    let (executor, end, thread) = if setup.one_thread {
        let made = one_thread(&info.id, &tasks).map_err(|source| StartError::failed(&info.id, source))?;
        (made.0, made.1, Some(made.2))
    } else {
        (Handle::current(), None, None)
    };
    let routes = RouteTable::new(&shared.routes);
    let mut runtime = Runtime::new(info.clone(), setup.limits.clone(), executor, tasks, thread, routes);
    runtime.clock = setup.state.find::<WallClock>().cloned().unwrap_or_default();
    let peers = Arc::new(Peers::new(runtime, shared.config.clone(), shared.codecs.clone()));
    peers.watch_deadlines();
    Ok((peers, end))
}

/// The server, which owns its parts. They know it by traits and callbacks alone, and weakly.
fn server<R>(setup: Configure<R>, peers: Arc<Peers>, modules: Modules, has_listeners: bool) -> Arc<Server> {
    let settings = setup.settings.into_iter().map(|(key, value)| (key, Arc::new(value)));
    let context = Arc::new(ServerContext {
        peers: peers.clone(),
        state: setup.state,
        settings: RwLock::new(settings.collect()),
        unbound: Default::default(),
    });
    let (sessions, events) = (Sessions::new(peers.clone()), Events::new(peers.clone()));
    let dispatch = Arc::new(Dispatch {
        peers: peers.clone(),
        sessions: sessions.clone(),
        routers: Arc::new(Routers::new(context.clone(), setup.routers)),
        filters: setup.filters.iter().map(|make| make(&context)).collect(),
        global_filters: setup.global_filters.iter().map(|make| make(&context)).collect(),
        error_handler: setup.error_handler,
        global_error_handler: setup.global_error_handler,
        queues: Default::default(),
        executor: OnceLock::new(),
        endpoints: RwLock::default(),
        has_concurrent: AtomicBool::new(false),
    });
    if has_listeners {
        let dispatch = Arc::downgrade(&dispatch);
        events.listen(move |event| dispatch.upgrade().into_iter().for_each(|dispatch| dispatch.emit(event)));
    }
    let has_filter = setup.broadcast_filter.is_some();
    let clients = ClientSettings {
        single_session: setup.single_session,
        broadcast_filter: setup.broadcast_filter,
        detailed_errors: setup.detailed_errors,
    };
    let dispatcher = Box::new(dispatch.clone());
    let registry = Registry::new(sessions.clone(), events.clone(), dispatcher, clients);
    let (owner, handling) = (Arc::downgrade(&registry), Arc::downgrade(&dispatch));
    sessions.attach(owner, handling);
    let server = Arc::new_cyclic(|server: &Weak<Server>| Server {
        detours: has_filter.then(|| detours(&registry, server.clone())),
        channels: channels(&peers, &events),
        peers,
        context,
        dispatch,
        sessions,
        registry,
        sessions_lost: setup.sessions_lost,
        modules,
        membership: Membership::new(),
        progress: Default::default(),
        events,
        reloading: Default::default(),
    });
    // It is set once: the server is new.
    let _ = server.peers.local.set(Arc::new(LinkReceiver(Arc::downgrade(&server))));
    server
}

/// The server's channels, which say by an event whom they have lost.
fn channels(peers: &Arc<Peers>, events: &Arc<Events>) -> Arc<ChannelTable> {
    let events = events.clone();
    ChannelTable::new(peers.clone(), move |channel, uids| {
        if events.has_listener() {
            events.emit(Event::MembersLost { channel: channel.clone(), uids: uids.to_vec() });
        }
    })
}

/// What waits for the broadcast filter, and is taken in when that has decided.
fn detours(registry: &Arc<Registry>, server: Weak<Server>) -> Arc<Detours> {
    Detours::new(registry.clone(), move |from, message| {
        if let Some(server) = server.upgrade() {
            take_in_directly(&server, from, message);
        }
    })
}

/// The handlers and remotes of the server's type, those included that are mounted by hand.
fn mounted<R: Cluster>(builder: &Builder<R>, app: &App<R>) -> Result<Mount<R>, StartError> {
    let mut mount = Mount::new();
    R::mount(app, &mut mount);
    for (_, step) in builder.mounts.iter().filter(|(server_type, _)| **server_type == *app.server_type()) {
        step(app, &mut mount);
    }
    checks::check_mounted::<R>(app, &mount)?;
    Ok(mount)
}
