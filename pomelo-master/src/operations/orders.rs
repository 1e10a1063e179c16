//! Stop and restart, as a server does them for an operator: it asks each server, and sees what becomes of it.
//!
//! A server can't see its own end, so it comes last, once the operator has the answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use pomelo_core::server::Identity;
use pomelo_core::value::{ServerId, ServerInfo};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use super::asker::Asker;
use crate::status::{Outcome, Which};
use crate::wire::operator::Refusal;

/// How long a server may take to stop before it is called late: as long as a master gives it.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a server that was restarted may take to be back, when it has stopped.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How often to look whether a server is gone, or back.
const POLL: Duration = Duration::from_millis(100);
/// A server that takes an order says so within this.
const ORDER_TIMEOUT: Duration = Duration::from_secs(5);

/// What became of servers, and what is to happen once the operator knows.
pub(super) type Ordered = (Vec<Outcome>, Option<OwnEnd>);

/// Stops servers; none named is all of them, frontends first.
pub(super) async fn stop(asker: &Asker, ids: &[String]) -> Result<Ordered, Refusal> {
    let is_all = ids.is_empty();
    let servers = if is_all { asker.server.expected() } else { asker.known(ids)? };
    let (own, others): (Vec<_>, Vec<_>) = servers.into_iter().partition(|info| info.id == *asker.own());
    let (first, then): (Vec<_>, Vec<_>) = others.into_iter().partition(|info| !is_all || info.frontend);
    let mut outcomes = Vec::new();
    for group in [first, then] {
        outcomes.extend(join_all(group.iter().map(|info| end(asker, info))).await);
    }
    let ends = own.first().map(|info| OwnEnd::new(asker, "stop", vec![info.id.clone()]));
    outcomes.extend(own.iter().map(|info| Outcome::done(&info.id, "stops now")));
    Ok((outcomes, ends))
}

/// Stops a server, and waits until it is gone.
async fn end(asker: &Asker, info: &ServerInfo) -> Outcome {
    let id = &info.id;
    let before = match asker.identity(id).await {
        Ok(before) => before,
        Err(error) if error.is_down() => return Outcome::done(id, "was down"),
        Err(error) => return Outcome::failed(id, error),
    };
    if let Err(why) = order(asker, id, "stop").await {
        return Outcome::failed(id, why);
    }
    match timeout(DRAIN_TIMEOUT, gone(asker, id, &before)).await {
        Ok(()) => Outcome::done(id, "stopped"),
        Err(_) => Outcome::failed(
            id,
            format_args!(
                "still stops after {DRAIN_TIMEOUT:?}; it is the process {} on {}",
                before.pid, info.host
            ),
        ),
    }
}

