//! What a process provides where the application chooses nothing else.

mod command;
#[cfg(unix)]
mod orphans;

use std::sync::Arc;

use futures::future::BoxFuture;
use pomelo_core::app::{Command, Network, Platform, Reach};
use pomelo_core::codec::Codecs;
use pomelo_core::config::Config;
use pomelo_core::error::{Error, ErrorKind, Result};

use crate::cluster::Static;
use crate::cluster::master::{self, MasterSetup, Monitor, Only};
use crate::cluster::secret::Secret;
use crate::transport::{Memory, Tcp, TcpOptions};

/// The environment variable that has the cluster's secret, where cluster.json should not.
const SECRET: &str = "POMELO_CLUSTER_SECRET";

/// Servers of one process, or by tcp and master; pomelo-protobuf by the configuration's schemas; and a stop on Ctrl-C or
/// SIGTERM. Meanwhile the first process of a container also looks after orphans.
pub fn platform() -> Platform {
    Platform { network, codecs, command: command::parse, master, stop_signal }
}

fn network(config: &Config, reach: Reach) -> Result<Network> {
    Ok(match reach {
        Reach::Process => Network {
            transport: Arc::new(Memory::new()),
            discovery: Arc::new(Static::new(config.servers.iter().cloned())),
        },
        Reach::Cluster => Network {
            transport: Arc::new(Tcp::new(tcp_options(config)?)),
            discovery: Arc::new(Monitor::from_config(config)?),
        },
    })
}

/// What cluster.json says of links, with the secret of the environment if there is one.
fn tcp_options(config: &Config) -> Result<TcpOptions> {
    let wrong =
        |at: &str, error: &dyn std::fmt::Display| Error::of(ErrorKind::Config, format_args!("{at}: {error}"));
    let mut options = match config.load("cluster.json")? {
        Some(value) => serde_json::from_value(value).map_err(|error| wrong("cluster.json", &error))?,
        None => TcpOptions::default(),
    };
    if let Ok(secret) = std::env::var(SECRET) {
        options.secret = Some(Secret::new(secret).map_err(|error| wrong(SECRET, &error))?);
    }
    Ok(options)
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
    let protos = crate::codec::protos(config)
        .map_err(|(file, error)| Error::of(ErrorKind::Config, format_args!("{file}: {error}")))?;
    Ok(Codecs::with_protobuf(protos))
}

fn stop_signal() -> BoxFuture<'static, ()> {
    Box::pin(async {
        let interrupt = async {
            if let Err(error) = tokio::signal::ctrl_c().await {
                tracing::error!(%error, "Ctrl-C can't be heard");
                std::future::pending::<()>().await;
            }
        };
        #[cfg(unix)]
        tokio::select! {
            () = interrupt => {}
            () = terminate() => {}
            // For as long as the process does anything it waits here.
            () = orphans::look_after() => {}
        }
        #[cfg(not(unix))]
        interrupt.await;
    })
}

#[cfg(unix)]
async fn terminate() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => drop(terminate.recv().await),
        Err(error) => {
            tracing::error!(%error, "SIGTERM can't be heard");
            std::future::pending::<()>().await;
        }
    }
}
