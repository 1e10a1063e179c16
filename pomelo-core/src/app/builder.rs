//! The builder of an application: its configuration, its servers' set-up, and what starts them.
//!
//! Nothing runs while a builder is filled: each method notes something, and the last one reads the
//! configuration, checks it as a whole and starts servers.
//!
//! ```text
//!  App::builder() ─▶ config_dir, env ─▶ configure, route, filter, insert, … ─┬▶ run           as the command line says
//!                                                                            ├▶ start         all servers of servers.json, here
//!                                                                            ├▶ start_only    some of them, here
//!                                                                            └▶ start_server  one, as a part of a cluster
//! ```
//!
//! What is set for all servers (`route`, `filter`) and what `configure` says are steps of one list, which
//! runs once for each server, in the order in which they were written. So a later step goes before an earlier
//! one where both set the same thing, such as the router of a type.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use futures::future::{Either, select};

use super::assembly::{Shares, assemble};
use super::cluster::{Cluster, Mount};
use super::configure::Configure;
use super::platform::{Network, Platform, Provided, Reach, Task, Wants};
use super::running::Running;
use super::start_error::StartError;
use super::starting::Joining;
use super::watchdog::end_process;
use super::{App, checks, variables};
use crate::cluster::{Discovery, Transport};
use crate::inject::State;
use crate::router::{RouteBy, Router, Routing};
use crate::runtime::boundary;
use crate::value::config::Config;
use crate::value::spelling::did_you_mean;
use crate::value::{Result, ServerId, ServerInfo, ServerList};
use crate::wire::{Codec, Codecs, Encoding};

/// The environment that servers run in if nothing names another.
pub(super) const DEFAULT_ENV: &str = "development";

type MountStep<R> = Box<dyn Fn(&App<R>, &mut Mount<R>) + Send + Sync>;

/// An application while it is being put together: made by [`App::builder`].
///
/// It is pomelo's `createApp` and what `app.js` does with the result. But pomelo's app is one server, and
/// this one is all servers of the application: what differs between them is said in
/// [`configure`](Self::configure).
///
/// ```
/// # use pomelo_doc::App;
/// use pomelo::{Hybrid, pick};
///
/// let builder = App::builder()
///     .config_dir("config")
///     .configure("all", "connector", |app| app.connector(Hybrid::new().use_dict()))
///     .route("chat", |by, servers| pick(by.key_or("rid")?, servers));
/// ```
///
/// A builder is used up by what starts it, so that no server starts twice. It may start many times in one
/// process, each time from a builder of its own: tests do.
#[doc(alias = "createApp")]
pub struct Builder<R> {
    /// The environment that the application names; an argument goes before it.
    env: Option<String>,
    /// Where servers.json is.
    source: Source,
    /// What sets up servers, in the order in which it was written.
    pub(super) steps: Vec<Step<R>>,
    /// The types of servers that `route` and `router` name.
    pub(super) routed: Vec<String>,
    /// What is mounted by hand, by type of server.
    pub(super) mounts: Vec<(String, MountStep<R>)>,
    /// What all servers share of what was inserted.
    pub(super) state: State,
    /// What the application has of its own, wherever servers run.
    network: Network,
    /// The same for clusters alone; it goes before the other.
    cluster: Network,
    /// Encodings of bodies that the application brings.
    codecs: Vec<(Encoding, Arc<dyn Codec>)>,
    /// The command line, if it isn't the process's own.
    args: Option<Vec<OsString>>,
}

/// A closure of `configure`.
type Run<R> = Box<dyn Fn(&mut Configure<R>) + Send + Sync>;

/// What sets up the servers of some types in some environments.
pub(super) struct Step<R> {
    /// A list of environments, such as `production|development`, or `all`.
    pub(super) envs: String,
    /// A list of types of servers, or `all`.
    pub(super) types: String,
    /// Whether the application wrote it, by `configure`.
    pub(super) is_written: bool,
    /// What it does to one server.
    pub(super) run: Run<R>,
}

