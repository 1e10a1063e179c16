//! Starting servers, all of a process together: components and links first, then clients, then the registration.
//!
//! | step | of each server of the process | then |
//! |---|---|---|
//! | 1 | `before_startup` hooks, components' `start` | |
//! | 2 | its links: other servers can reach it, and operators, if it has a port for them | all wait for their links, up to `link_timeout`; an id that another process has ends the start |
//! | 3 | components' `after_start`, then its connectors listen | `after_startup` hooks, and `StartServer` is told |
//! | 4 | the registration with the discovery: the cluster routes to it | `after_start_all` and `StartAll`, once all that are expected are up |
//!
//! If one step of one server fails, all of them end again, frontends first. A master hears of servers when
//! clients can connect to them, and no earlier; in pomelo it hears of a frontend shortly before.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Once};

use futures::future::{Either, join_all, select, select_all};

use super::cluster::Cluster;
use super::component::Components;
#[cfg(feature = "crons")]
use super::crons::{self, FileSchedule};
use super::lifecycle::{Lifecycle, LifecycleHooks};
use super::platform::OperatorAccess;
use super::start_error::StartError;
use super::up::{Ending, Live, Thread, run_hooks};
use super::{App, announce};
use crate::cluster::{Discovery, Member, MethodTable, Transport};
use crate::dispatch::Installed;
use crate::event::Event;
use crate::frontend::Connector;
use crate::runtime::Supervisor;
use crate::server::{Discovered, LinkReceiver, Operated, Server, relief, sweep};
use crate::value::{Result, ServerId};
use crate::wire::Encoding;

/// A server that is put together.
pub(super) struct Assembled<R> {
    /// Its handle.
    pub(super) app: App<R>,
    /// Its methods, as long as it lives.
    pub(super) endpoints: Installed,
    /// The numbers of its remote methods, which others learn.
    pub(super) methods: Arc<MethodTable>,
    /// What will take its clients.
    pub(super) connectors: Vec<Arc<dyn Connector>>,
    /// What runs when it starts and stops.
    pub(super) hooks: LifecycleHooks<R>,
    /// Its parts by the application.
    pub(super) components: Components<R>,
    /// What crons.json has for it.
    #[cfg(feature = "crons")]
    pub(super) crons: FileSchedule,
    /// The thread of its own, if it has one.
    pub(super) thread: Thread,
}

/// What servers join the cluster by.
pub(super) struct Joining {
    /// Carries messages between servers.
    pub(super) transport: Arc<dyn Transport>,
    /// Tells servers of each other.
    pub(super) discovery: Arc<dyn Discovery>,
    /// Lets operators in.
    pub(super) operators: Option<Arc<dyn OperatorAccess>>,
}

/// What others learn of a server, what takes its clients, and what it does by itself once it is up.
struct Public {
    methods: Arc<MethodTable>,
    connectors: Vec<Arc<dyn Connector>>,
    #[cfg(feature = "crons")]
    crons: FileSchedule,
}

/// Starts servers; if one can't, those that were up are ended again.
pub(super) async fn start<R: Cluster>(
    servers: Vec<Assembled<R>>,
    joining: &Joining,
) -> Result<Vec<Live<R>>, StartError> {
    let (mut servers, public): (Vec<_>, Vec<_>) = servers.into_iter().map(Assembled::split).unzip();
    let tasks = |server: &Live<R>| (server.app.server_id().clone(), server.app.peers.tasks.clone());
    let tasks: Vec<_> = servers.iter().map(tasks).collect();
    let outcome = {
        let up = pin!(bring_up(&mut servers, &public, joining));
        match select(up, pin!(one_fails(&tasks))).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right((error, _)) => Err(error),
        }
    };
    match outcome {
        Ok(()) => Ok(servers),
        Err(error) => {
            end_all(servers, |server| server.app.is_frontend(), |server| server.end(Ending::Failed)).await;
            Err(error)
        }
    }
}

