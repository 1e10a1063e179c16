//! The command `start` beside a master that runs: that one starts the servers, as pomelo does.

use pomelo_core::value::{Error, ErrorKind, Result};

use crate::admin::{Admin, AdminError};
use crate::config::{MasterConfig, Users};
use crate::output::{failures, line, say};
use crate::setup::{MasterSetup, Only};
use crate::status::{Outcome, ServerState, Which};

/// Has the running master start what is wanted, and prints what became of it; false if no master runs.
///
/// # Errors
/// If the master refuses, or a server could not be started.
pub(crate) async fn start(setup: &MasterSetup) -> Result<bool> {
    let config = MasterConfig::read(&setup.config)?;
    let is_master = matches!(&setup.only, Only::Id(id) if config.id == id.as_str());
    if setup.only == Only::Every || is_master {
        return Ok(false);
    }
    let Some(admin) = connect(setup, &config).await? else { return Ok(false) };
    let wanted = match setup.wanted(&config.id) {
        Ok(wanted) => wanted,
        Err(unknown) => {
            let Some(outcome) = start_added(&admin, &setup.only).await? else { return Err(unknown) };
            return print(&outcome).map(|()| true);
        }
    };
    say(format_args!("{} on {} starts {} servers\n", config.id, config.address(), wanted.len()));
    let outcomes = admin.start(&setup.config.env, wanted).await.map_err(refused)?;
    print(&outcomes)?;
    Ok(true)
}

/// Has the master start a server that servers.json doesn't have and an operator has added; none if the master doesn't know it either.
async fn start_added(admin: &Admin, only: &Only) -> Result<Option<Vec<Outcome>>> {
    let Only::Id(id) = only else { return Ok(None) };
    let servers = admin.list().await.map_err(refused)?;
    let Some(server) = servers.into_iter().find(|server| server.id == id.as_str()) else { return Ok(None) };
    Ok(Some(match (server.state, server.pid) {
        (ServerState::Down, _) => admin.restart(Which::Ids(vec![id.clone()])).await.map_err(refused)?,
        (_, Some(pid)) => vec![Outcome::done(&server.id, format_args!("was up, pid {pid}"))],
        (state, None) => vec![Outcome::done(&server.id, format_args!("is {state}"))],
    }))
}

/// The running master, if there is one.
async fn connect(setup: &MasterSetup, config: &MasterConfig) -> Result<Option<Admin>> {
    let users = Users::read(&setup.config)?;
    let Some((user, password)) = users.any_of_level_1() else {
        // Then nobody can order the master anything, and if one runs, the start of another one says so.
        return Ok(None);
    };
    match Admin::enter(&config.address(), user, password).await {
        Ok(admin) => Ok(Some(admin)),
        // Nobody is there, or somebody else has its port, as the start of a master says.
        Err(AdminError::Unreachable { .. } | AdminError::NoMaster { .. }) => Ok(None),
        Err(error) => Err(refused(error)),
    }
}

fn refused(error: AdminError) -> Error {
    Error::of(ErrorKind::Refused, error)
}

fn print(outcomes: &[Outcome]) -> Result<()> {
    outcomes.iter().for_each(|outcome| say(format_args!("{}", line(outcome))));
    match failures(outcomes) {
        None => Ok(()),
        Some(failures) => Err(Error::of(ErrorKind::Config, failures)),
    }
}
