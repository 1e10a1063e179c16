//! What operators order: stop, kill, restart, add.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use pomelo_core::config::Config;
use pomelo_core::server::{ServerId, ServerInfo};
use serde_json::{Map, Value};
use tokio::time::{sleep, timeout};

use super::children::is_taken;
use super::hub::{Hub, Order};
use super::registry::{Entry, Registry};
use super::status::{Outcome, ServerState, Which};
use super::wire::operator::Refusal;

/// What `kill` leaves a server to end by itself.
const LAST_CHANCE: Duration = Duration::from_secs(2);
/// How often to look whether clients are let in.
const DOOR: Duration = Duration::from_millis(100);
/// A process that was killed is gone by then, unless it hangs in the system.
const DEATH: Duration = Duration::from_secs(5);

/// Stops servers for good; none named is all of them, frontends first, and the master's own outcome at the end.
pub(super) async fn stop(hub: &Arc<Hub>, ids: &[String]) -> Result<Vec<Outcome>, Refusal> {
    if ids.is_empty() {
        let mut outcomes = drain(hub).await;
        outcomes.push(Outcome::done(&hub.config.id, "stops now"));
        return Ok(outcomes);
    }
    let ids = known(hub, ids)?;
    ids.iter().for_each(|id| hub.change(|registry| registry.dismiss(id, true)));
    Ok(join_all(ids.iter().map(|id| end(hub, id, hub.children.limits.drain))).await)
}

/// Stops all servers: frontends first, so that what runs when their clients leave still finds the others.
pub(super) async fn drain(hub: &Arc<Hub>) -> Vec<Outcome> {
    let servers: Vec<_> = hub.look(|registry| registry.entries().map(|entry| entry.info.clone()).collect());
    // All at once, or those that go later would see servers disappear that were expected.
    hub.change(|registry| servers.iter().for_each(|info| registry.dismiss(&info.id, false)));
    let (frontends, backends): (Vec<_>, Vec<_>) = servers.into_iter().partition(|info| info.frontend);
    let mut outcomes = Vec::new();
    for group in [frontends, backends] {
        let ends = group.iter().map(|info| end(hub, &info.id, hub.children.limits.drain));
        outcomes.extend(join_all(ends).await);
    }
    outcomes
}

/// Ends all servers, now, and the master.
pub(super) async fn kill(hub: &Arc<Hub>) -> Vec<Outcome> {
    let ids: Vec<_> = hub.look(|registry| registry.entries().map(|entry| entry.info.id.clone()).collect());
    hub.change(|registry| ids.iter().for_each(|id| registry.dismiss(id, false)));
    let mut outcomes = join_all(ids.iter().map(|id| end(hub, id, LAST_CHANCE))).await;
    outcomes.push(Outcome::done(&hub.config.id, "ends now"));
    outcomes
}

/// Restarts servers one after the other; each must be up before the next is stopped. After one that fails the others are
/// left as they are.
pub(super) async fn restart(hub: &Arc<Hub>, which: &Which) -> Result<Vec<Outcome>, Refusal> {
    let ids = match which {
        Which::Ids(ids) => known(hub, ids)?,
        Which::Type(server_type) => of_type(hub, server_type)?,
    };
    let mut outcomes: Vec<Outcome> = Vec::new();
    for id in &ids {
        if let Some(failed) = outcomes.iter().find(|outcome| !outcome.ok) {
            let why = format!("left as it was, since {} failed", failed.id);
            outcomes.push(Outcome::failed(id, why));
            break;
        }
        hub.change(|registry| registry.dismiss(id, false));
        let ended = end(hub, id, hub.children.limits.drain).await;
        outcomes.push(if ended.ok { begin(hub, id).await } else { ended });
    }
    let skipped = ids.iter().skip(outcomes.len());
    let skipped: Vec<_> = skipped.map(|id| Outcome::failed(id, "left as it was")).collect();
    outcomes.extend(skipped);
    Ok(outcomes)
}

