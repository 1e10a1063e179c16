//! The launch of an application: what its builder's last methods do, by the command line or as they are called.
//!
//! ```text
//!  run ─▶ Platform::task ─┬▶ Print      a text, such as the help
//!                         ├▶ RunAll     start, until the signal to stop
//!                         ├▶ RunOne     start_server, in the same way
//!                         ├▶ Join       start_joining, in the same way
//!                         └▶ Launch     a master, which starts processes of this very program
//! ```
//!
//! Whichever it is, the configuration is read and checked as a whole before anything starts.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use futures::future::{Either, select};
use serde_json::{Map, Value};

use super::assembly::{Shares, assemble};
use super::builder::{Builder, DEFAULT_ENV, Source};
use super::cluster::Cluster;
use super::platform::{Network, OperatorAccess, Platform, Provided, Reach, Task, Wants};
use super::running::Running;
use super::start_error::StartError;
use super::starting::Joining;
use super::watchdog::end_process;
use super::{checks, variables};
use crate::runtime::boundary;
use crate::value::config::{Config, ConfigError};
use crate::value::spelling::did_you_mean;
use crate::value::{Result, ServerInfo};
use crate::wire::Codecs;

impl<R: Cluster> Builder<R> {
    /// Does what the command line says, until the process is asked to stop:
    ///
    /// | arguments | |
    /// |---|---|
    /// | none | every server of servers.json, in this process |
    /// | `start [--type T] [--id I] [--daemon]` | a master that starts one process per server |
    /// | `--server-id X` | that server, as a part of the cluster |
    /// | `--type T --id X [--host H] [--port P]` | that server, which joins the cluster: no servers.json needs to have it |
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
            Task::RunAll { env, settings } => {
                run_out(self.set_env(env).set_of_command_line(settings).start(), platform).await?;
            }
            Task::RunOne { env, id, info, settings } => {
                let builder = self.set_env(env).set_of_command_line(settings);
                run_out(builder.start_server(&id, info), platform).await?;
            }
            Task::Join { env, entry } => run_out(self.set_env(env).start_joining(entry), platform).await?,
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

    /// What the command line says of the first server that is started.
    fn set_of_command_line(mut self, settings: Map<String, Value>) -> Self {
        self.said = settings;
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
        let info = info.filter(|info| info.id == *id);
        let mut config = match &info {
            Some(_) => self.read_config_if_any()?,
            None => self.read_config()?,
        };
        match info {
            Some(info) => config.put(info),
            None if config.servers.iter().any(|known| known.id == *id) => {}
            None => {
                let Config { env, servers, servers_file, .. } = &config;
                let meant = did_you_mean(id, servers.iter().map(|info| info.id.as_str()));
                return Err(StartError::config(format_args!(
                    "{servers_file}: there is no server `{id}` in the environment `{env}`{meant}"
                )));
            }
        }
        self.start_servers(config, Reach::Cluster, |info| info.id == *id).await
    }