/// Ends servers: frontends first, so that what runs when their sessions close still finds the others; those of a kind at the
/// same time, so that the deadlines don't add up.
pub(super) async fn end_all<T, F: Future<Output = ()>>(
    servers: Vec<T>,
    is_frontend: impl Fn(&T) -> bool,
    end: impl Fn(T) -> F,
) {
    let (frontends, backends): (Vec<_>, Vec<_>) = servers.into_iter().partition(is_frontend);
    join_all(frontends.into_iter().map(&end)).await;
    join_all(backends.into_iter().map(&end)).await;
}

/// Waits until a task that a server needs has failed for good.
async fn one_fails(tasks: &[(ServerId, Supervisor)]) -> StartError {
    let failed = tasks
        .iter()
        .map(|(server, tasks)| Box::pin(async move { StartError::failed(server, tasks.failed().await) }));
    match tasks.is_empty() {
        true => std::future::pending().await,
        false => select_all(failed).await.0,
    }
}

impl<R> Assembled<R> {
    fn split(self) -> (Live<R>, Public) {
        let public = Public {
            methods: self.methods,
            connectors: self.connectors,
            #[cfg(feature = "crons")]
            crons: self.crons,
        };
        (Live::new(self.app, self.endpoints, self.hooks, self.components, self.thread), public)
    }
}

/// The four steps.
async fn bring_up<R: Cluster>(
    servers: &mut [Live<R>],
    public: &[Public],
    joining: &Joining,
) -> Result<(), StartError> {
    for (server, public) in servers.iter_mut().zip(public) {
        // 1. What the application has of its own is there before the first message.
        let app = server.app.clone();
        let (id, limit) = (app.server_id(), app.peers.limits.component_timeout);
        run_hooks("before_startup", &server.hooks.before_startup, &app, limit)
            .await
            .map_err(StartError::hook(id))?;
        server.components.start(&app).await.map_err(StartError::hook(id))?;
        // 2. Others can reach it.
        join(&app, public, &*joining.transport)
            .await
            .map_err(|error| StartError::listening(id, error.context(id)))?;
        server.is_joined = true;
        supervise(&app);
        // Whoever wants to know why a start takes its time may ask from now on.
        if let Some(operators) = &joining.operators {
            let opened = operators.open(Operated::new(&app)).await;
            *server.operators() = opened.map_err(|error| StartError::listening(id, error))?;
        }
    }
    wait_for_links(servers).await;
    for server in &*servers {
        let id = server.app.server_id();
        server.app.has_its_id().await.map_err(|error| StartError::refused(id, error))?;
    }
    // 3. Clients can connect.
    for (server, public) in servers.iter_mut().zip(public) {
        let app = server.app.clone();
        server.components.after_start(&app).await.map_err(StartError::hook(app.server_id()))?;
        let frontend = app.frontend();
        for connector in &public.connectors {
            let listening = connector.clone().start(frontend.clone()).await;
            let listening = listening.map_err(|error| StartError::listening(app.server_id(), error))?;
            server.listening().push(listening);
        }
    }
    for server in &*servers {
        let app = &server.app;
        let limit = app.peers.limits.component_timeout;
        run_hooks("after_startup", &server.hooks.after_startup, app, limit)
            .await
            .map_err(StartError::hook(app.server_id()))?;
        app.events.emit(Event::StartServer);
        app.events.heard().await;
    }
    // 4. The cluster knows it.
    for server in &*servers {
        let id = server.app.server_id();
        register(&server.app, &*joining.discovery)
            .await
            .map_err(|error| StartError::refused(id, error.context(id)))?;
        server.app.started();
    }
    #[cfg(feature = "crons")]
    for (server, public) in servers.iter().zip(public) {
        crons::start(&server.app, &public.crons);
    }
    let is_alone = servers.len() == 1;
    for server in servers.iter_mut() {
        let app = server.app.clone();
        announce::up(&app, server.listening().iter().map(|listening| listening.address), is_alone);
    }
    let told = Arc::new(Once::new());
    for server in &*servers {
        let (app, hooks) = (server.app.clone(), server.hooks.after_start_all.clone());
        match app.peers.view.known().is_complete() {
            true => started_all(app, hooks).await?,
            false => wait_for_all(&app, hooks, &told),
        }
    }
    if let Some(server) = servers.first()
        && servers.iter().all(|server| server.app.peers.view.known().is_complete())
    {
        told.call_once(|| announce::all_up(&server.app));
    }
    Ok(())
}