/// Adds servers: an entry as in servers.json with its `serverType`.
pub(super) async fn add(hub: &Arc<Hub>, entry: Map<String, Value>) -> Result<Vec<Outcome>, Refusal> {
    let servers = parse(hub, entry)?;
    let outcomes = servers.into_iter().map(|info| async move {
        let id = info.id.clone();
        // Between the check of the id and now, another operator may have taken it.
        match hub.change(|registry| registry.add(info)) {
            true => begin(hub, &id).await,
            false => Outcome::failed(&id, "there is a server of that id, or no room for more"),
        }
    });
    Ok(join_all(outcomes).await)
}

/// Starts a server that is down, and waits until it serves or has failed.
pub(super) async fn begin(hub: &Arc<Hub>, id: &ServerId) -> Outcome {
    let failures = |entry: &Entry| entry.failures().0;
    let before = hub.look(|registry| registry.get(id).map(failures)).unwrap_or_default();
    hub.children.keep(hub, id);
    let failed = hub.until(|registry| match registry.get(id)?.failures() {
        (failures, trouble) if failures > before => Some(trouble.unwrap_or("it failed").to_owned()),
        _ => None,
    });
    let limit = hub.children.limits.start;
    tokio::select! {
        pid = serves(hub, id) => Outcome::done(id, format_args!("up, pid {pid}")),
        trouble = failed => Outcome::failed(id, trouble),
        () = sleep(limit) => {
            let state = hub.look(|registry| registry.get(id).map(Entry::state)).unwrap_or(ServerState::Down);
            let client_port = hub.look(|registry| registry.get(id)?.info.client_port);
            let still = match (state, client_port) {
                (ServerState::Up, Some(port)) => format!("up, but nothing listens on its client port {port}"),
                (state, _) => format!("still {state}"),
            };
            let log = hub.children.logs.of(id);
            Outcome::failed(id, format_args!("{still} after {limit:?}; its log is {}", log.display()))
        }
    }
}

/// Waits until a server is up and, if it has clients, lets them in; returns its pid.
async fn serves(hub: &Hub, id: &ServerId) -> u32 {
    loop {
        let (info, pid) = hub
            .until(|registry| {
                let entry = registry.get(id).filter(|entry| entry.state() == ServerState::Up)?;
                Some((entry.info.clone(), entry.registered_pid()?))
            })
            .await;
        // A server registers before it opens its doors, since it must know of the others by then.
        match info.client_port {
            Some(port) if !is_taken(&info.host, port).await => sleep(DOOR).await,
            _ => return pid,
        }
    }
}

/// Waits until a server that was dismissed is down. One that isn't when `patience` ends is killed.
async fn end(hub: &Arc<Hub>, id: &ServerId, patience: Duration) -> Outcome {
    let is_down = |registry: &Registry| {
        registry.get(id).is_none_or(|entry| entry.state() == ServerState::Down).then_some(())
    };
    if hub.look(is_down).is_some() {
        return Outcome::done(id, "was down");
    }
    ask_to_stop(hub, id);
    if timeout(patience, hub.until(is_down)).await.is_ok() {
        return Outcome::done(id, "stopped");
    }
    kill_process(hub, id).await;
    match timeout(DEATH, hub.until(is_down)).await {
        Ok(()) => Outcome::done(id, format_args!("killed, since it had not stopped after {patience:?}")),
        Err(_) => {
            let state = hub.look(|registry| registry.get(id).map(|entry| entry.state()));
            let state = state.unwrap_or(ServerState::Down);
            Outcome::failed(id, format_args!("still {state}, and its process can't be ended from here"))
        }
    }
}

/// By its link, or else by a signal to its process.
fn ask_to_stop(hub: &Hub, id: &ServerId) {
    let (link, process) = hub.look(|registry| {
        let entry = registry.get(id);
        (entry.and_then(|entry| entry.link()), entry.and_then(|entry| entry.process().cloned()))
    });
    match (link, process) {
        (Some(link), _) => hub.order(link, Order::Stop),
        (None, Some(process)) => process.terminate(),
        (None, None) => {}
    }
}