impl<R> Step<R> {
    /// Whether it is for servers of that type in that environment.
    pub(super) fn is_for(&self, env: &str, server_type: &str) -> bool {
        matches(&self.envs, env) && matches(&self.types, server_type)
    }
}

/// Where the servers come from.
enum Source {
    /// A configuration directory.
    Dir(PathBuf),
    /// The text of a servers.json, and no other file.
    Text(String),
}

impl<R: Cluster> Builder<R> {
    pub(super) fn new() -> Self {
        Self {
            env: None,
            source: Source::Dir("config".into()),
            steps: vec![],
            routed: vec![],
            mounts: vec![],
            state: State::default(),
            network: Network::default(),
            cluster: Network::default(),
            codecs: vec![],
            args: None,
        }
    }

    /// Reads servers.json and its neighbours from a directory; the default is `config`. The variable `POMELO_CONFIG` names
    /// another one, so that a program runs unchanged with the configuration of another place.
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// let builder = App::builder().config_dir("game-server/config");
    /// ```
    #[doc(alias = "getBase")]
    #[must_use]
    pub fn config_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.source = Source::Dir(dir.into());
        self
    }

    /// Takes the text of a servers.json instead of a directory.
    ///
    /// For tests and small tools: no other file is read, so there are no dictionaries, schemas or
    /// cluster.json either.
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// # #[tokio::main]
    /// # async fn main() -> pomelo::Result<()> {
    /// let running = App::builder()
    ///     .servers(r#"{ "chat": [{ "id": "chat-1" }, { "id": "chat-2" }] }"#)
    ///     .start()
    ///     .await?;
    /// assert_eq!(running.apps().count(), 2);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn servers(mut self, json: impl Into<String>) -> Self {
        self.source = Source::Text(json.into());
        self
    }

    /// Sets the environment; else it is `POMELO_ENV`, or `development`. The argument `--env` wins over both.
    ///
    /// pomelo reads `NODE_ENV`, which isn't read here: a warning says so where nothing else names the
    /// environment.
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// let builder = App::builder().env("production");
    /// ```
    #[must_use]
    pub fn env(mut self, env: impl Into<String>) -> Self {
        self.env = Some(env.into());
        self
    }

    /// Sets up the servers of some types in some environments: each a list like `production|development`, or `all`.
    /// It runs once per server.
    ///
    /// A type that `servers!` doesn't list is an error at start. For `master`, which is no server here, and for environments that
    /// there are not, there is a warning.
    ///
    /// The closure is `Fn`, and gets another [`Configure`] for each server. What it makes inside belongs to
    /// one server; what it captures, all of them share. In pomelo it runs in the process of its server alone;
    /// here it runs for every server of this process.
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// use std::time::Duration;
    /// use pomelo::Hybrid;
    /// use pomelo::filter::Timeout;
    ///
    /// let builder = App::builder()
    ///     .configure("all", "gate|connector", |app| app.connector(Hybrid::new().use_protobuf()))
    ///     .configure("production", "chat", |app| {
    ///         app.filter(Timeout::default());
    ///         app.limits().request_timeout = Duration::from_secs(5);
    ///     });
    /// ```
    #[must_use]
    pub fn configure(
        mut self,
        envs: impl Into<String>,
        types: impl Into<String>,
        step: impl Fn(&mut Configure<R>) + Send + Sync + 'static,
    ) -> Self {
        let run = Box::new(step);
        self.steps.push(Step { envs: envs.into(), types: types.into(), is_written: true, run });
        self
    }

    /// Sets up all servers.
    fn for_all(mut self, run: impl Fn(&mut Configure<R>) + Send + Sync + 'static) -> Self {
        let all = || "all".to_owned();
        self.steps.push(Step { envs: all(), types: all(), is_written: false, run: Box::new(run) });
        self
    }

    /// Sets what routes messages to servers of a type, on all servers: a function that picks one.
    ///
    /// The function gets what to route by (a session or a [`key`](crate::rpc::key)) and the servers to choose
    /// from; it gives a server of that list, or the id of one. The same function routes messages of clients
    /// and calls by `app.rpc`, so both meet in one place.
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// use pomelo::pick;
    ///
    /// // A room is at one chat server, whoever asks for it.
    /// let builder = App::builder().route("chat", |by, servers| pick(by.key_or("rid")?, servers));
    /// ```
    #[must_use]
    pub fn route<F, S>(self, server_type: &str, router: F) -> Self
    where
        F: Fn(&RouteBy, &ServerList) -> Result<S> + Send + Sync + 'static,
        S: Into<ServerId> + 'static,
    {
        self.router(server_type, router)
    }

    /// Sets what routes messages to servers of a type, on all servers. The type `default` is for all that have none; one that
    /// `servers!` doesn't list is an error at start.
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// use pomelo::router::{ConsistentHash, RoundRobin};
    ///
    /// let builder = App::builder()
    ///     .router("battle", ConsistentHash::new(|by| by.key_or("battle")))
    ///     .router("default", RoundRobin::default());
    /// ```
    #[must_use]
    pub fn router(mut self, server_type: &str, router: impl Router) -> Self {
        let (server_type, router) = (server_type.to_owned(), Arc::new(router));
        self.routed.push(server_type.clone());
        self.for_all(move |app| app.router(&server_type, Shared(router.clone())))
    }

    /// Adds a filter around the handlers of all servers.
    ///
    /// It runs on the server that has the handler, be that a frontend or a backend. Around routing, at the
    /// frontend only, there is [`Configure::global_filter`].
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// use pomelo::filter::{Time, Timeout};
    ///
    /// // Before filters run in this order, after filters in reverse.
    /// let builder = App::builder().filter(Time).filter(Timeout::default());
    /// ```
    #[must_use]
    pub fn filter(self, filter: impl crate::filter::FilterFactory) -> Self {
        let filter = crate::filter::factory(filter);
        self.for_all(move |app| app.filters.push(filter.clone()))
    }

    /// Inserts something that methods are lent as `&T`, on all servers; they share it.
    ///
    /// ```
    /// use pomelo::{Result, remote};
    ///
    /// pomelo::servers! { chat: { remotes: [RoomRemote] } }
    ///
    /// /// Words that no message may have.
    /// struct BadWords(Vec<String>);
    ///
    /// struct RoomRemote;
    ///
    /// #[remote]
    /// impl RoomRemote {
    ///     pub async fn is_clean(words: &BadWords, text: String) -> Result<bool> {
    ///         Ok(!words.0.iter().any(|word| text.contains(word.as_str())))
    ///     }
    /// }
    ///
    /// # fn main() {
    /// let builder = App::builder().insert(BadWords(vec!["darn".to_owned()]));
    /// # }
    /// ```
    ///
    /// A method that wants a `&T` of something that nobody inserted is an error at start, which names the
    /// type and the method.
    #[must_use]
    pub fn insert<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.state.insert(value);
        self
    }

    /// Mounts handlers and remotes by hand on the servers of a type: those that `servers!` lists by their traits.
    ///
    /// ```
    /// use pomelo::{Result, remote};
    ///
    /// /// What the connectors' program knows of the chat servers.
    /// #[remote]
    /// trait ScoreRemote {
    ///     async fn best(&self, uid: String) -> Result<u32>;
    /// }
    ///
    /// pomelo::servers! { connector: {}, chat: { remotes: [impl ScoreRemote] } }
    ///
    /// struct InMemory;
    ///
    /// #[remote]
    /// impl ScoreRemote for InMemory {
    ///     async fn best(&self, uid: String) -> Result<u32> {
    ///         Ok(uid.len() as u32)
    ///     }
    /// }
    ///
    /// # fn main() {
    /// let builder = App::builder().mount("chat", |_, mount| mount.remote(InMemory));
    /// # }
    /// ```
    #[must_use]
    pub fn mount(
        mut self,
        server_type: &str,
        mount: impl Fn(&App<R>, &mut Mount<R>) + Send + Sync + 'static,
    ) -> Self {
        self.mounts.push((server_type.to_owned(), Box::new(mount)));
        self
    }

    /// Sets what carries messages between servers, wherever they run. By default that is within this process, or for a server
    /// by itself tcp with the options of cluster.json; with another, cluster.json isn't read.
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// use std::sync::Arc;
    /// use pomelo::net::transport::Memory;
    ///
    /// // Servers of two builders that have one transport can reach each other.
    /// let memory = Arc::new(Memory::new());
    /// let (one, other) = (App::builder().transport(memory.clone()), App::builder().transport(memory));
    /// ```
    #[doc(alias = "mailboxFactory")]
    #[doc(alias = "acceptorFactory")]
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.network.transport = Some(transport);
        self
    }

    /// Sets what tells the servers of the others, wherever they run. By default that is servers.json, or for a server by
    /// itself the master of master.json; with another, only `start` reads master.json, adminServer.json and adminUser.json.
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// # fn main() -> pomelo::Result<()> {
    /// use std::sync::Arc;
    /// use pomelo::config::Config;
    /// use pomelo::net::cluster::StaticDiscovery;
    ///
    /// let config = Config::from_servers(r#"{ "chat": [{ "id": "chat-1", "port": 4050 }] }"#, "development")?;
    /// // The cluster is what the file says; no master is asked.
    /// let builder = App::builder().discovery(Arc::new(StaticDiscovery::new(config.servers)));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "closeWatcher")]
    #[must_use]
    pub fn discovery(mut self, discovery: Arc<dyn Discovery>) -> Self {
        self.network.discovery = Some(discovery);
        self
    }

    /// As [`transport`](Self::transport), for a server by itself alone: servers that run together in this process stay as they are.
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use pomelo::net::transport::{Tcp, TcpOptions};
    ///
    /// let mut options = TcpOptions::default();
    /// options.gone_after = Duration::from_secs(8);
    /// // Only for processes of their own. `cargo run` with all servers in one process stays in memory.
    /// let builder = App::builder().cluster_transport(Arc::new(Tcp::new(options)));
    /// ```
    #[must_use]
    pub fn cluster_transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.cluster.transport = Some(transport);
        self
    }

    /// As [`discovery`](Self::discovery), for a server by itself alone: servers that run together in this process stay as they are.
    #[must_use]
    pub fn cluster_discovery(mut self, discovery: Arc<dyn Discovery>) -> Self {
        self.cluster.discovery = Some(discovery);
        self
    }

    /// Adds an encoding of bodies for clients that take another one than JSON, or replaces the one for pomelo-protobuf. All servers
    /// of the cluster need it: the one that sends encodes. A connector asks for it by its [`Format`](crate::wire::Format).
    ///
    /// An example of a codec is at [`Codec`].
    #[must_use]
    pub fn codec(mut self, encoding: Encoding, codec: impl Codec) -> Self {
        self.codecs.push((encoding, Arc::new(codec)));
        self
    }

    /// Sets the command line for [`run`](Self::run) instead of the process's own, without the program's name.
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// // What a process gets that a master starts.
    /// let builder = App::builder().args(["--server-id", "chat-server-1", "--env", "production"]);
    /// ```
    #[must_use]
    pub fn args<T: Into<OsString>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.args = Some(args.into_iter().map(Into::into).collect());
        self
    }

    /// Does what the command line says, until the process is asked to stop:
    ///
    /// | arguments | |
    /// |---|---|
    /// | none | every server of servers.json, in this process |
    /// | `start [--type T] [--id I] [--daemon]` | a master that starts one process per server |
    /// | `--server-id X` | that server, as a part of the cluster |
    ///
    /// `--env E` goes with each of them, and wins over [`env`](Self::env), which wins over `POMELO_ENV`.
    ///
    /// When the process is asked to stop (Ctrl-C or SIGTERM), the servers end what they have begun. The
    /// process ends by itself, with code 1 and the reason in the log and on stderr:
    /// - if a server [fails](Running::failed);
    /// - if a part of the stop takes longer than its limit:
    ///   [`stop_timeout`](crate::value::Limits::stop_timeout) for each of connectors, `before_shutdown`
    ///   hooks, requests, sessions, components and listeners, 5 s for leaving the cluster;
    /// - if all threads are blocked by code of the application for `stop_timeout` while it stops.
    ///
    /// pomelo exits 3 s after it was asked to stop, whatever is under way, and hears no signal by itself.
    ///
    /// # Errors
    /// If an argument is unknown: which. Else as [`start`](Self::start): the [`StartError`] is among the
    /// error's sources.
    ///
    /// # Cancel safety
    /// All servers end at once when it is dropped, with nothing drained; a master's children go on.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O and time.
    ///
    /// ```no_run
    /// # use pomelo_doc::App;
    /// #[tokio::main]
    /// async fn main() -> pomelo::Result<()> {
    ///     App::builder().config_dir("config").run().await
    /// }
    /// ```
    pub async fn run(mut self) -> Result<()> {
        let args = self.args.take().unwrap_or_else(|| std::env::args_os().skip(1).collect());
        let platform = R::platform();
        let task = platform.task(args).map_err(|source| StartError::Arguments { source }.into_error())?;
        match task {
            // Whoever can't read it has closed what it is written to.
            Task::Print(text) => drop(writeln!(std::io::stdout(), "{text}")),
            Task::RunAll { env } => run_out(self.set_env(env).start(), platform).await?,
            Task::RunOne { env, id, info } => {
                run_out(self.set_env(env).start_server(&id, info), platform).await?;
            }
            Task::Launch { env, wanted, launch } => {
                let config = self.set_env(env).launched(&wanted).map_err(StartError::into_error)?;
                launch(Arc::new(config)).await?;
            }
        }
        Ok(())
    }

    /// The configuration of servers that are launched in processes of their own, checked.
    fn launched(&self, wanted: impl Fn(&ServerInfo) -> bool) -> Result<Config, StartError> {
        let config = self.read_config()?;
        self.provide(&config, Reach::Launched, wanted)?;
        Ok(config)
    }

    fn set_env(mut self, env: Option<String>) -> Self {
        self.env = env.or(self.env);
        self
    }

    /// Starts every server of servers.json in this process.
    ///
    /// It returns when all of them take clients and calls. They start together, in this order: components and
    /// links, then clients, then the registration with the discovery; so nothing comes in before what it
    /// needs is there.
    ///
    /// # Errors
    /// If the configuration is wrong: which file and entry. If a method wants to be lent something that was
    /// not inserted: which type and method. If a port is taken: which, and by which server. If a hook fails.
    /// [`StartError`] tells them apart.
    ///
    /// # Cancel safety
    /// What has been started ends at once when it is dropped, with nothing drained.
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// # #[tokio::main]
    /// # async fn main() -> pomelo::Result<()> {
    /// # let builder = App::builder().servers(r#"{ "chat": [{ "id": "chat-1" }] }"#);
    /// let running = builder.start().await?;
    /// let app = running.app("chat-1").expect("it is up");
    /// assert_eq!(app.server_type(), "chat");
    /// running.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn start(self) -> Result<Running<R>, StartError> {
        self.start_only(|_| true).await
    }

    /// Starts those servers of servers.json that `wanted` picks, in this process.
    ///
    /// The others stay expected: routers see them, and a message for one of them fails at once, as for any
    /// server that is down.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    ///
    /// # Cancel safety
    /// As [`start`](Self::start).
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// # #[tokio::main]
    /// # async fn main() -> pomelo::Result<()> {
    /// # let builder = pomelo_doc::patient(App::builder());
    /// let builder = builder.servers(r#"{ "chat": [{ "id": "chat-1", "shard": 0 }, { "id": "chat-2", "shard": 1 }] }"#);
    /// let running = builder.start_only(|info| info.setting("shard") == Some(&0.into())).await?;
    /// assert!(running.app("chat-1").is_some() && running.app("chat-2").is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn start_only(self, wanted: impl Fn(&ServerInfo) -> bool) -> Result<Running<R>, StartError> {
        let config = self.read_config()?;
        self.start_servers(config, Reach::Process, wanted).await
    }

    /// Starts one server, which finds the others in their own processes. `info` says what it is, if
    /// servers.json doesn't, or otherwise.
    ///
    /// It is what [`run`](Self::run) does with `--server-id`: links go over the cluster's transport, and the
    /// cluster's discovery says who else is there.
    ///
    /// # Errors
    /// If there is no server of that id; if the cluster refuses it; else as [`start`](Self::start).
    ///
    /// # Cancel safety
    /// As [`start`](Self::start).
    ///
    /// ```no_run
    /// # use pomelo_doc::App;
    /// # async fn example() -> pomelo::Result<()> {
    /// let running = App::builder().config_dir("config").start_server("chat-server-1", None).await?;
    /// // Until Ctrl-C, a stop of the cluster, or a failure.
    /// let signal = async { drop(tokio::time::sleep(std::time::Duration::from_secs(3600)).await) };
    /// running.until(Box::pin(signal)).await
    /// # }
    /// ```
    pub async fn start_server(
        self,
        id: &str,
        info: Option<Arc<ServerInfo>>,
    ) -> Result<Running<R>, StartError> {
        let mut config = self.read_config()?;
        let info = info.filter(|info| info.id == *id);
        match (config.servers.iter_mut().find(|known| known.id == *id), info) {
            // An operator has added it in place of what the file has.
            (Some(known), Some(info)) => *known = info,
            (Some(_), None) => {}
            (None, Some(info)) => config.servers.push(info),
            (None, None) => {
                let Config { env, servers, servers_file, .. } = &config;
                let meant = did_you_mean(id, servers.iter().map(|info| info.id.as_str()));
                return Err(StartError::config(format_args!(
                    "{servers_file}: there is no server `{id}` in the environment `{env}`{meant}"
                )));
            }
        }
        self.start_servers(config, Reach::Cluster, |info| info.id == *id).await
    }

    /// The environment, if the application, an argument or a variable names it.
    fn named_env(&self) -> Option<String> {
        self.env.clone().or_else(|| std::env::var("POMELO_ENV").ok().filter(|env| !env.is_empty()))
    }

    fn read_config(&self) -> Result<Config, StartError> {
        let env = self.named_env().unwrap_or_else(|| DEFAULT_ENV.to_owned());
        Ok(match &self.source {
            Source::Dir(dir) => Config::read(configured(dir, std::env::var_os("POMELO_CONFIG")), &env)?,
            Source::Text(text) => Config::from_servers(text, &env)?,
        })
    }

    async fn start_servers(
        self,
        config: Config,
        reach: Reach,
        wanted: impl Fn(&ServerInfo) -> bool,
    ) -> Result<Running<R>, StartError> {
        let (network, codecs) = self.provide(&config, reach, &wanted)?;
        let routes = Arc::new(routes::<R>(&config));
        let shared = Shares { codecs, routes, config: Arc::new(config) };
        let mut servers = Vec::new();
        for info in shared.config.servers.iter().filter(|info| wanted(info)) {
            let assembled = boundary::assemble(&info.id, || assemble(&self, info, &shared));
            servers.push(assembled.map_err(|panic| StartError::failed(&info.id, panic))??);
        }
        let (Some(transport), Some(discovery)) = (network.transport, network.discovery) else {
            return Err(StartError::config("there is no transport or no discovery for a cluster"));
        };
        Running::start(servers, Joining { transport, discovery }).await
    }

    /// Checks all that servers have in common, before anything starts; logs what may be a mistake, and returns what they share.
    fn provide(
        &self,
        config: &Config,
        reach: Reach,
        wanted: impl Fn(&ServerInfo) -> bool,
    ) -> Result<(Network, Arc<Codecs>), StartError> {
        let warnings = checks::check(self, config, wanted)?;
        let own = self.cluster.clone().or(&self.network);
        let (transport, discovery) = (own.transport.is_none(), own.discovery.is_none());
        let wants = Wants { reach, transport, discovery };
        let provided =
            R::platform().provide(config, wants).map_err(|source| StartError::Config { source })?;
        let Provided { network, mut codecs, warnings: of_files, warned } = provided;
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let of_variables = variables::warnings(variables, self.named_env().as_deref());
        let all = [&config.warnings, &warnings, &of_files, &of_variables];
        checks::log(all.into_iter().flatten(), warned);
        let own = if reach == Reach::Cluster { own } else { self.network.clone() };
        self.codecs.iter().for_each(|(encoding, codec)| codecs.add(*encoding, codec.clone()));
        Ok((own.or(&network), Arc::new(codecs)))
    }
}

