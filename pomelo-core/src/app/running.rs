//! Servers that run in this process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::component::Components;
use super::configure::{Lifecycle, LifecycleHooks};
use super::node::Node;
use super::{App, Cluster, CoreInbox, Event};
use crate::cluster::{Member, MethodTable, View};
use crate::connector::{Connector, Listening};
use crate::error::{Error, ErrorKind, Result};
use crate::message::Encoding;
use crate::server::ServerId;
use crate::session::Frontend;
use crate::transport::Transport;

/// Ends the thread of a server that runs on one.
type Thread = Option<oneshot::Sender<()>>;

/// A server that is put together.
pub(super) struct Server<R> {
    pub(super) app: App<R>,
    pub(super) node: Arc<dyn Node>,
    pub(super) methods: Arc<MethodTable>,
    pub(super) connectors: Vec<Arc<dyn Connector>>,
    pub(super) hooks: LifecycleHooks<R>,
    pub(super) components: Components<R>,
    pub(super) thread: Thread,
}

/// A server that is up.
struct Up<R> {
    app: App<R>,
    /// Keeps the handlers: the core knows them weakly.
    _node: Arc<dyn Node>,
    listening: Vec<Listening>,
    hooks: LifecycleHooks<R>,
    components: Components<R>,
    tasks: Vec<JoinHandle<()>>,
    _thread: Thread,
}

/// The servers of an application that run in this process.
pub struct Running<R> {
    servers: Vec<Up<R>>,
    view: Arc<View>,
}

impl<R: Cluster> Running<R> {
    pub(super) async fn start(
        servers: Vec<Server<R>>,
        view: Arc<View>,
        transport: Arc<dyn Transport>,
    ) -> Result<Self> {
        let mut running = Self { servers: vec![], view };
        if let Err(error) = running.bring_up(servers, &transport).await {
            running.stop().await;
            return Err(error);
        }
        Ok(running)
    }

    async fn bring_up(&mut self, servers: Vec<Server<R>>, transport: &Arc<dyn Transport>) -> Result<()> {
        let mut connectors = Vec::new();
        for server in servers {
            let Server { app, node, methods, connectors: own, hooks, mut components, thread } = server;
            run_hooks(&hooks.before_startup, &app).await.map_err(|e| e.context(app.server_id()))?;
            let mut encodings: Vec<Encoding> = own.iter().map(|connector| connector.encoding()).collect();
            encodings.dedup();
            let member = Member { info: app.info.clone(), incarnation: app.incarnation, methods, encodings };
            let up = async {
                components.start(&app).await.map_err(|e| e.context(app.server_id()))?;
                transport.bind(member.clone(), Arc::new(CoreInbox(Arc::downgrade(&app)))).await
            };
            let outlet = match up.await {
                Ok(outlet) => outlet,
                Err(error) => {
                    components.stop(&app).await;
                    return Err(error);
                }
            };
            // Bound once: the server is new.
            let _ = app.outlet.set(outlet);
            self.view.join(member);
            let tasks = vec![app.edge.flusher.spawn(), sweep(&app)];
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
            run_hooks(&server.hooks.after_startup, &server.app)
                .await
                .map_err(|e| e.context(server.app.server_id()))?;
            server.app.emit(Event::StartServer);
        }
        for server in &self.servers {
            run_hooks(&server.hooks.after_start_all, &server.app)
                .await
                .map_err(|e| e.context(server.app.server_id()))?;
            server.app.emit(Event::StartAll);
        }
        Ok(())
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

    /// Stops all servers: frontends first, so that what runs when their sessions close still finds the others.
    pub async fn stop(mut self) {
        let (frontends, backends) =
            std::mem::take(&mut self.servers).into_iter().partition(|up| up.app.is_frontend());
        for up in [frontends, backends].into_iter().flat_map(|group: Vec<_>| group) {
            self.take_down(up).await;
        }
    }

    async fn take_down(&self, up: Up<R>) {
        let Up { app, _node, listening, hooks, mut components, tasks, _thread } = up;
        for listening in listening {
            (listening.stop)().await;
        }
        if let Err(error) = run_hooks(&hooks.before_shutdown, &app).await {
            tracing::warn!(server = %app.server_id(), %error, "before_shutdown failed");
        }
        let sessions = app.edge.sessions();
        for session in &sessions {
            session.kick("the server is stopping");
        }
        let all_closed = async {
            for session in &sessions {
                session.closed().await;
            }
        };
        if tokio::time::timeout(app.limits.stop_timeout, all_closed).await.is_err() {
            tracing::warn!(server = %app.server_id(), "sessions took too long to close");
        }
        components.stop(&app).await;
        self.leave(&app).await;
        app.lanes().stop();
        tasks.iter().for_each(JoinHandle::abort);
        app.hooks.clear();
        app.channels.clear();
    }

    /// Takes a server out of the cluster and tells the others.
    async fn leave(&self, app: &App<R>) {
        if let Some(outlet) = app.outlet.get() {
            outlet.close().await;
        }
        self.view.leave(app.server_id(), app.incarnation);
        let gone: &ServerId = app.server_id();
        for other in &self.servers {
            other.app.server_gone(gone, app.incarnation);
        }
    }
}

async fn run_hooks<R: Cluster>(hooks: &[Lifecycle<R>], app: &App<R>) -> Result<()> {
    for hook in hooks {
        let run = app.executor.spawn(hook(app.clone()));
        run.await.unwrap_or_else(|_| Err(Error::of(ErrorKind::Panic, "a lifecycle hook panicked")))?;
    }
    Ok(())
}

/// Answers clients whose request is out at a server that is up and doesn't answer.
fn sweep<R: Cluster>(app: &App<R>) -> JoinHandle<()> {
    let core = Arc::downgrade(app);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let Some(core) = core.upgrade() else { return };
            // The server that handles it answers at the deadline; this is for when it can't.
            let limit = core.limits.request_timeout + Duration::from_secs(2);
            for waiter in core.pending.remove_overdue(limit) {
                let error = Error::of(ErrorKind::Deadline, "no answer came");
                super::inbox::settle(&core, waiter, Err(error));
            }
        }
    })
}

/// A thread with a runtime of its own, which ends when the sender is dropped.
pub(super) fn one_thread(server: &ServerId) -> Result<(Handle, Thread)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let (end, ended) = oneshot::channel();
    std::thread::Builder::new().name(server.to_string()).spawn(move || {
        // An error means that the sender was dropped, which is how the thread is told.
        let _ = runtime.block_on(ended);
    })?;
    Ok((handle, Some(end)))
}
