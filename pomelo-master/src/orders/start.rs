//! The order `start`, and waiting until a server serves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use pomelo_core::value::{ServerId, ServerInfo};
use tokio::time::sleep;

use super::add::add_one;
use crate::children::is_taken;
use crate::hub::Hub;
use crate::keeper::keep;
use crate::registry::Entry;
use crate::status::{Outcome, ServerState};
use crate::troubles::missing;
use crate::wire::operator::Refusal;

/// How often to look whether clients are let in.
const CLIENT_PORT_POLL: Duration = Duration::from_millis(100);

/// Starts servers of somebody's servers.json, all at once. Those that are there already are left alone; one that this master
/// doesn't know is added.
pub(crate) async fn start(
    hub: &Arc<Hub>,
    env: &str,
    servers: Vec<Arc<ServerInfo>>,
) -> Result<Vec<Outcome>, Refusal> {
    if env != hub.children.env() {
        let why =
            format!("the master that runs there is of the environment {}, not {env}", hub.children.env());
        return Err(Refusal::Invalid(why));
    }
    Ok(join_all(servers.into_iter().map(|info| start_one(hub, info))).await)
}

async fn start_one(hub: &Arc<Hub>, info: Arc<ServerInfo>) -> Outcome {
    let id = info.id.clone();
    let found = hub.look(|registry| {
        let entry = registry.get(&id)?;
        Some((entry.state(), registry.serves(entry), entry.registered_pid(), registry.may_add(&id)))
    });
    match found {
        Some((ServerState::Down, _, _, false)) => begin(hub, &id).await,
        Some((ServerState::Down, ..)) | None => match hub.children.is_listed(&info) {
            true => begin(hub, &id).await,
            false => add_one(hub, info).await,
        },
        Some((_, true, Some(pid), _)) => Outcome::done(&id, format_args!("was up, pid {pid}")),
        Some(_) => waiting(hub, &id).await,
    }
}

/// Starts a server that is down, and waits until it serves or has failed.
pub(crate) async fn begin(hub: &Arc<Hub>, id: &ServerId) -> Outcome {
    let waiting = waiting(hub, id);
    match keep(hub, id) {
        true => waiting.await,
        false => Outcome::failed(id, "no server is started any more: all are to stop"),
    }
}

/// Waits until a server serves, or fails after now, or is stopped.
fn waiting(hub: &Arc<Hub>, id: &ServerId) -> impl Future<Output = Outcome> {
    let failures = |entry: &Entry| entry.failures().0;
    let before = hub.look(|registry| registry.get(id).map(failures)).unwrap_or_default();
    async move {
        let failed = hub.until(|registry| {
            let Some(entry) = registry.get(id).filter(|entry| entry.is_kept()) else {
                return Some("somebody has stopped it meanwhile".to_owned());
            };
            let (failures, trouble) = entry.failures();
            (failures > before).then(|| trouble.unwrap_or("it failed").to_owned())
        });
        let limit = hub.children.limits.start;
        tokio::select! {
            pid = serves(hub, id) => Outcome::done(id, format_args!("up, pid {pid}")),
            trouble = failed => Outcome::failed(id, trouble),
            () = sleep(limit) => {
                let why = overdue(hub, id);
                hub.change(|registry| registry.give_up(id));
                let log = hub.children.logs.of(id);
                Outcome::failed(id, format_args!("{why} after {limit:?}; its log is {}", log.display()))
            }
        }
    }
}

/// What keeps a server from being up.
fn overdue(hub: &Hub, id: &ServerId) -> String {
    hub.look(|registry| {
        let Some(entry) = registry.get(id) else { return "gone".to_owned() };
        let missing: Vec<_> = registry.missing_links(entry, Instant::now()).iter().map(missing).collect();
        match (registry.state(entry), entry.info.client_port) {
            (state, _) if !missing.is_empty() => format!("{state}, {}", missing.join(", ")),
            (ServerState::Up, _) if !registry.serves(entry) => {
                "registered, and has said nothing of its links".into()
            }
            (ServerState::Up, Some(port)) => format!("up, but nothing listens on its client port {port}"),
            (state, _) => format!("still {state}"),
        }
    })
}

/// Waits until a server is up, all its links are there and, if it has clients, lets them in; returns its pid.
async fn serves(hub: &Hub, id: &ServerId) -> u32 {
    loop {
        let (info, pid) = hub
            .until(|registry| {
                let entry = registry.get(id).filter(|entry| registry.serves(entry))?;
                Some((entry.info.clone(), entry.registered_pid()?))
            })
            .await;
        // A server registers before it opens its doors, since it must know of the others by then.
        match info.client_port {
            Some(port) if !is_taken(&info.host, port).await => sleep(CLIENT_PORT_POLL).await,
            _ => return pid,
        }
    }
}
