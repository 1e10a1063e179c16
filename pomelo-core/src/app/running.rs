//! Servers that run in this process.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::thread::ThreadId;
use std::time::Duration;

use futures::future::{BoxFuture, Either, select, select_all};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::component::Components;
use super::configure::{Lifecycle, LifecycleHooks};
use super::membership::CoreWatcher;
use super::node::Installed;
use super::{App, Cluster, CoreInbox, Event, Network, relief};
use crate::boundary::{self, Site};
use crate::cluster::{Member, MethodTable};
use crate::connector::{Connector, Listening};
use crate::error::{Error, ErrorKind, Result};
use crate::message::Encoding;
use crate::server::ServerId;
use crate::session::Frontend;

/// Processes that are told to stop together have all heard of it by then, and said so, even where they are many on few
/// cores.
const COMPANY: Duration = Duration::from_millis(250);

/// Ends the thread of a server that runs on one.
type Thread = Option<oneshot::Sender<()>>;

/// A server that is put together.
pub(super) struct Server<R> {
    pub(super) app: App<R>,
    pub(super) node: Installed,
    pub(super) methods: Arc<MethodTable>,
    pub(super) connectors: Vec<Arc<dyn Connector>>,
    pub(super) hooks: LifecycleHooks<R>,
    pub(super) components: Components<R>,
    pub(super) thread: Thread,
}

/// A server that is up.
struct Up<R> {
    app: App<R>,
    _node: Installed,
    listening: Vec<Listening>,
    hooks: LifecycleHooks<R>,
    components: Components<R>,
    tasks: Vec<JoinHandle<()>>,
    _thread: Thread,
}

impl<R: Cluster> Up<R> {
    /// Takes the server out of the cluster and drops what holds it.
    async fn end(self) {
        let app = &self.app;
        app.leave().await;
        // A listener that doesn't return was logged by its name.
        let _ = tokio::time::timeout(app.limits.stop_timeout, app.heard()).await;
        app.lanes().stop();
        self.tasks.iter().for_each(JoinHandle::abort);
        app.hooks.clear();
        app.channels.clear();
    }
}

/// The servers of an application that run in this process.
pub struct Running<R> {
    servers: Vec<Up<R>>,
}

impl<R: Cluster> Running<R> {
    pub(super) async fn start(servers: Vec<Server<R>>, network: Network) -> Result<Self> {
        let mut running = Self { servers: vec![] };
        if let Err(error) = running.bring_up(servers, &network).await {
            running.stop().await;
            return Err(error);
        }
        Ok(running)
    }

    async fn bring_up(&mut self, servers: Vec<Server<R>>, network: &Network) -> Result<()> {
        let mut connectors = Vec::new();
        for server in servers {
            let Server { app, node, methods, connectors: own, hooks, mut components, thread } = server;
            run_hooks("before_startup", &hooks.before_startup, &app, app.limits.component_timeout)
                .await
                .map_err(|e| e.context(app.server_id()))?;
            let mut encodings: Vec<Encoding> = own.iter().map(|connector| connector.encoding()).collect();
            encodings.dedup();
            let (info, incarnation) = (app.info.clone(), app.incarnation());
            let member = Member { info, incarnation, methods, encodings, leaving: false };
            let up = async {
                components.start(&app).await?;
                join(&app, member, network).await
            };
            if let Err(error) = up.await {
                components.stop(&app).await;
                return Err(error.context(app.server_id()));
            }
            let mut tasks = app.edge.flusher.spawn();
            tasks.push(sweep(&app));
            let core = Arc::downgrade(&app);
            app.tasks.spawn("relief of outboxes", move || relief::run(core.clone()));
            connectors.push(own);
            self.servers.push(Up {
                app,
                _node: node,
                listening: vec![],
                hooks,
                components,
                tasks,
                _thread: thread,
            });
        }
        self.wait_for_links().await;
        for server in &self.servers {
            server.app.has_its_id().await?;
        }
        for (server, connectors) in self.servers.iter_mut().zip(connectors) {
            server
                .components
                .after_start(&server.app)
                .await
                .map_err(|e| e.context(server.app.server_id()))?;
            let frontend = Frontend::new(Arc::clone(&server.app));
            for connector in connectors {
                server.listening.push(connector.start(frontend.clone()).await?);
            }
        }
        for server in &self.servers {
            run_hooks(
                "after_startup",
                &server.hooks.after_startup,
                &server.app,
                server.app.limits.component_timeout,
            )
            .await
            .map_err(|e| e.context(server.app.server_id()))?;
            server.app.emit(Event::StartServer);
            server.app.heard().await;
        }
        for server in &self.servers {
            register(&server.app, network).await.map_err(|e| e.context(server.app.server_id()))?;
            server.app.started();
        }
        for server in &mut self.servers {
            let started_all = started_all(server.app.clone(), server.hooks.after_start_all.clone());
            if server.app.view.known().is_complete() {
                started_all.await?;
                continue;
            }
            server.tasks.push(tokio::spawn(async move {
                if let Err(error) = started_all.await {
                    tracing::error!(%error, "after_start_all failed");
                }
            }));
        }
        Ok(())
    }

