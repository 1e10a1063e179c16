//! Defaults: the transport, discovery and codecs of an application that chooses none, by its configuration.
//!
//! | wherever servers run | transport | discovery |
//! |---|---|---|
//! | together in one process | memory | servers.json |
//! | one by itself | tcp, by cluster.json | the platform's: a master's, where `pomelo-master` is |
//!
//! Files that would be used are read and checked before anything starts, and no others.

use std::ffi::OsString;
use std::future::pending;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use pomelo_core::app::{Network, Platform, Provided, Reach, Task, Wants};
use pomelo_core::value::config::Config;
use pomelo_core::value::{Error, ErrorKind, Result};
use pomelo_core::wire::Codecs;

use crate::cluster::StaticDiscovery;
use crate::link::secret::Secret;
use crate::protocol::dictionary::{Dictionary, DictionaryError};
use crate::protocol::protobuf::Protos;
use crate::transport::{Memory, Tcp, TcpOptions};

/// The environment variable that has the cluster's secret, where cluster.json should not.
const SECRET_VARIABLE: &str = "POMELO_CLUSTER_SECRET";

/// The platform of a program whose servers all run in its own process: it reads no command line, launches nothing and hears no
/// signal.
///
/// A cluster that is written by hand and needs no command line names it: `servers!` takes `pomelo-master`'s
/// in its place.
///
/// ```
/// use pomelo_core::app::{Platform, Task};
/// use pomelo_net::defaults::Embedded;
///
/// assert!(matches!(Embedded.task(vec!["start".into()]), Ok(Task::RunAll { env: None, .. })));
/// ```
pub struct Embedded;

impl Platform for Embedded {
    fn task(&self, _: Vec<OsString>) -> Result<Task> {
        Ok(Task::RunAll { env: None, settings: Default::default() })
    }

    fn provide(&self, config: &Config, wants: Wants) -> Result<Provided> {
        let network = Network { discovery: Some(Arc::new(discovery(config))), transport: None };
        provide(config, wants, network)
    }

    fn stop_signal(&self) -> BoxFuture<'static, ()> {
        pending().boxed()
    }
}

/// Checks schemas, dictionary.json and, if it is wanted, cluster.json; provides what `own` has, the transport and the codecs.
///
/// # Errors
/// What of a file, or of the environment's secret, is wrong.
pub fn provide(config: &Config, wants: Wants, mut own: Network) -> Result<Provided> {
    let mut warnings = Vec::new();
    let codecs = codecs(config, &mut warnings)?;
    check_dictionary(config)?;
    let tcp = wants.transport.then(|| tcp_options(config)).transpose()?;
    own.transport = match (wants.reach, tcp) {
        (Reach::Process, tcp) => {
            warnings.extend(tcp.into_iter().flat_map(|(_, warnings)| warnings));
            Some(Arc::new(Memory::new()))
        }
        (Reach::Cluster | Reach::Launched, Some((options, of_file))) => {
            warnings.extend(of_file);
            Some(Arc::new(Tcp::new(options)))
        }
        (Reach::Cluster | Reach::Launched, None) => None,
    };
    Ok(Provided { network: own, codecs, operators: None, warnings, warned: false })
}

/// The discovery of the servers of one process: all of servers.json.
pub fn discovery(config: &Config) -> StaticDiscovery {
    StaticDiscovery::new(config.servers.iter().cloned())
}

/// The codecs of bodies: pomelo-protobuf, if the configuration has schemas; notes their entries that mean nothing, a line each.
fn codecs(config: &Config, warnings: &mut Vec<String>) -> Result<Codecs> {
    if config.server_protos.is_none() && config.client_protos.is_none() {
        return Ok(Codecs::default());
    }
    let protos = protos(config)?;
    let sets = [("serverProtos.json", protos.server()), ("clientProtos.json", protos.client())];
    let dropped =
        sets.into_iter().flat_map(|(file, set)| set.dropped().iter().map(move |entry| (file, entry)));
    warnings.extend(
        dropped.map(|(file, entry)| format!("{}: {entry} means nothing and is left out", config.path(file))),
    );
    Ok(Codecs::with_protobuf(protos))
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
    if let Ok(secret) = std::env::var(SECRET_VARIABLE) {
        let wrong =
            |error| Error::of(ErrorKind::Config, format_args!("the variable {SECRET_VARIABLE}: {error}"));
        options.secret = Some(Secret::new(secret).map_err(wrong)?);
    }
    Ok((options, warnings))
}
