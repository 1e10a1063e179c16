//! What a process provides where the application chooses nothing else.

mod command;
#[cfg(unix)]
mod orphans;

use std::sync::Arc;

use futures::future::BoxFuture;
use pomelo_core::app::{Command, Files, Platform, Reach};
use pomelo_core::cluster::{Discovery, Transport};
use pomelo_core::value::config::Config;
use pomelo_core::value::{Error, ErrorKind, Result};
use pomelo_core::wire::Codecs;

use crate::cluster::Static;
use crate::cluster::master::{self, MasterSetup, Monitor, Only};
use crate::cluster::secret::Secret;
use crate::protocol::dictionary::{Dictionary, DictionaryError};
use crate::protocol::protobuf::Protos;
use crate::transport::{Memory, Tcp, TcpOptions};

/// The environment variable that has the cluster's secret, where cluster.json should not.
const SECRET: &str = "POMELO_CLUSTER_SECRET";

/// ServerList of one process, or by tcp and master; pomelo-protobuf by the configuration's schemas; and a stop on Ctrl-C or
/// SIGTERM. Meanwhile the first process of a container also looks after orphans.
pub fn platform() -> Platform {
    Platform { transport, discovery, check, codecs, command: command::parse, master, stop_signal }
}

fn transport(config: &Config, reach: Reach) -> Result<Arc<dyn Transport>> {
    Ok(match reach {
        Reach::Process => Arc::new(Memory::new()),
        Reach::Cluster => Arc::new(Tcp::new(tcp_options(config)?.0)),
    })
}

fn discovery(config: &Config, reach: Reach) -> Result<Arc<dyn Discovery>> {
    Ok(match reach {
        Reach::Process => Arc::new(Static::new(config.servers.iter().cloned())),
        Reach::Cluster => Arc::new(Monitor::from_config(config)?),
    })
}

fn check(config: &Config, files: Files) -> Result<Vec<String>> {
    let mut warnings = check_schemas(config)?;
    check_dictionary(config)?;
    if files.links {
        warnings.extend(tcp_options(config)?.1);
    }
    if files.master {
        warnings.extend(master::check_master(config)?);
    }
    if files.operators {
        master::check_operators(config)?;
    }
    Ok(warnings)
}

/// Reads serverProtos.json and clientProtos.json; returns their entries that mean nothing, a line each.
fn check_schemas(config: &Config) -> Result<Vec<String>> {
    if config.server_protos.is_none() && config.client_protos.is_none() {
        return Ok(vec![]);
    }
    let protos = protos(config)?;
    let sets = [("serverProtos.json", protos.server()), ("clientProtos.json", protos.client())];
    let dropped =
        sets.into_iter().flat_map(|(file, set)| set.dropped().iter().map(move |entry| (file, entry)));
    Ok(dropped
        .map(|(file, entry)| format!("{}: {entry} means nothing and is left out", config.path(file)))
        .collect())
}

/// Reads dictionary.json.
fn check_dictionary(config: &Config) -> Result<()> {
    let Some(dictionary) = &config.dictionary else { return Ok(()) };
    let (at, problem) = match Dictionary::user_routes(dictionary) {
        Ok(_) => return Ok(()),
        Err(DictionaryError::NotAnArray(found)) => {
            ("top level".to_owned(), format!("found {found}, expected a list of routes or {{}}"))
        }
        Err(DictionaryError::NotARoute { index, found }) => {
            (format!("[{index}]"), format!("found {found}, expected a route, a text"))
        }
        Err(error) => ("top level".to_owned(), error.to_string()),
    };
    let file = config.path("dictionary.json");
    Err(Error::of(ErrorKind::Config, format_args!("{file}: {at}: {problem}")))
}

fn protos(config: &Config) -> Result<Protos> {
    crate::codec::protos(config)
        .map_err(|(file, error)| Error::of(ErrorKind::Config, format_args!("{}: {error}", config.path(file))))
}

/// What cluster.json says of links, with the secret of the environment if there is one.
fn tcp_options(config: &Config) -> Result<(TcpOptions, Vec<String>)> {
    let (mut options, warnings) = match config.section("cluster.json")? {
        Some(section) => TcpOptions::read(&section, &config.env)?,
        None => (TcpOptions::default(), vec![]),
    };
    if let Ok(secret) = std::env::var(SECRET) {
        let wrong = |error| Error::of(ErrorKind::Config, format_args!("the variable {SECRET}: {error}"));
        options.secret = Some(Secret::new(secret).map_err(wrong)?);
    }
    Ok((options, warnings))
}

fn master(config: Arc<Config>, command: Command) -> BoxFuture<'static, Result<()>> {
    Box::pin(async move {
        let mut setup = MasterSetup::new(config)?;
        if let Command::Start { server_type, id, daemon, .. } = command {
            setup.daemon = daemon;
            setup.only = match (server_type, id) {
                (_, Some(id)) => Only::Id(id),
                (Some(server_type), None) => Only::Type(server_type),
                (None, None) => Only::Every,
            };
        }
        master::run(setup).await
    })
}

fn codecs(config: &Config) -> Result<Codecs> {
    if config.server_protos.is_none() && config.client_protos.is_none() {
        return Ok(Codecs::default());
    }
    Ok(Codecs::with_protobuf(protos(config)?))
}

/// Ctrl-C and SIGTERM, which end the process no longer by themselves once this was called.
#[cfg(unix)]
fn stop_signal() -> BoxFuture<'static, ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let [interrupt, terminate] = [("Ctrl-C", SignalKind::interrupt()), ("SIGTERM", SignalKind::terminate())]
        .map(|(name, kind)| {
            let heard = signal(kind);
            async move {
                match heard {
                    Ok(mut heard) => drop(heard.recv().await),
                    Err(error) => {
                        tracing::error!(%error, "{name} can't be heard");
                        std::future::pending::<()>().await;
                    }
                }
            }
        });
    Box::pin(async {
        tokio::select! {
            () = interrupt => {}
            () = terminate => {}
            // For as long as the process does anything it waits here.
            () = orphans::look_after() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> BoxFuture<'static, ()> {
    Box::pin(async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "Ctrl-C can't be heard");
            std::future::pending::<()>().await;
        }
    })
}
