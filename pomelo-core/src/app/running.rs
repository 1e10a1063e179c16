//! Servers that run in this process.
//!
//! `run` holds one until the process is asked to stop; a test, or a program that embeds servers, holds one
//! itself.
//!
//! ```text
//!  start ─▶ Running ─┬▶ until(signal)   serves until then, and stops
//!                    ├▶ stop            drains, and ends
//!                    ├▶ stop_server(id) the same for one
//!                    ├▶ crash_server    ends one with nothing drained
//!                    └▶ dropped         ends all with nothing drained
//! ```

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::{BoxFuture, Either, select, select_all};

use super::cluster::Cluster;
use super::platform::Platform;
use super::start_error::StartError;
use super::starting::{Assembled, Joining, end_all};
use super::up::{Ending, Up};
use super::watchdog::{Patience, Watchdog};
use super::{App, starting};
use crate::server::Server;
use crate::value::{Error, ErrorKind, Result, ServerId};

/// Processes that are told to stop together have all heard of it by then, and said so, even where they are many on few
/// cores.
const STOP_ANNOUNCE_DELAY: Duration = Duration::from_millis(250);

/// The servers of an application that run in this process.
///
/// Dropping it ends them at once, with nothing drained: their ports are free, connections are closed, and others learn that
/// they left. [`stop`](Self::stop) ends what they have begun.
///
/// ```
/// # use pomelo_doc::App;
/// # #[tokio::main]
/// # async fn main() -> pomelo::Result<()> {
/// # let builder = App::builder().servers(r#"{ "chat": [{ "id": "chat-1" }, { "id": "chat-2" }] }"#);
/// let mut running = builder.start().await?;
/// assert!(running.stop_server("chat-2").await);
/// assert!(running.app("chat-2").is_none());
/// running.stop().await;
/// # Ok(())
/// # }
/// ```
#[must_use = "the servers end when this is dropped"]
pub struct Running<R> {
    /// Those that have not been stopped; one that failed stays here until it is.
    servers: Vec<Up<R>>,
}

impl<R: Cluster> Running<R> {
    pub(super) async fn start(servers: Vec<Assembled<R>>, joining: Joining) -> Result<Self, StartError> {
        let servers = starting::start(servers, &joining).await?;
        Ok(Self { servers: servers.into_iter().map(Up::new).collect() })
    }

    /// Runs until `signal` comes, the cluster has asked every server to stop or one of them can't go on, and stops what is
    /// left.
    ///
    /// # Errors
    /// Why a server could not go on: see [`failed`](Self::failed). What a stop waited for, if a part of it passed its deadline. That an
    /// operator wants a restart, which is for whoever supervises the process.
    ///
    /// # Cancel safety
    /// All servers end at once when it is dropped.
    ///
    /// ```no_run
    /// # async fn example<R: pomelo::app::Cluster>(running: pomelo::app::Running<R>) -> pomelo::Result<()> {
    /// let evening = Box::pin(tokio::time::sleep(std::time::Duration::from_secs(8 * 3600)));
    /// running.until(evening).await
    /// # }
    /// ```
    pub async fn until(self, signal: BoxFuture<'static, ()>) -> Result<()> {
        self.serve(signal, || ()).await
    }

    /// As [`until`](Self::until), with a thread that ends the process if the stop takes longer than it may, as when the
    /// application blocks all threads. That hears a signal of its own.
    pub(super) async fn until_watched(
        self,
        stop: BoxFuture<'static, ()>,
        platform: &'static dyn Platform,
    ) -> Result<()> {
        let (mut watchdog, heard) = Watchdog::start(platform, self.patience())?;
        let either = Box::pin(async move { drop(select(stop, heard).await) });
        self.serve(either, || watchdog.begin()).await
    }

