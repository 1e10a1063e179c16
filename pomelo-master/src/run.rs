//! The command `start`, to its end.

use std::io::IsTerminal;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use pomelo_core::value::{Result, ServerInfo};

use crate::config::{MasterConfig, Tokens};
use crate::hub::Hub;
use crate::listen::Master;
use crate::output::{failures, line, say};
use crate::setup::MasterSetup;
use crate::signal::stop_signal;
use crate::table::table;
use crate::troubles::troubles;
use crate::{daemon, join, orders, token};

/// Runs an application with a master: starts the master, one process per server, prints what came of it, and waits until
/// the process is asked to stop (Ctrl-C, SIGTERM) or an operator wants it to. Then it stops all servers and returns.
///
/// With [`only`](MasterSetup::only) some servers, beside a master that runs, that one starts them; then it returns when they
/// are up, as pomelo's does.
///
/// With [`daemon`](MasterSetup::daemon) it starts itself again in the background, and returns when its servers are up.
///
/// A server that can't be started does not keep the others from it: it is printed, with the place of its log.
///
/// # Errors
/// As [`Master::start`]; if adminServer.json has no token for a server to start, or if somebody else has a port of one, before
/// any is started; if servers.json has none of the servers to start; in the background, if the master ended or did
/// not answer in time, and if a server could not be started: the others run all the same. If the master can't go on; the
/// servers do without it.
///
/// # Cancel safety
/// The master ends at once and stops no server: they go on, and a master that is started later adopts them.
pub async fn run(setup: MasterSetup) -> Result<()> {
    let wanted = setup.wanted(&MasterConfig::read(&setup.config)?.id);
    let tokens = (Tokens::read(&setup.config)?, Tokens::file(&setup.config));
    token::check(&tokens.0, &tokens.1, wanted.iter().flatten().map(|info| &**info))?;
    // A master that runs may know servers that servers.json hasn't, since they were added.
    if join::start(&setup).await? {
        return Ok(());
    }
    let wanted = wanted?;
    if setup.daemon {
        return daemon::start(&setup, &wanted).await;
    }
    let master = Master::start(&setup).await?;
    let hub = master.hub.clone();
    hub.children.check_ports(&wanted).await?;
    // From now on, so that a stop in the middle of the start is one too.
    let stop = stop_wanted(&hub);
    tokio::pin!(stop);
    let starting = async {
        start_servers(&hub, &wanted).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = starting => {}
        () = &mut stop => {}
        // The servers go on without it.
        error = hub.tasks.failed() => return Err(error),
    }
    hub.ending.send_replace(true);
    say(format_args!("stopping\n"));
    for outcome in orders::drain(&hub).await.iter().filter(|outcome| !outcome.ok) {
        say(format_args!("{}: {}\n", outcome.id, outcome.message));
    }
    hub.let_go();
    say(format_args!("stopped\n"));
    Ok(())
}

async fn start_servers(hub: &Arc<Hub>, wanted: &[Arc<ServerInfo>]) {
    say(format_args!("{} on {}, starting {} servers\n", hub.config.id, hub.config.address(), wanted.len()));
    let mut starts: FuturesUnordered<_> = wanted.iter().map(|info| orders::begin(hub, &info.id)).collect();
    let mut outcomes = Vec::new();
    while let Some(outcome) = starts.next().await {
        say(format_args!("{}", line(&outcome)));
        outcomes.push(outcome);
    }
    let servers = hub.list().await;
    say(format_args!("\n{}\n", table(&servers)));
    troubles(&servers).iter().for_each(|trouble| say(format_args!("{trouble}\n")));
    match failures(&outcomes) {
        Some(failures) => say(format_args!("{failures}\n")),
        None => tracing::info!(servers = outcomes.len(), "all servers are up"),
    }
    hub.started.send_replace(Some(outcomes));
}

/// Resolves when the process is asked to stop, or an operator wants it to.
async fn stop_wanted(hub: &Hub) {
    let mut ending = hub.ending.subscribe();
    let ordered = async {
        // An error means that the hub is gone; it is lent to this function.
        let _ = ending.wait_for(|ending| *ending).await;
    };
    tokio::select! {
        () = stop_signal() => {}
        () = ordered => {}
        () = hung_up() => {}
    }
}

/// The terminal was closed. Whoever has none goes on.
#[cfg(unix)]
async fn hung_up() {
    use tokio::signal::unix::{SignalKind, signal};
    if let Ok(mut hangup) = signal(SignalKind::hangup()) {
        let has_terminal = std::io::stdout().is_terminal();
        while hangup.recv().await.is_some() {
            if has_terminal {
                return;
            }
        }
    }
    std::future::pending().await
}

#[cfg(not(unix))]
async fn hung_up() {
    std::future::pending().await
}