    /// Waits until the servers of this process can reach all others, or `link_timeout` is over.
    async fn wait_for_links(&self) {
        let all_up = async {
            for server in &self.servers {
                server.app.all_linked().await;
            }
        };
        let limit =
            self.servers.iter().map(|server| server.app.limits.link_timeout).max().unwrap_or_default();
        if tokio::time::timeout(limit, all_up).await.is_err() {
            tracing::info!("not all servers are up yet");
        }
    }

    /// Runs until `signal` comes, the cluster has asked every server to stop or one of them can't go on, and stops what is
    /// left.
    ///
    /// # Errors
    /// Why a server could not go on: see [`failed`](Self::failed).
    pub async fn until(mut self, mut signal: BoxFuture<'static, ()>) -> Result<()> {
        let mut outcome = Ok(());
        while !self.servers.is_empty() {
            let asked = {
                let asked = pin!(self.asked_to_stop());
                let failed = pin!(self.failed());
                match select(&mut signal, select(asked, failed)).await {
                    Either::Left(_) => break,
                    Either::Right((Either::Left((server, _)), _)) => server,
                    Either::Right((Either::Right(((_, error), _)), _)) => {
                        outcome = Err(error);
                        break;
                    }
                }
            };
            tracing::info!(server = %asked, "asked to stop");
            self.stop_server(&asked).await;
        }
        tracing::info!("stopping");
        self.wait_for_company().await;
        self.stop().await;
        outcome
    }

    /// Waits until one of the servers can't go on, and says which and why.
    ///
    /// A server fails when one of the tasks that it needs panics again and again, or when its transport or discovery says that
    /// it can't stay.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped: a failure is told again.
    pub async fn failed(&self) -> (ServerId, Error) {
        let failures = self
            .servers
            .iter()
            .map(|up| Box::pin(async { (up.app.server_id().clone(), up.app.tasks.failed().await) }));
        match self.servers.is_empty() {
            true => std::future::pending().await,
            false => select_all(failures).await.0,
        }
    }

    /// The process was told to stop, and perhaps all others were: what frontends have begun there needs the servers here,
    /// which wait for frontends that say that they stop.
    async fn wait_for_company(&self) {
        let is_frontend = self.servers.iter().any(|up| up.app.is_frontend());
        if !is_frontend && self.servers.iter().any(|up| up.app.may_have_company()) {
            self.servers.iter().for_each(|up| up.app.begin_leaving());
            tokio::time::sleep(COMPANY).await;
        }
    }

    /// Waits until the cluster wants one of the servers to stop, and says which.
    async fn asked_to_stop(&self) -> ServerId {
        let asked = self.servers.iter().map(|up| {
            Box::pin(async {
                up.app.membership.asked_to_stop.notified().await;
                up.app.server_id().clone()
            })
        });
        match self.servers.is_empty() {
            true => std::future::pending().await,
            false => select_all(asked).await.0,
        }
    }

    /// The app on one of the servers.
    pub fn app(&self, server: &str) -> Option<&App<R>> {
        self.servers.iter().map(|up| &up.app).find(|app| *app.server_id() == *server)
    }

    /// The apps of all servers.
    pub fn apps(&self) -> impl Iterator<Item = &App<R>> {
        self.servers.iter().map(|up| &up.app)
    }

    /// Where clients reach a server: one address per connector.
    pub fn addresses(&self, server: &str) -> Vec<SocketAddr> {
        let up = self.servers.iter().find(|up| *up.app.server_id() == *server);
        up.map(|up| up.listening.iter().map(|listening| listening.address).collect()).unwrap_or_default()
    }

    /// Stops one server, as if it had left; false if there is none of that id. Calls to it fail at once, and its
    /// sessions are gone from all channels.
    pub async fn stop_server(&mut self, server: &str) -> bool {
        let Some(index) = self.servers.iter().position(|up| *up.app.server_id() == *server) else {
            return false;
        };
        let up = self.servers.remove(index);
        self.take_down(up).await;
        true
    }