    async fn serve(mut self, mut signal: BoxFuture<'static, ()>, stopping: impl FnOnce()) -> Result<()> {
        let servers: Vec<Arc<Server>> = self.servers.iter().map(|up| Arc::clone(up.app())).collect();
        let (mut failure, mut restart) = (None, None);
        while !self.servers.is_empty() {
            let asked = {
                let asked = pin!(self.asked_to_stop());
                let failed = pin!(self.failed());
                match select(&mut signal, select(asked, failed)).await {
                    Either::Left(_) => break,
                    Either::Right((Either::Left((server, _)), _)) => server,
                    Either::Right((Either::Right(((_, error), _)), _)) => {
                        failure = Some(error);
                        break;
                    }
                }
            };
            tracing::info!(server = %asked, "asked to stop");
            restart = restart.or_else(|| self.wants_restart(&asked));
            self.stop_server(&asked).await;
        }
        tracing::info!("stopping");
        stopping();
        self.wait_for_company().await;
        self.stop().await;
        let overdue = servers.iter().filter_map(|server| server.overdue());
        let overdue = overdue.reduce(|all, error| error.context(all.message()));
        failure.or(overdue).or(restart).map_or(Ok(()), Err)
    }

    /// Waits until one of the servers can't go on, and says which and why. That server ends by itself; the others go on.
    ///
    /// A server fails when one of the tasks that it needs panics again and again, or when its transport or discovery says that
    /// it can't stay.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped: a failure is told again.
    ///
    /// ```no_run
    /// # async fn example<R: pomelo::app::Cluster>(running: pomelo::app::Running<R>) {
    /// let (server, why) = running.failed().await;
    /// eprintln!("{server} can't go on: {why}");
    /// # }
    /// ```
    pub async fn failed(&self) -> (ServerId, Error) {
        let failures = self.servers.iter().map(|up| {
            Box::pin(async { (up.app().server_id().clone(), up.app().peers.tasks.failed().await) })
        });
        match self.servers.is_empty() {
            true => std::future::pending().await,
            false => select_all(failures).await.0,
        }
    }

    /// How long a stop may take, and how to find out what it waits for.
    fn patience(&self) -> Patience {
        let longest = |frontends: bool| {
            let group = self.servers.iter().filter(|up| up.app().is_frontend() == frontends);
            group.map(Up::longest_end).max().unwrap_or_default()
        };
        let limits = self.servers.iter().map(|up| up.app().peers.limits.stop_timeout);
        let servers: Vec<Arc<Server>> = self.servers.iter().map(|up| Arc::clone(up.app())).collect();
        Patience {
            longest: longest(true) + longest(false) + STOP_ANNOUNCE_DELAY,
            blocked: limits.max().unwrap_or_default(),
            waits_for: Box::new(move || {
                let waiting =
                    servers.iter().map(|server| format!("{}: {}", server.server_id(), server.waits_for()));
                waiting.collect::<Vec<_>>().join("; ")
            }),
        }
    }

    /// The process was told to stop, and perhaps all others were: what frontends have begun there needs the servers here,
    /// which wait for frontends that say that they stop.
    async fn wait_for_company(&self) {
        let is_frontend = self.servers.iter().any(|up| up.app().is_frontend());
        if !is_frontend && self.servers.iter().any(|up| up.app().may_have_company()) {
            self.servers.iter().for_each(|up| up.app().begin_leaving());
            tokio::time::sleep(STOP_ANNOUNCE_DELAY).await;
        }
    }

    /// What the program ends with, if whoever wants that server to stop wants it back.
    fn wants_restart(&self, server: &ServerId) -> Option<Error> {
        let up = self.servers.iter().find(|up| up.app().server_id() == server)?;
        let wanted = up.app().membership.wants_restart.load(Ordering::Acquire);
        let why = "an operator wants a restart, which is for whoever supervises this process";
        wanted.then(|| Error::of(ErrorKind::Closed, why).context(server))
    }

