//! The task that looks after all servers: those that are not our children, and their logs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::children::{is_set, refuses};
use crate::hub::Hub;
use crate::registry::Entry;

/// How often to look whether processes that nobody waits for have ended.
const PROCESS_POLL: Duration = Duration::from_millis(500);
/// Logs are looked at once in so many of these rounds.
const ROUNDS_PER_LOG_TRIM: u32 = 20;

/// Looks after the servers until it is aborted.
pub(crate) async fn watch(hub: Arc<Hub>) {
    let mut looks = tokio::time::interval(PROCESS_POLL);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for round in 0_u32.. {
        looks.tick().await;
        bury(&hub);
        kill_stuck(&hub);
        find_lost(&hub).await;
        if round.is_multiple_of(ROUNDS_PER_LOG_TRIM) {
            trim_logs(&hub).await;
        }
    }
}

/// A process that this master has not started says nothing when it ends.
fn bury(hub: &Hub) {
    let of_entry = |entry: &Entry| Some((entry.info.id.clone(), entry.unwatched_process()?.clone()));
    let processes: Vec<_> = hub.look(|registry| registry.entries().filter_map(of_entry).collect());
    for (id, process) in processes.into_iter().filter(|(_, process)| !process.is_alive()) {
        hub.change(|registry| registry.exited(&id, &process, "its process is gone"));
    }
}

/// A process that is there and silent holds its ports; with `restart-force` it is killed, and so started again.
fn kill_stuck(hub: &Hub) {
    let now = Instant::now();
    let is_stuck = |entry: &&Entry| {
        entry.is_kept()
            && is_set(&entry.info, "restart-force")
            && entry.lost_for(now).is_some_and(|silence| silence > hub.children.limits.adopt)
    };
    hub.look(|registry| {
        for entry in registry.entries().filter(is_stuck) {
            if let Some(process) = entry.process() {
                tracing::warn!(server = %entry.info.id, pid = process.pid(), "silent for too long; killed");
                process.kill();
            }
        }
    });
}

/// A server of which nothing is heard, and whose process can't be seen from here, is gone when its port refuses.
async fn find_lost(hub: &Hub) {
    let lost: Vec<_> = hub.look(|registry| {
        let without_process = registry.entries().filter(|entry| entry.process().is_none());
        without_process.filter_map(|entry| Some((entry.info.clone(), entry.lost()?))).collect()
    });
    let looked = lost.into_iter().map(|(info, incarnation)| async move {
        if refuses(&info).await {
            hub.change(|registry| registry.vanished(&info.id, incarnation));
        }
    });
    futures::future::join_all(looked).await;
}

async fn trim_logs(hub: &Arc<Hub>) {
    let ids: Vec<_> = hub.look(|registry| registry.entries().map(|entry| entry.info.id.clone()).collect());
    let logs = hub.children.logs.clone();
    let trimmed = tokio::task::spawn_blocking(move || {
        for file in ids.iter().map(|id| logs.of(id)).chain([logs.of_master()]) {
            if let Err(error) = logs.trim(&file) {
                tracing::warn!(file = %file.display(), %error, "cannot shorten the log");
            }
        }
    });
    // It fails only when the runtime ends.
    let _ = trimmed.await;
}