/// Starts servers, and runs them until they have stopped. If one of them can't go on, or a part of the stop took too long, the process
/// ends here and says why: what keeps a thread would keep the program's runtime from ending, too.
async fn run_out<R: Cluster>(
    starting: impl Future<Output = Result<Running<R>, StartError>>,
    platform: &'static dyn Platform,
) -> Result<()> {
    // From now on, since a frontend may have clients before all has started.
    let stop = platform.stop_signal();
    let (running, stop) = match select(stop, pin!(starting)).await {
        Either::Right((running, stop)) => (running.map_err(StartError::into_error)?, stop),
        Either::Left(_) => {
            tracing::info!("asked to stop before all had started");
            return Ok(());
        }
    };
    if let Err(reason) = running.until_watched(stop, platform).await {
        end_process(&reason);
    }
    Ok(())
}

/// A router that several servers share.
struct Shared<T>(Arc<T>);

impl<T: Router> Router for Shared<T> {
    fn route(&self, by: RouteBy, servers: ServerList) -> Routing {
        self.0.route(by, servers)
    }
}

/// The directory to read: the one that the application names, unless the environment says another.
fn configured(own: &Path, other: Option<OsString>) -> PathBuf {
    other.filter(|other| !other.is_empty()).map_or_else(|| own.into(), PathBuf::from)
}

/// Whether `name` is in a list like `production|development`, or the list is `all`.
fn matches(list: &str, name: &str) -> bool {
    items(list).any(|item| item == "all" || item == name)
}

/// The names of a list like `production|development`.
pub(super) fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split('|').map(str::trim)
}

/// The routes of all handlers of the types in servers.json.
fn routes<R: Cluster>(config: &Config) -> Vec<String> {
    let types: HashSet<&str> = config.servers.iter().map(|info| &*info.server_type).collect();
    let known = R::SERVERS.iter().filter(|known| types.contains(known.name));
    let methods = known.flat_map(|known| {
        let tables = known.handlers.iter();
        tables.flat_map(move |table| {
            table.methods.iter().map(move |m| format!("{}.{}.{}", known.name, table.name, m.name))
        })
    });
    methods.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_may_name_another_directory() {
        let own = Path::new("config");
        assert_eq!(configured(own, None), own);
        assert_eq!(configured(own, Some("".into())), own);
        assert_eq!(configured(own, Some("/etc/game".into())), Path::new("/etc/game"));
    }
}
