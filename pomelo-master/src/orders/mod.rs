//! Orders of operators: what each does, to its end, whatever becomes of the operator.
//!
//! | file | noun |
//! |---|---|
//! | `mod` | stop, kill, restart |
//! | `start` | start, and waiting until a server serves |
//! | `add` | add |

mod add;
mod start;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use pomelo_core::value::ServerId;
use tokio::time::timeout;

use super::hub::{Hub, Order};
use super::registry::Registry;
use super::status::{Outcome, ServerState, Which};
use super::wire::operator::Refusal;
pub(crate) use add::add;
pub(crate) use start::{begin, start};

/// What `kill` leaves a server to end by itself.
const KILL_NOTICE: Duration = Duration::from_secs(2);
/// A process that was killed is gone by then, unless it hangs in the system.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// Stops servers for good; none named is all of them, frontends first, and the master's own outcome at the end.
pub(crate) async fn stop(hub: &Arc<Hub>, ids: &[String]) -> Result<Vec<Outcome>, Refusal> {
    if ids.is_empty() {
        let mut outcomes = drain(hub).await;
        outcomes.push(Outcome::done(&hub.config.id, "stops now"));
        return Ok(outcomes);
    }
    end_for_good(hub, ids, hub.children.limits.drain).await
}

/// Ends servers for good, now.
pub(crate) async fn kill_these(hub: &Arc<Hub>, ids: &[String]) -> Result<Vec<Outcome>, Refusal> {
    end_for_good(hub, ids, KILL_NOTICE).await
}

async fn end_for_good(hub: &Arc<Hub>, ids: &[String], patience: Duration) -> Result<Vec<Outcome>, Refusal> {
    let ids = known(hub, ids)?;
    hub.change(|registry| ids.iter().for_each(|id| registry.dismiss(id, true)));
    Ok(join_all(ids.iter().map(|id| end(hub, id, patience))).await)
}

/// Stops all servers: frontends first, so that what runs when their clients leave still finds the others. None is started any
/// more.
pub(crate) async fn drain(hub: &Arc<Hub>) -> Vec<Outcome> {
    // All at once, or those that go later would see servers disappear that were expected.
    let servers = hub.change(Registry::close);
    let (frontends, backends): (Vec<_>, Vec<_>) = servers.into_iter().partition(|info| info.frontend);
    let mut outcomes = Vec::new();
    for group in [frontends, backends] {
        let ends = group.iter().map(|info| end(hub, &info.id, hub.children.limits.drain));
        outcomes.extend(join_all(ends).await);
    }
    outcomes
}

/// Ends all servers, now, and the master.
pub(crate) async fn kill(hub: &Arc<Hub>) -> Vec<Outcome> {
    let servers = hub.change(Registry::close);
    let mut outcomes = join_all(servers.iter().map(|info| end(hub, &info.id, KILL_NOTICE))).await;
    outcomes.push(Outcome::done(&hub.config.id, "ends now"));
    outcomes
}

/// Restarts servers one after the other; each must be up before the next is stopped. After one that fails the others are
/// left as they are.
pub(crate) async fn restart(hub: &Arc<Hub>, which: &Which) -> Result<Vec<Outcome>, Refusal> {
    let ids = self::which(hub, which)?;
    let mut outcomes: Vec<Outcome> = Vec::new();
    for id in &ids {
        if let Some(failed) = outcomes.iter().find(|outcome| !outcome.ok) {
            let why = format!("left as it was, since {} failed", failed.id);
            outcomes.push(Outcome::failed(id, why));
            break;
        }
        outcomes.push(restart_one(hub, id).await);
    }
    let skipped = ids.iter().skip(outcomes.len());
    let skipped: Vec<_> = skipped.map(|id| Outcome::failed(id, "left as it was")).collect();
    outcomes.extend(skipped);
    Ok(outcomes)
}

async fn restart_one(hub: &Arc<Hub>, id: &ServerId) -> Outcome {
    let is_there = |registry: &Registry| registry.get(id).is_some_and(|entry| !entry.is_stopped());
    let was_there = hub.look(is_there);
    hub.change(|registry| registry.dismiss(id, false));
    let ended = end(hub, id, hub.children.limits.drain).await;
    match ended.ok {
        // What another operator has ordered meanwhile is the later order.
        true if was_there && !hub.look(is_there) => Outcome::failed(id, "somebody has stopped it meanwhile"),
        true => begin(hub, id).await,
        false => ended,
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
    match timeout(KILL_TIMEOUT, hub.until(is_down)).await {
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

/// Some of the servers.
pub(crate) fn which(hub: &Hub, which: &Which) -> Result<Vec<ServerId>, Refusal> {
    match which {
        Which::Ids(ids) => known(hub, ids),
        Which::Type(server_type) => of_type(hub, server_type),
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
        if !hub.look(|registry| registry.is_known(&id)) {
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