async fn kill_process(hub: &Hub, id: &ServerId) {
    let entry = hub.look(|registry| {
        let entry = registry.get(id)?;
        Some((entry.info.clone(), entry.process().cloned(), entry.registered_pid()))
    });
    let Some((info, process, pid)) = entry else { return };
    if let Some(process) = process {
        process.kill();
    }
    if let Some(pid) = pid {
        hub.children.kill_there(&info, pid).await;
    }
}

/// The servers of these ids, each once, in their order.
fn known(hub: &Hub, ids: &[String]) -> Result<Vec<ServerId>, Refusal> {
    let mut found: Vec<ServerId> = Vec::new();
    for id in ids {
        if hub.config.id == id.as_str() {
            return Err(Refusal::Invalid(format!("{id} is the master; it stops when all servers are to")));
        }
        let id = ServerId::from(id.as_str());
        if hub.look(|registry| registry.get(&id).is_none()) {
            return Err(Refusal::UnknownServer(id));
        }
        if !found.contains(&id) {
            found.push(id);
        }
    }
    Ok(found)
}

fn of_type(hub: &Hub, server_type: &str) -> Result<Vec<ServerId>, Refusal> {
    let (ids, types) = hub.look(|registry| {
        let of_type = registry.entries().filter(|entry| *entry.info.server_type == *server_type);
        let ids: Vec<_> = of_type.map(|entry| entry.info.id.clone()).collect();
        let types: BTreeSet<_> = registry.entries().map(|entry| entry.info.server_type.to_string()).collect();
        (ids, types)
    });
    if ids.is_empty() {
        let types: Vec<_> = types.into_iter().collect();
        let why = format!("there is no server of type `{server_type}`; there are {}", types.join(", "));
        return Err(Refusal::Invalid(why));
    }
    Ok(ids)
}

/// The servers that an entry stands for. Those of a cluster get the next numbers.
fn parse(hub: &Hub, mut entry: Map<String, Value>) -> Result<Vec<Arc<ServerInfo>>, Refusal> {
    let invalid = |why: &str| Refusal::Invalid(format!("the server to add: {why}"));
    let server_type = match entry.remove("serverType") {
        Some(Value::String(server_type)) if !server_type.is_empty() => server_type,
        _ => return Err(invalid("`serverType` is missing")),
    };
    let is_cluster = entry.contains_key("clusterCount");
    for key in ["host", "port", "id"] {
        let may_miss = key == "id" && is_cluster || key == "port" && entry.contains_key("clientPort");
        if !entry.contains_key(key) && !may_miss {
            return Err(invalid(&format!("`{key}` is missing")));
        }
    }
    let text = Value::Object(Map::from_iter([(server_type.clone(), Value::Array(vec![entry.into()]))]));
    let parsed = Config::from_servers(&text.to_string(), "").map_err(|error| invalid(&error.to_string()))?;
    let mut number = if is_cluster { last_of_cluster(hub, &server_type) } else { 0 };
    let servers = parsed.servers.into_iter().map(|info| {
        if !is_cluster {
            return info;
        }
        number += 1;
        let id = format!("cluster-server-{server_type}-{number}").into();
        Arc::new(ServerInfo { id, ..(*info).clone() })
    });
    let servers: Vec<_> = servers.collect();
    let taken = servers
        .iter()
        .find(|info| info.id == hub.config.id || hub.look(|registry| registry.get(&info.id).is_some()));
    match taken {
        Some(info) => Err(invalid(&format!("there is a server `{}` already", info.id))),
        None => Ok(servers),
    }
}

/// The highest number of the servers `cluster-server-<type>-<n>`.
fn last_of_cluster(hub: &Hub, server_type: &str) -> u64 {
    let prefix = format!("cluster-server-{server_type}-");
    hub.look(|registry| {
        let numbers =
            registry.entries().filter_map(|entry| entry.info.id.strip_prefix(&prefix)?.parse().ok());
        numbers.max().unwrap_or(0)
    })
}
