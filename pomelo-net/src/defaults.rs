//! Defaults: the transport, discovery and codecs of an application that chooses none, by its configuration.

use std::future::{pending, ready};
use std::sync::Arc;

use futures::FutureExt;
use pomelo_core::app::{Command, Files, Platform, Reach};
use pomelo_core::cluster::Transport;
use pomelo_core::value::config::Config;
use pomelo_core::value::{Error, ErrorKind, Result};
use pomelo_core::wire::Codecs;

use crate::cluster::StaticDiscovery;
use crate::cluster::secret::Secret;
use crate::protocol::dictionary::{Dictionary, DictionaryError};
use crate::protocol::protobuf::Protos;
use crate::transport::{Memory, Tcp, TcpOptions};

/// The environment variable that has the cluster's secret, where cluster.json should not.
const SECRET: &str = "POMELO_CLUSTER_SECRET";

/// The platform of a program whose servers all run in its own process: it reads no command line, starts no master and hears no
/// signal.
pub fn embedded() -> Platform {
    Platform {
        transport,
        discovery: |config, _| Ok(Arc::new(discovery(config))),
        check,
        codecs,
        command: |_| Ok(Command::Embedded { env: None }),
        master: |_, _| ready(Err(Error::of(ErrorKind::Config, "this program starts no master"))).boxed(),
        stop_signal: || pending().boxed(),
    }
}

/// The transport between the servers of one process, or of a cluster: [`Memory`], or [`Tcp`] as cluster.json says.
///
/// # Errors
/// If cluster.json, or the secret of the environment, is wrong: what of it.
pub fn transport(config: &Config, reach: Reach) -> Result<Arc<dyn Transport>> {
    Ok(match reach {
        Reach::Process => Arc::new(Memory::new()),
        Reach::Cluster => Arc::new(Tcp::new(tcp_options(config)?.0)),
    })
}

/// The discovery of the servers of one process: all of servers.json.
pub fn discovery(config: &Config) -> StaticDiscovery {
    StaticDiscovery::new(config.servers.iter().cloned())
}

/// The codecs of bodies: pomelo-protobuf, if the configuration has schemas.
///
/// # Errors
/// If a schema can't be read: which file, message and field.
pub fn codecs(config: &Config) -> Result<Codecs> {
    if config.server_protos.is_none() && config.client_protos.is_none() {
        return Ok(Codecs::default());
    }
    Ok(Codecs::with_protobuf(protos(config)?))
}

/// Checks schemas, dictionary.json and, if it is used, cluster.json; returns their entries that mean nothing, a line each.
///
/// # Errors
/// What of a file is wrong.
pub fn check(config: &Config, files: Files) -> Result<Vec<String>> {
    let mut warnings = check_schemas(config)?;
    check_dictionary(config)?;
    if files.links {
        warnings.extend(tcp_options(config)?.1);
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
