//! The builder of an application: its configuration, its servers' set-up, and what starts them.
//!
//! Nothing runs while a builder is filled: each method notes something, and the last one reads the
//! configuration, checks it as a whole and starts servers.
//!
//! ```text
//!  App::builder() ─▶ config_dir, env ─▶ configure, route, filter, insert, …
//!    ├▶ run           as the command line says
//!    ├▶ start         all servers of servers.json, here
//!    ├▶ start_only    some of them, here
//!    └▶ start_server  one, as a part of a cluster
//! ```
//!
//! What is set for all servers (`route`, `filter`) and what `configure` says are steps of one list, which
//! runs once for each server, in the order in which they were written. So a later step goes before an earlier
//! one where both set the same thing, such as the router of a type.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::App;
use super::cluster::{Cluster, Mount};
use super::configure::Configure;
use super::platform::Network;
use crate::cluster::{Discovery, Transport};
use crate::inject::State;
use crate::router::{RouteBy, Router, Routing};
use crate::value::{Result, ServerId, ServerList};
use crate::wire::{Codec, Encoding};

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
    pub(super) env: Option<String>,
    /// Where servers.json is.
    pub(super) source: Source,
    /// What sets up servers, in the order in which it was written.
    pub(super) steps: Vec<Step<R>>,
    /// The types of servers that `route` and `router` name.
    pub(super) routed: Vec<String>,
    /// What is mounted by hand, by type of server.
    pub(super) mounts: Vec<(String, MountStep<R>)>,
    /// What all servers share of what was inserted.
    pub(super) state: State,
    /// What the application has of its own, wherever servers run.
    pub(super) network: Network,
    /// The same for clusters alone; it goes before the other.
    pub(super) cluster: Network,
    /// Encodings of bodies that the application brings.
    pub(super) codecs: Vec<(Encoding, Arc<dyn Codec>)>,
    /// The command line, if it isn't the process's own.
    pub(super) args: Option<Vec<OsString>>,
    /// What the command line says of the first server, as keys of servers.json.
    pub(super) said: Map<String, Value>,
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
pub(super) enum Source {
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
            said: Map::new(),
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

    /// As [`insert`](Self::insert), unless the application has one of that type. The test kit does so.
    #[doc(hidden)]
    #[must_use]
    pub fn insert_default<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        if self.state.find::<T>().is_none() {
            self.state.insert(value);
        }
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
    /// itself the master of master.json; with another, only `start` reads master.json and adminServer.json, and adminUser.json is read by it and by
    /// servers with an `operatorPort`.
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
}

/// A router that several servers share.
struct Shared<T>(Arc<T>);

impl<T: Router> Router for Shared<T> {
    fn route(&self, by: RouteBy, servers: ServerList) -> Routing {
        self.0.route(by, servers)
    }
}

/// Whether `name` is in a list like `production|development`, or the list is `all`.
fn matches(list: &str, name: &str) -> bool {
    items(list).any(|item| item == "all" || item == name)
}

/// The names of a list like `production|development`.
pub(super) fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split('|').map(str::trim)
}