    /// Ends one server with nothing drained, almost as a crash would; false if there is none of that id. For tests of
    /// what the others do.
    pub async fn crash_server(&mut self, server: &str) -> bool {
        let Some(index) = self.servers.iter().position(|up| *up.app.server_id() == *server) else {
            return false;
        };
        let mut up = self.servers.remove(index);
        for listening in up.listening.drain(..) {
            (listening.stop)().await;
        }
        up.end().await;
        true
    }

    /// Stops all servers: frontends first, so that what runs when their sessions close still finds the others.
    pub async fn stop(mut self) {
        let (frontends, backends) =
            std::mem::take(&mut self.servers).into_iter().partition(|up| up.app.is_frontend());
        for up in [frontends, backends].into_iter().flat_map(|group: Vec<_>| group) {
            self.take_down(up).await;
        }
    }

    async fn take_down(&self, mut up: Up<R>) {
        let app = up.app.clone();
        app.begin_leaving();
        for listening in up.listening.drain(..) {
            (listening.stop)().await;
        }
        if let Err(error) =
            run_hooks("before_shutdown", &up.hooks.before_shutdown, &app, app.limits.stop_timeout).await
        {
            tracing::warn!(server = %app.server_id(), %error, "before_shutdown failed");
        }
        app.drain().await;
        app.dismiss_clients("the server is stopping").await;
        up.components.stop(&app).await;
        up.end().await;
    }
}

/// Makes a server reachable.
async fn join<R: Cluster>(app: &App<R>, member: Member, network: &Network) -> Result<()> {
    // It knows itself first: what others send at once may need it.
    let _ = app.view.join(member.clone());
    let outlet = network.transport.bind(member.clone(), Arc::new(CoreInbox(Arc::downgrade(app)))).await?;
    outlet.expect(&app.config.servers);
    // It is set once: the server is new.
    let _ = app.outlet.set(outlet);
    Ok(())
}

/// Makes a server known, now that it takes clients and calls.
async fn register<R: Cluster>(app: &App<R>, network: &Network) -> Result<()> {
    let Some(member) = app.member() else { return Ok(()) };
    let watcher = Arc::new(CoreWatcher(Arc::downgrade(app)));
    let registration = network.discovery.register(member, watcher).await?;
    let _ = app.membership.registration.set(registration);
    Ok(())
}

/// Runs the hooks that wait for all servers, once all are up.
async fn started_all<R: Cluster>(app: App<R>, hooks: Vec<Lifecycle<R>>) -> Result<()> {
    app.all_up().await;
    run_hooks("after_start_all", &hooks, &app, app.limits.component_timeout)
        .await
        .map_err(|error| error.context(app.server_id()))?;
    app.emit(Event::StartAll);
    app.heard().await;
    Ok(())
}

/// Runs hooks where the server's code runs, one after the other; each may take `limit`.
async fn run_hooks<R: Cluster>(
    what: &'static str,
    hooks: &[Lifecycle<R>],
    app: &App<R>,
    limit: Duration,
) -> Result<()> {
    for hook in hooks {
        let (hook, own) = (hook.clone(), app.clone());
        let run = async move { boundary::run(Site::new(&own, what), || hook(own.clone())).await.flatten() };
        let mut task = app.executor.spawn(run);
        match tokio::time::timeout(limit, &mut task).await {
            Ok(ended) => {
                let stopped = |_| Err(Error::of(ErrorKind::Closed, format_args!("{what} was cut off")));
                ended.unwrap_or_else(stopped)?;
            }
            Err(_) => {
                task.abort();
                return Err(Error::of(
                    ErrorKind::Deadline,
                    format_args!("{what} took longer than {limit:?}"),
                ));
            }
        }
    }
    Ok(())
}

/// Answers clients whose request is out at a server that is up and doesn't answer, and tells frontends of the end of
/// channels for which there was no room before.
fn sweep<R: Cluster>(app: &App<R>) -> JoinHandle<()> {
    let core = Arc::downgrade(app);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let Some(core) = core.upgrade() else { return };
            core.send_again();
            // The server that handles it answers at the deadline; this is for when it can't.
            let limit = core.limits.request_timeout + Duration::from_secs(2);
            for (seq, waiter) in core.pending.remove_overdue(limit) {
                let error = Error::of(ErrorKind::Deadline, "no answer came");
                super::inbox::settle(&core, seq, waiter, Err(error));
            }
        }
    })
}

/// A thread with a runtime of its own, which ends when the sender is dropped.
pub(super) fn one_thread(server: &ServerId) -> Result<(Handle, Thread, ThreadId)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let (end, ended) = oneshot::channel();
    let thread = std::thread::Builder::new().name(server.to_string()).spawn(move || {
        // An error means that the sender was dropped, which is how the thread is told.
        let _ = runtime.block_on(ended);
    })?;
    Ok((handle, Some(end), thread.thread().id()))
}
