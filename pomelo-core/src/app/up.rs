//! A server that is up, and its ends: asked for, by a failure, or because whoever held it let it go.
//!
//! ```text
//!                       asked to stop          failed               dropped
//!  announce leaving         ✓                     ✓                    at once: ports, connections, tasks and links go
//!  connectors stop          ✓                     ✓
//!  before_shutdown          ✓                     ✓
//!  drain                    ✓                     –
//!  clients go               ✓                     ✓
//!  components stop          ✓                     ✓
//!  leave the cluster        ✓                     ✓                    in the background
//! ```
//!
//! Each step has a deadline, and says what it waits for (`server::progress`); what is late is dropped and the
//! stop goes on.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

use futures::future::join_all;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::cluster::Cluster;
use super::component::Components;
use super::lifecycle::{Lifecycle, LifecycleHooks};
use super::{App, announce};
use crate::dispatch::Installed;
use crate::frontend::Listening;
use crate::runtime::boundary::Site;
use crate::runtime::{Supervisor, Within, boundary};
use crate::server::leaving::LEAVE_TIMEOUT;
use crate::server::{Server, Step};
use crate::value::{Error, ErrorKind, Result, ServerId};

/// Ends the thread of a server that runs on one.
pub(super) type Thread = Option<oneshot::Sender<()>>;

/// What a server consists of while it is up. Dropping it ends the server at once, with nothing drained: its ports are free, its
/// connections closed and its tasks gone, and others learn that it left.
pub(super) struct Live<R> {
    /// The server's handle, which hooks and components get.
    pub(super) app: App<R>,
    /// Its methods; without them, calls are refused.
    _endpoints: Installed,
    /// In a mutex only so that what refers to a server may move between threads.
    listening: Mutex<Vec<Listening>>,
    /// Lets operators in, until nothing of the server is left to look at.
    operators: Mutex<Option<Listening>>,
    /// Those that stop are still to run.
    pub(super) hooks: LifecycleHooks<R>,
    /// Those that started are to be stopped.
    pub(super) components: Components<R>,
    /// Ends with this.
    _thread: Thread,
    /// Whether others were told of it.
    pub(super) is_joined: bool,
    /// Whether others know that it left.
    has_left: bool,
}

/// Why a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It was asked to: what it has begun ends first.
    Asked,
    /// It can't go on: its clients are let go, and the application's own parts stop.
    Failed,
    /// Nothing is drained, almost as by a crash.
    Crash,
}

impl<R> Live<R> {
    /// A server that begins.
    pub(super) fn new(
        app: App<R>,
        endpoints: Installed,
        hooks: LifecycleHooks<R>,
        components: Components<R>,
        thread: Thread,
    ) -> Self {
        let (listening, operators) = Default::default();
        Self {
            app,
            _endpoints: endpoints,
            listening,
            operators,
            hooks,
            components,
            _thread: thread,
            is_joined: false,
            has_left: false,
        }
    }