    /// Waits until the cluster wants one of the servers to stop, and says which.
    async fn asked_to_stop(&self) -> ServerId {
        let asked = self.servers.iter().map(|up| {
            Box::pin(async {
                up.app().membership.asked_to_stop.notified().await;
                up.app().server_id().clone()
            })
        });
        match self.servers.is_empty() {
            true => std::future::pending().await,
            false => select_all(asked).await.0,
        }
    }

    /// The app on one of the servers.
    ///
    /// Through it code that is no handler reaches the server: a web page, a test, a game master's console.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> pomelo::Result<()> {
    /// # let running = pomelo_doc::chat().await;
    /// let app = running.app("chat-1").expect("it is up").clone();
    /// assert_eq!((app.server_id().as_str(), app.channels().len()), ("chat-1", 0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn app(&self, server: &str) -> Option<&App<R>> {
        self.apps().find(|app| *app.server_id() == *server)
    }

    /// The apps of all servers.
    pub fn apps(&self) -> impl Iterator<Item = &App<R>> {
        self.servers.iter().map(Up::app)
    }

    /// Where clients reach a server: one address per connector.
    ///
    /// Where a connector was told port 0, it is the port that the system chose.
    pub fn addresses(&self, server: &str) -> Vec<SocketAddr> {
        let up = self.servers.iter().find(|up| *up.app().server_id() == *server);
        up.map(|up| up.addresses().to_vec()).unwrap_or_default()
    }

    /// Where operators reach a server, if it has a port for them: `operatorPort` in servers.json. Where that is 0, it is the port that
    /// the system chose.
    pub fn operators(&self, server: &str) -> Option<SocketAddr> {
        self.servers.iter().find(|up| *up.app().server_id() == *server)?.operators()
    }

    /// Stops one server, as if it had left; false if there is none of that id. Calls to it fail at once, and its
    /// sessions are gone from all channels.
    ///
    /// # Cancel safety
    /// The server ends at once when it is dropped.
    ///
    /// Requests that it has begun are answered first, and what it hadn't begun goes to other servers where a
    /// router may choose again: a rolling restart loses no call that could be served.
    pub async fn stop_server(&mut self, server: &str) -> bool {
        self.end_server(server, Ending::Asked).await
    }

    /// Ends one server with nothing drained, almost as a crash would; false if there is none of that id. For tests of
    /// what the others do.
    ///
    /// # Cancel safety
    /// The server ends at once when it is dropped.
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// # #[tokio::main]
    /// # async fn main() -> pomelo::Result<()> {
    /// # let builder = App::builder().servers(r#"{ "chat": [{ "id": "chat-1" }, { "id": "chat-2" }] }"#);
    /// let mut running = builder.start().await?;
    /// running.crash_server("chat-2").await;
    /// let app = running.app("chat-1").expect("it is up");
    /// // Routers still expect it; it is not up.
    /// assert!(app.servers("chat").by_id("chat-2").is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn crash_server(&mut self, server: &str) -> bool {
        self.end_server(server, Ending::Crash).await
    }

    async fn end_server(&mut self, server: &str, ending: Ending) -> bool {
        let Some(index) = self.servers.iter().position(|up| *up.app().server_id() == *server) else {
            return false;
        };
        self.servers.remove(index).end(ending).await;
        true
    }

    /// Stops all servers: frontends first, so that what runs when their sessions close still finds the others. What takes
    /// longer than [`stop_timeout`](crate::value::Limits::stop_timeout) is named in the log and cut off.
    ///
    /// # Cancel safety
    /// What has not ended ends at once when it is dropped.
    ///
    /// ```text
    ///  say that it leaves ─▶ connectors take nobody ─▶ before_shutdown ─▶ what was begun ends
    ///    ─▶ clients go, on_closed ─▶ components stop, the last one first ─▶ links, registration
    /// ```
    pub async fn stop(mut self) {
        let servers = std::mem::take(&mut self.servers);
        end_all(servers, |up| up.app().is_frontend(), |up| up.end(Ending::Asked)).await;
    }
}