/// Has a server take an order. One that goes before it has said so has taken it.
async fn order(asker: &Asker, id: &ServerId, module: &str) -> Result<(), String> {
    match asker.ask::<Value>(id, module, &Value::Null, ORDER_TIMEOUT).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_down() => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Waits until that process of a server is gone.
async fn gone(asker: &Asker, id: &ServerId, before: &Identity) {
    loop {
        match asker.identity(id).await {
            Ok(now) if now.incarnation != before.incarnation => return,
            // A link that is only being made again is no end.
            Err(error) if error.is_down() && !asker.server.is_up(id) => return,
            _ => sleep(POLL).await,
        }
    }
}

/// Waits until another process of a server is up.
async fn back(asker: &Asker, id: &ServerId, before: &Identity) {
    loop {
        match asker.identity(id).await {
            Ok(now) if now.incarnation != before.incarnation && !now.starting => return,
            _ => sleep(POLL).await,
        }
    }
}

/// Has the processes of servers drain and end, one after the other; each must be back before the next is asked, and after one that
/// isn't the others are left as they are. Whoever supervises a process starts it again.
pub(super) async fn restart(asker: &Asker, which: &Which) -> Result<Ordered, Refusal> {
    let wanted = asker.which(Some(which))?;
    let plan = Plan::make(asker, &wanted).await;
    let (mut outcomes, mut own) = (plan.refused, None);
    for process in plan.processes {
        let ids = process.iter().map(|(info, _)| info.id.clone());
        if let Some(failed) = outcomes.iter().find(|outcome| !outcome.ok) {
            let why = format!("left as it was, since {} failed", failed.id);
            outcomes.extend(ids.map(|id| Outcome::failed(&id, &why)).collect::<Vec<_>>());
        } else if process.iter().any(|(info, _)| info.id == *asker.own()) {
            own = Some(OwnEnd::new(asker, "restart", ids.collect()));
            outcomes.extend(process.iter().map(|(info, _)| Outcome::done(&info.id, "restarts now")));
        } else {
            outcomes.extend(restart_process(asker, &process).await);
        }
    }
    Ok((outcomes, own))
}

/// The servers of one process, each with what it was.
type Process = Vec<(Arc<ServerInfo>, Identity)>;

async fn restart_process(asker: &Asker, process: &Process) -> Vec<Outcome> {
    join_all(process.iter().map(|(info, before)| restart_one(asker, info, before))).await
}

async fn restart_one(asker: &Asker, info: &ServerInfo, before: &Identity) -> Outcome {
    let id = &info.id;
    if let Err(why) = order(asker, id, "restart").await {
        return Outcome::failed(id, why);
    }
    if timeout(DRAIN_TIMEOUT, gone(asker, id, before)).await.is_err() {
        return Outcome::failed(id, format_args!("still stops after {DRAIN_TIMEOUT:?}"));
    }
    match timeout(START_TIMEOUT, back(asker, id, before)).await {
        Ok(()) => Outcome::done(id, "restarted"),
        Err(_) => Outcome::failed(
            id,
            format_args!(
                "stopped, and is not back after {START_TIMEOUT:?}: does anything supervise its process?"
            ),
        ),
    }
}

/// Which processes are to be restarted, in their order, that of the server which is asked last.
struct Plan {
    processes: Vec<Process>,
    /// Servers that can't be restarted, and why.
    refused: Vec<Outcome>,
}

impl Plan {
    async fn make(asker: &Asker, wanted: &[Arc<ServerInfo>]) -> Self {
        let all = asker.server.expected();
        let identities = join_all(all.iter().map(|info| asker.identity(&info.id))).await;
        let known: HashMap<_, _> = all.iter().map(|info| info.id.clone()).zip(identities).collect();
        let is_wanted = |id: &ServerId| wanted.iter().any(|info| info.id == *id);
        let (mut processes, mut refused): (Vec<Process>, Vec<Outcome>) = Default::default();
        for info in wanted {
            let identity = match known.get(&info.id) {
                Some(Ok(identity)) => identity.clone(),
                Some(Err(error)) => {
                    refused.push(Outcome::failed(&info.id, error));
                    continue;
                }
                // The list of servers has changed meanwhile.
                None => continue,
            };
            let shares = |other: &Identity| other.process == identity.process;
            let mate = all.iter().find(|mate| {
                !is_wanted(&mate.id)
                    && known.get(&mate.id).is_some_and(|found| found.as_ref().is_ok_and(shares))
            });
            if let Some(mate) = mate {
                let why = format!("shares its process with {}: name all servers of it, or none", mate.id);
                refused.push(Outcome::failed(&info.id, why));
                continue;
            }
            match processes.iter_mut().find(|process| process.iter().any(|(_, other)| shares(other))) {
                Some(process) => process.push((info.clone(), identity)),
                None => processes.push(vec![(info.clone(), identity)]),
            }
        }
        processes.sort_by_key(|process| process.iter().any(|(info, _)| info.id == *asker.own()));
        Self { processes, refused }
    }
}

/// The end of the server that carries out an order, and of those that share its process. It is dropped once the operator has the
/// answer.
pub(super) struct OwnEnd {
    asker: Asker,
    /// `stop` or `restart`.
    module: &'static str,
    servers: Vec<ServerId>,
}

impl OwnEnd {
    fn new(asker: &Asker, module: &'static str, servers: Vec<ServerId>) -> Self {
        Self { asker: asker.clone(), module, servers }
    }
}

impl Drop for OwnEnd {
    fn drop(&mut self) {
        // Without a runtime the process ends already.
        let Ok(runtime) = Handle::try_current() else { return };
        let (asker, module, servers) = (self.asker.clone(), self.module, std::mem::take(&mut self.servers));
        runtime.spawn(async move {
            let ordered = join_all(servers.iter().map(|id| order(&asker, id, module))).await;
            for (server, why) in servers.iter().zip(ordered).filter_map(|(id, done)| Some((id, done.err()?)))
            {
                tracing::error!(%server, why, "cannot {module}");
            }
        });
    }
}