    /// Starts one server that an entry describes, as servers.json would: a process that joins a cluster by starting, such as a
    /// container. It is told of the others by the cluster's discovery, which should be one that knows of servers by themselves.
    ///
    /// What servers.json has of the entry's id is what it is else; there needs to be no such file. `frontend` is true where the
    /// entry has a `clientPort` and doesn't say otherwise. It is what [`run`](Self::run) does with `--type` and `--id`.
    ///
    /// # Errors
    /// If the entry has no `id`, or nothing says the `serverType`, or another one than servers.json does; if something of it can't be
    /// read; else as [`start_server`](Self::start_server).
    ///
    /// # Cancel safety
    /// As [`start`](Self::start).
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// # #[tokio::main]
    /// # async fn main() -> pomelo::Result<()> {
    /// # let builder = App::builder();
    /// # let discovery = std::sync::Arc::new(pomelo::net::cluster::StaticDiscovery::new([]));
    /// let entry = serde_json::json!({ "id": "chat-7", "serverType": "chat", "host": "127.0.0.1" });
    /// let builder = builder.config_dir("no/such/directory").cluster_discovery(discovery);
    /// let running = builder.start_joining(entry.as_object().cloned().unwrap_or_default()).await?;
    /// assert!(running.app("chat-7").is_some());
    /// # running.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn start_joining(self, entry: Map<String, Value>) -> Result<Running<R>, StartError> {
        let mut config = self.read_config_if_any()?;
        let info = config.joining(entry).map_err(|source| StartError::Arguments { source })?;
        let id = info.id.clone();
        config.put(info);
        let routes = routes::<R>(|_| true);
        self.start_with(config, routes, Reach::Cluster, |info| info.id == id).await
    }

    /// The environment, if the application, an argument or a variable names it.
    fn named_env(&self) -> Option<String> {
        self.env.clone().or_else(|| std::env::var("POMELO_ENV").ok().filter(|env| !env.is_empty()))
    }

    fn read_config(&self) -> Result<Config, StartError> {
        self.read_by(Config::read)
    }

    /// As [`read_config`](Self::read_config), of a server that no servers.json has to list.
    fn read_config_if_any(&self) -> Result<Config, StartError> {
        self.read_by(Config::read_if_any)
    }

    fn read_by(
        &self,
        read: impl FnOnce(PathBuf, &str) -> Result<Config, ConfigError>,
    ) -> Result<Config, StartError> {
        let env = self.named_env().unwrap_or_else(|| DEFAULT_ENV.to_owned());
        Ok(match &self.source {
            Source::Dir(dir) => read(configured(dir, std::env::var_os("POMELO_CONFIG")), &env)?,
            Source::Text(text) => Config::from_servers(text, &env)?,
        })
    }

    async fn start_servers(
        self,
        mut config: Config,
        reach: Reach,
        wanted: impl Fn(&ServerInfo) -> bool,
    ) -> Result<Running<R>, StartError> {
        if let Some(first) = config.servers.iter_mut().find(|info| wanted(info)) {
            Arc::make_mut(first).settings.extend(self.said.clone());
        }
        let types: HashSet<_> = config.servers.iter().map(|info| info.server_type.clone()).collect();
        let routes = routes::<R>(|server_type| types.contains(server_type));
        self.start_with(config, routes, reach, wanted).await
    }

    async fn start_with(
        self,
        config: Config,
        routes: Vec<String>,
        reach: Reach,
        wanted: impl Fn(&ServerInfo) -> bool,
    ) -> Result<Running<R>, StartError> {
        let Shared { network, codecs, operators } = self.provide(&config, reach, &wanted)?;
        let modules = operators.iter().flat_map(|operators| operators.modules()).collect();
        let shared = Shares { codecs, routes: Arc::new(routes), config: Arc::new(config), modules };
        let mut servers = Vec::new();
        for info in shared.config.servers.iter().filter(|info| wanted(info)) {
            let assembled = boundary::assemble(&info.id, || assemble(&self, info, &shared));
            servers.push(assembled.map_err(|panic| StartError::failed(&info.id, panic))??);
        }
        let (Some(transport), Some(discovery)) = (network.transport, network.discovery) else {
            return Err(StartError::config("there is no transport or no discovery for a cluster"));
        };
        Running::start(servers, Joining { transport, discovery, operators }).await
    }

    /// Checks all that servers have in common, before anything starts; logs what may be a mistake, and returns what they share.
    fn provide(
        &self,
        config: &Config,
        reach: Reach,
        wanted: impl Fn(&ServerInfo) -> bool,
    ) -> Result<Shared, StartError> {
        let warnings = checks::check(self, config, wanted)?;
        let own = self.cluster.clone().or(&self.network);
        let (transport, discovery) = (own.transport.is_none(), own.discovery.is_none());
        let wants = Wants { reach, transport, discovery };
        let provided =
            R::platform().provide(config, wants).map_err(|source| StartError::Config { source })?;
        let Provided { network, mut codecs, operators, warnings: of_files, warned } = provided;
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let of_variables = variables::warnings(variables, self.named_env().as_deref());
        let all = [&config.warnings, &warnings, &of_files, &of_variables];
        checks::log(all.into_iter().flatten(), warned);
        let mut own = if reach == Reach::Cluster { own } else { self.network.clone() };
        if reach == Reach::Cluster
            && let Some(discovery) = own.discovery.take()
        {
            let managed = R::platform().manage(config, discovery);
            own.discovery = Some(managed.map_err(|source| StartError::Config { source })?);
        }
        self.codecs.iter().for_each(|(encoding, codec)| codecs.add(*encoding, codec.clone()));
        Ok(Shared { network: own.or(&network), codecs: Arc::new(codecs), operators })
    }
}

/// What the servers of a process have of it.
struct Shared {
    /// How they find and reach others.
    network: Network,
    /// The codecs of bodies.
    codecs: Arc<Codecs>,
    /// Lets operators in.
    operators: Option<Arc<dyn OperatorAccess>>,
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

/// The directory to read: the one that the application names, unless the environment says another.
fn configured(own: &Path, other: Option<OsString>) -> PathBuf {
    other.filter(|other| !other.is_empty()).map_or_else(|| own.into(), PathBuf::from)
}

/// The routes of all handlers of those types: of servers.json, or all where servers join that it doesn't have.
fn routes<R: Cluster>(is_there: impl Fn(&str) -> bool) -> Vec<String> {
    let known = R::SERVERS.iter().filter(|known| is_there(known.name));
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
