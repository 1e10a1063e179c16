//! The platform: what an application's program gets from its process where it chooses nothing else.

mod command;

use std::ffi::OsString;
use std::sync::Arc;

use futures::future::BoxFuture;
use pomelo_core::app::{Network, Platform, Provided, Reach, Task, Wants};
use pomelo_core::cluster::Discovery;
use pomelo_core::value::config::Config;
use pomelo_core::value::{Result, ServerInfo};
use pomelo_net::defaults;

use crate::children::CHECKED;
use crate::config::{check_master, check_operators};
use crate::discovery::{Managed, MasterDiscovery};
use crate::operations::{self, Operations};
use crate::run::run;
use crate::setup::{MasterSetup, Only};
use crate::signal::stop_signal;
use crate::token::TOKEN_VARIABLE;
use command::Command;

/// Servers of one process, or by tcp and master; pomelo-protobuf by the configuration's schemas; and a stop on Ctrl-C or
/// SIGTERM. Meanwhile the first process of a container also looks after orphans.
pub fn platform() -> &'static dyn Platform {
    &Processes
}

/// A program that runs all servers, one of them, or a master that starts them as processes, as its command line says.
struct Processes;

impl Platform for Processes {
    fn task(&self, args: Vec<OsString>) -> Result<Task> {
        Ok(match command::parse(args, |name| std::env::var(name).ok())? {
            Command::Help(text) => Task::Print(text),
            Command::Embedded { env, settings } => Task::RunAll { env, settings },
            Command::Server { env, id, info, settings } => Task::RunOne { env, id, info, settings },
            Command::Join { env, entry } => Task::Join { env, entry },
            Command::Start { env, only, daemon } => {
                let which = only.clone();
                let wanted = Box::new(move |info: &ServerInfo| which.wants(info));
                Task::Launch { env, wanted, launch: Box::new(move |config| launch(config, only, daemon)) }
            }
        })
    }

    fn provide(&self, config: &Config, wants: Wants) -> Result<Provided> {
        let mut provided = defaults::provide(config, wants, Network::default())?;
        if wants.discovery || wants.reach == Reach::Launched {
            provided.warnings.extend(check_master(config)?);
        }
        if wants.reach == Reach::Launched || wants.reach == Reach::Process && wants.discovery {
            provided.warnings.extend(check_operators(config)?);
        }
        operations::check(config)?;
        provided.operators = Some(Arc::new(Operations::new(config)));
        provided.network.discovery = discovery(config, wants)?;
        provided.warned = std::env::var_os(CHECKED).is_some();
        Ok(provided)
    }

    fn manage(&self, config: &Config, own: Arc<dyn Discovery>) -> Result<Arc<dyn Discovery>> {
        let is_started_by_master =
            [CHECKED, TOKEN_VARIABLE].iter().any(|name| std::env::var_os(name).is_some());
        Ok(match is_started_by_master {
            true => Arc::new(Managed { membership: own, master: MasterDiscovery::from_config(config)? }),
            false => own,
        })
    }

    fn stop_signal(&self) -> BoxFuture<'static, ()> {
        stop_signal()
    }
}

fn discovery(config: &Config, wants: Wants) -> Result<Option<Arc<dyn Discovery>>> {
    Ok(match wants.reach {
        Reach::Process => Some(Arc::new(defaults::discovery(config))),
        Reach::Cluster if wants.discovery => Some(Arc::new(MasterDiscovery::from_config(config)?)),
        Reach::Cluster | Reach::Launched => None,
    })
}

/// Runs a master until it ends.
fn launch(config: Arc<Config>, only: Only, daemon: bool) -> BoxFuture<'static, Result<()>> {
    Box::pin(async move {
        let mut setup = MasterSetup::new(config)?;
        (setup.only, setup.daemon) = (only, daemon);
        run(setup).await
    })
}