/// Starts the tasks that a server needs as long as it is up.
fn supervise<R: Cluster>(app: &App<R>) {
    let server: &Arc<Server> = app;
    server.registry.flusher.start(&server.peers.tasks);
    let weak = Arc::downgrade(server);
    server.peers.tasks.spawn("sweep", move || sweep::run(weak.clone()));
    let weak = Arc::downgrade(server);
    server.peers.tasks.spawn("relief of outboxes", move || relief::run(weak.clone()));
}

/// Waits until the servers of this process can reach all others, or `link_timeout` is over.
async fn wait_for_links<R: Cluster>(servers: &[Live<R>]) {
    let all_up = async {
        for server in servers {
            server.app.all_linked().await;
        }
    };
    let limit = servers.iter().map(|server| server.app.peers.limits.link_timeout).max().unwrap_or_default();
    if tokio::time::timeout(limit, all_up).await.is_err() {
        tracing::info!("not all servers are up yet");
    }
}

/// Makes a server reachable.
async fn join<R: Cluster>(app: &App<R>, public: &Public, transport: &dyn Transport) -> Result<()> {
    let mut encodings: Vec<Encoding> =
        public.connectors.iter().map(|connector| connector.encoding()).collect();
    encodings.dedup();
    let (info, incarnation, methods) =
        (app.peers.info.clone(), app.peers.incarnation(), public.methods.clone());
    let member = Member { info, incarnation, methods, encodings, leaving: false, newcomer: true };
    // It knows itself first: what others send at once may need it.
    let _ = app.peers.view.join(member.clone());
    let link_sender = transport.bind(member.clone(), Arc::new(LinkReceiver(Arc::downgrade(app)))).await?;
    link_sender.expect(&app.peers.config.servers);
    // It is set once: the server is new.
    let _ = app.peers.link_sender.set(link_sender);
    Ok(())
}

/// Makes a server known, now that it takes clients and calls.
async fn register<R: Cluster>(app: &App<R>, discovery: &dyn Discovery) -> Result<()> {
    let Some(member) = app.member() else { return Ok(()) };
    let discovered = Arc::new(Discovered(Arc::downgrade(app)));
    let registration = discovery.register_controlled(member, discovered.clone(), discovered).await?;
    // It is set once: the server is new.
    let _ = app.membership.registration.set(registration);
    if !app.membership.was_told.load(Ordering::Acquire) {
        // A discovery that keeps no list takes in whoever comes.
        app.taken_in();
    }
    Ok(())
}

/// Runs the hooks that wait for all servers, once all are up.
async fn started_all<R: Cluster>(app: App<R>, hooks: Vec<Lifecycle<R>>) -> Result<(), StartError> {
    app.all_up().await;
    run_hooks("after_start_all", &hooks, &app, app.peers.limits.component_timeout)
        .await
        .map_err(StartError::hook(app.server_id()))?;
    app.events.emit(Event::StartAll);
    app.events.heard().await;
    Ok(())
}

/// As [`started_all`], in the background; the first of this process that is through says so.
fn wait_for_all<R: Cluster>(app: &App<R>, hooks: Vec<Lifecycle<R>>, told: &Arc<Once>) {
    let (own, told) = (app.clone(), told.clone());
    app.peers.tasks.spawn("after_start_all", move || {
        let (app, told) = (own.clone(), told.clone());
        let started_all = started_all(own.clone(), hooks.clone());
        async move {
            match started_all.await {
                Ok(()) => told.call_once(|| announce::all_up(&app)),
                Err(error) => tracing::error!(server = %app.server_id(), %error, "after_start_all failed"),
            }
        }
    });
}
