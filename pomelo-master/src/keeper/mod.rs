//! Keepers: the task that keeps one server running, and the one that looks after all of them.
//!
//! | file | noun |
//! |---|---|
//! | `mod` | [`keep`]: the task of one server |
//! | `watch` | [`watch`]: processes that are not our children, logs |

mod watch;

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use pomelo_core::value::{ServerId, ServerInfo};
use tokio::time::{Instant, timeout};

use crate::children::{check_ports, is_set, last_words, taken_port};
use crate::hub::Hub;
use crate::process::Process;
use crate::status::ServerState;

pub(crate) use watch::watch;

/// A process that ran for this long did not fail at once: the next wait is short again.
const HEALTHY_UPTIME: Duration = Duration::from_secs(60);

/// A port whose process was ended is free by then.
const PORT_RELEASE_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest wait before a server is started again.
const LONGEST_RESTART_DELAY: Duration = Duration::from_secs(60);

/// How long to wait before a server is started again: 1 s, twice as long each time, no longer than a minute.
fn delays() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_jitter()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(LONGEST_RESTART_DELAY)
        .without_max_times()
        .build()
}

/// Keeps a server running from now on. It must be down or a stranger's: a keeper that it had is let go. False if there is
/// no such server, or all are to end.
pub(crate) fn keep(hub: &Arc<Hub>, id: &ServerId) -> bool {
    if !hub.change(|registry| registry.keep(id)) {
        return false;
    }
    let (own, kept) = (hub.clone(), id.clone());
    let keeper = hub.tasks.spawn_guarded("keeper", move || keep_running(own.clone(), kept.clone()));
    hub.set_keeper(id, keeper);
    true
}

/// Keeps a server running until it isn't wanted any more, or has ended and isn't to be started again.
///
/// A server that is there already, such as one that an earlier master started, is adopted.
async fn keep_running(hub: Arc<Hub>, id: ServerId) {
    let mut delay = delays();
    loop {
        let Some(info) = wanted(&hub, &id) else { return };
        let began = Instant::now();
        match make_room(&hub, &info).await {
            Err(problem) => fail(&hub, &id, &problem),
            Ok(true) => {}
            Ok(false) => run(&hub, &info).await,
        }
        hub.until(|registry| registry.get(&id).is_none_or(|e| e.state() == ServerState::Down).then_some(()))
            .await;
        let Some(info) = wanted(&hub, &id) else { return };
        if !is_set(&info, "auto-restart") && !is_set(&info, "restart-force") {
            return;
        }
        if began.elapsed() > HEALTHY_UPTIME {
            delay = delays();
        }
        let wait = delay.next().unwrap_or(LONGEST_RESTART_DELAY);
        tracing::info!(server = %id, ?wait, "will be started again");
        let dismissed = hub.until(|registry| registry.get(&id).is_none_or(|e| !e.is_kept()).then_some(()));
        if timeout(wait, dismissed).await.is_ok() {
            return;
        }
    }
}

fn wanted(hub: &Hub, id: &ServerId) -> Option<Arc<ServerInfo>> {
    hub.look(|registry| registry.get(id).filter(|entry| entry.is_kept()).map(|entry| entry.info.clone()))
}

fn fail(hub: &Hub, id: &ServerId, problem: &str) {
    tracing::error!(server = %id, problem, "cannot start");
    hub.change(|registry| registry.failed(id, problem));
}

/// Sees to it that the server can be started; true if it is there already.
///
/// A port that is taken is given time: it may be the server's own, which an earlier master started and which has not
/// found this one yet.
async fn make_room(hub: &Hub, info: &ServerInfo) -> Result<bool, String> {
    let is_there = |hub: &Hub| hub.look(|r| r.get(&info.id).is_some_and(|e| e.state() != ServerState::Down));
    if is_there(hub) {
        return Ok(true);
    }
    let Some(mut taken) = taken_port(info).await else { return Ok(is_there(hub)) };
    check_ports(info).await?;
    tracing::info!(server = %info.id, port = taken.port, "somebody listens there already; waiting for it to register");
    let adopted =
        hub.until(|r| r.get(&info.id).is_some_and(|entry| entry.state() != ServerState::Down).then_some(()));
    tokio::pin!(adopted);
    let adopt = hub.children.limits.adopt;
    // All that an earlier master started have found this one by the end of that.
    let deadline =
        Instant::now() + adopt.saturating_sub(hub.began.elapsed()).max(adopt.min(PORT_RELEASE_TIMEOUT));
    while Instant::now() < deadline {
        if timeout(Duration::from_millis(250), &mut adopted).await.is_ok() {
            return Ok(true);
        }
        match taken_port(info).await {
            None => return Ok(is_there(hub)),
            Some(still) => taken = still,
        }
    }
    Err(taken.told(info, format_args!("something else than {}", info.id)))
}

/// Starts the process, and waits until it has ended.
async fn run(hub: &Hub, info: &ServerInfo) {
    let id = &info.id;
    let mut child = match hub.children.launch(info).await {
        Ok(child) => child,
        Err(error) => return fail(hub, id, error.message()),
    };
    // There is none only after it was waited for.
    let process = Process::new(child.id().unwrap_or_default());
    tracing::debug!(server = %id, pid = process.pid(), "started");
    hub.change(|registry| registry.started(id, process.clone()));
    let _watched = Watched { hub, id, process: &process };
    let ended = match child.wait().await {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    let why = format!("it ended ({ended}){}", last_words(&hub.children.logs.of(id)).await);
    if hub.look(|registry| registry.get(id).is_some_and(|entry| entry.is_kept())) {
        tracing::warn!(server = %id, pid = process.pid(), why, "ended");
    }
    hub.change(|registry| registry.exited(id, &process, &why));
}

/// A process whose end is waited for. Without who waits, the task that looks after all sees its end.
struct Watched<'a> {
    hub: &'a Hub,
    id: &'a ServerId,
    process: &'a Process,
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.hub.change(|registry| registry.unwatch(self.id, self.process));
    }
}
