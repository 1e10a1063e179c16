//! The order `add`.

use std::sync::Arc;

use futures::future::join_all;
use pomelo_core::value::config::Config;
use pomelo_core::value::{ServerId, ServerInfo};
use serde_json::{Map, Value};

use super::start::begin;
use super::{KILL_NOTICE, end};
use crate::hub::Hub;
use crate::status::{Outcome, ServerState};
use crate::wire::operator::Refusal;

/// Adds servers: an entry as in servers.json with its `serverType`. Of those that can't be up nothing is left.
pub(crate) async fn add(hub: &Arc<Hub>, entry: Map<String, Value>) -> Result<Vec<Outcome>, Refusal> {
    let servers = parse(hub, entry)?;
    Ok(join_all(servers.into_iter().map(|info| add_one(hub, info))).await)
}

pub(crate) async fn add_one(hub: &Arc<Hub>, info: Arc<ServerInfo>) -> Outcome {
    let id = info.id.clone();
    // Between the check of the id and now, another operator may have taken it.
    if !hub.change(|registry| registry.add(info)) {
        return Outcome::failed(&id, "there is a server of that id, or no room for more");
    }
    let outcome = begin(hub, &id).await;
    if outcome.ok {
        return outcome;
    }
    hub.change(|registry| registry.dismiss(&id, true));
    let ended = end(hub, &id, KILL_NOTICE).await;
    let left = if ended.ok { "it is not added".to_owned() } else { ended.message };
    Outcome::failed(&id, format_args!("{}; {left}", outcome.message))
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
    let mut free = free_numbers(hub, &server_type);
    let servers = parsed.servers.into_iter().map(|info| match is_cluster.then(|| free.next()).flatten() {
        Some(id) => Arc::new(ServerInfo { id, ..(*info).clone() }),
        None => info,
    });
    let servers: Vec<_> = servers.collect();
    let taken = servers
        .iter()
        .find(|info| info.id == hub.config.id || !hub.look(|registry| registry.may_add(&info.id)));
    match taken {
        Some(info) => Err(invalid(&taken_by(hub, &info.id))),
        None => Ok(servers),
    }
}

/// Why a server can't be added.
fn taken_by(hub: &Hub, id: &ServerId) -> String {
    let state = hub.look(|registry| registry.get(id).map(|entry| (entry.state(), entry.failures().0)));
    match state {
        Some((ServerState::Down, 1..)) => format!(
            "there is a server `{id}` already, which is down: `restart {id}` starts it, and `stop {id}` frees its id"
        ),
        _ => format!("there is a server `{id}` already"),
    }
}

/// The ids `cluster-server-<type>-<n>` that no server has, from 1 on.
fn free_numbers(hub: &Hub, server_type: &str) -> impl Iterator<Item = ServerId> {
    let ids = (1_u64..).map(move |number| ServerId::from(format!("cluster-server-{server_type}-{number}")));
    ids.filter(|id| !hub.look(|registry| registry.is_known(id)))
}