    pub(super) fn listening(&mut self) -> &mut Vec<Listening> {
        self.listening.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn operators(&mut self) -> &mut Option<Listening> {
        self.operators.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl<R: Cluster> Live<R> {
    /// Ends the server. Each step has a deadline.
    pub(super) async fn end(mut self, ending: Ending) {
        let app = self.app.clone();
        if ending == Ending::Crash {
            self.stop_listening().await;
        } else {
            self.stop(ending).await;
        }
        app.step(Step::Leave, LEAVE_TIMEOUT, self.leave()).await;
        self.has_left = true;
        app.step(Step::Listeners, app.peers.limits.stop_timeout, app.events.heard()).await;
        if ending != Ending::Crash {
            announce::stopped(&app);
        }
    }

    /// Lets operators go, who could look until now, and leaves the cluster.
    async fn leave(&mut self) {
        if let Some(operators) = self.operators().take() {
            (operators.stop)().await;
        }
        self.app.leave().await;
    }

    async fn stop(&mut self, ending: Ending) {
        let app = self.app.clone();
        let limit = app.peers.limits.stop_timeout;
        app.begin_leaving();
        app.step(Step::Connectors, limit, self.stop_listening()).await;
        if self.is_joined {
            self.run_last_hooks().await;
        }
        app.peers.timers.begin_end();
        if ending == Ending::Asked {
            app.drain().await;
        }
        app.dismiss_clients("the server is stopping").await;
        self.components.stop(&app).await;
    }

    async fn run_last_hooks(&mut self) {
        let (app, hooks) = (&self.app, std::mem::take(&mut self.hooks.before_shutdown));
        app.progress.begin(Step::Hooks);
        let limit = app.peers.limits.stop_timeout;
        if let Err(error) = run_hooks("before_shutdown", &hooks, app, limit).await {
            if error.kind() == ErrorKind::Deadline {
                app.took_too_long(limit);
            }
            tracing::warn!(server = %app.server_id(), %error, "before_shutdown failed");
        }
    }

    async fn stop_listening(&mut self) {
        let listening = std::mem::take(self.listening());
        join_all(listening.into_iter().map(|listening| (listening.stop)())).await;
    }

    /// The longest time that [`end`](Self::end) takes.
    pub(super) fn longest_end(&self) -> Duration {
        // Connectors, requests, sessions and listeners; each hook and each component.
        let steps = 4 + self.hooks.before_shutdown.len() + self.components.len();
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        self.app.peers.limits.stop_timeout.saturating_mul(steps).saturating_add(LEAVE_TIMEOUT)
    }
}

impl<R> Drop for Live<R> {
    fn drop(&mut self) {
        let server: &Arc<Server> = &self.app;
        if !self.has_left {
            server.abandon();
        }
        // Hooks hold the application. What they would do needs a server.
        server.sessions.hooks.clear();
        server.close_connections();
        server.peers.timers.end();
        server.peers.tasks.end();
        server.channels.clear();
    }
}

/// A server that is up, as [`Running`](super::running::Running) holds it.
pub(super) struct Up<R> {
    /// Also when the server has failed, so that who asks learns of what.
    app: App<R>,
    /// Where clients reach it, one for each connector.
    addresses: Vec<SocketAddr>,
    /// Where operators reach it.
    operators: Option<SocketAddr>,
    /// Taken out by whoever ends the server; none if it has failed.
    live: Arc<Mutex<Option<Live<R>>>>,
    /// What a watchdog gives it.
    longest_end: Duration,
    /// Ends the server if it fails.
    undertaker: JoinHandle<()>,
}

impl<R: Cluster> Up<R> {
    pub(super) fn new(mut live: Live<R>) -> Self {
        let (app, longest_end) = (live.app.clone(), live.longest_end());
        let addresses = live.listening().iter().map(|listening| listening.address).collect();
        let operators = live.operators().as_ref().map(|listening| listening.address);
        let live = Arc::new(Mutex::new(Some(live)));
        let (tasks, failing) = (app.peers.tasks.clone(), live.clone());
        let undertaker = app.peers.tasks.runtime().spawn(async move {
            tasks.failed().await;
            if let Some(live) = take(&failing) {
                live.end(Ending::Failed).await;
            }
        });
        Self { app, addresses, operators, live, longest_end, undertaker }
    }

    pub(super) fn app(&self) -> &App<R> {
        &self.app
    }

    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub(super) fn operators(&self) -> Option<SocketAddr> {
        self.operators
    }

    pub(super) fn longest_end(&self) -> Duration {
        self.longest_end
    }

    /// Ends the server, or waits until it has ended, if it failed.
    pub(super) async fn end(mut self, ending: Ending) {
        match take(&self.live) {
            Some(live) => live.end(ending).await,
            // A panic in there has ended the server as well.
            None => drop((&mut self.undertaker).await),
        }
    }
}

impl<R> Drop for Up<R> {
    fn drop(&mut self) {
        self.undertaker.abort();
        drop(take(&self.live));
    }
}

fn take<R>(live: &Mutex<Option<Live<R>>>) -> Option<Live<R>> {
    live.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take()
}

/// Runs hooks where the server's code runs, one after the other; each may take `limit`.
pub(super) async fn run_hooks<R: Cluster>(
    what: &'static str,
    hooks: &[Lifecycle<R>],
    app: &App<R>,
    limit: Duration,
) -> Result<()> {
    for hook in hooks {
        let (hook, own) = (hook.clone(), app.clone());
        let run = async move {
            let site = Site::new(&own.peers, what);
            let run = boundary::run(site, (hook, own.clone()), |(hook, app)| hook(app));
            Within::hook(&own.peers, what).poll(run).await.flatten()
        };
        let mut task = app.peers.executor.spawn(run);
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

/// A thread with a runtime of its own, which ends when the sender is dropped. If it ends otherwise, the server fails.
pub(super) fn one_thread(server: &ServerId, tasks: &Supervisor) -> Result<(Handle, Thread, ThreadId)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let (end, ended) = oneshot::channel();
    let tasks = tasks.clone();
    let thread = std::thread::Builder::new().name(server.to_string()).spawn(move || {
        let _ends = ThreadEnds { tasks };
        // An error means that the sender was dropped, which is how the thread is told.
        let _ = runtime.block_on(ended);
    })?;
    Ok((handle, Some(end), thread.thread().id()))
}

/// Fails the server whose thread panics: nothing of the application's would run any more.
struct ThreadEnds {
    tasks: Supervisor,
}

impl Drop for ThreadEnds {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.tasks.fail(Error::of(ErrorKind::Panic, "the server's thread panicked"));
        }
    }
}
