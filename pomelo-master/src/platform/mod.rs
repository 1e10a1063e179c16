//! The platform: what an application's program gets from its process where it chooses nothing else.

mod command;

use std::sync::Arc;

use futures::future::BoxFuture;
use pomelo_core::app::{Command, Files, Platform, Reach};
use pomelo_core::cluster::Discovery;
use pomelo_core::value::Result;
use pomelo_core::value::config::Config;
use pomelo_net::defaults;

use crate::config::{check_master, check_operators};
use crate::discovery::MasterDiscovery;
use crate::run::run;
use crate::setup::{MasterSetup, Only};
use crate::signal::stop_signal;

/// Servers of one process, or by tcp and master; pomelo-protobuf by the configuration's schemas; and a stop on Ctrl-C or
/// SIGTERM. Meanwhile the first process of a container also looks after orphans.
pub fn platform() -> Platform {
    Platform {
        transport: defaults::transport,
        discovery,
        check,
        codecs: defaults::codecs,
        command: command::parse,
        master,
        stop_signal,
    }
}

fn discovery(config: &Config, reach: Reach) -> Result<Arc<dyn Discovery>> {
    Ok(match reach {
        Reach::Process => Arc::new(defaults::discovery(config)),
        Reach::Cluster => Arc::new(MasterDiscovery::from_config(config)?),
    })
}

fn check(config: &Config, files: Files) -> Result<Vec<String>> {
    let mut warnings = defaults::check(config, files)?;
    if files.master {
        warnings.extend(check_master(config)?);
    }
    if files.operators {
        warnings.extend(check_operators(config)?);
    }
    Ok(warnings)
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
        run(setup).await
    })
}
