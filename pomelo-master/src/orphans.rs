//! Orphans: processes whose parent has ended, which become children of the first process of the system or of a container.
//!
//! When they end, somebody has to ask for their status, or they stay as zombies. An application that is the first process of a
//! container does that here. It leaves the children that the application itself has started alone, as far as they are waited
//! for: only what has been a zombie for a while is one that nobody asks for.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use rustix::process::{Pid, WaitOptions, waitpid};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Mutex;
use tokio::time::sleep;

/// What has been over for so long is nobody's: whoever waits for a child hears of its end at once.
const ABANDONED_AFTER: Duration = Duration::from_secs(5);

/// The process that adopts orphans.
const INIT_PID: u32 = 1;

/// Who looks after orphans: one of those that wait for a signal, since two would bury the same.
static ONLY_ONE: Mutex<()> = Mutex::const_new(());

/// Looks after orphans for ever, if this process is the one that adopts them and nobody else in it does.
pub(crate) async fn look_after() {
    let _only_one = ONLY_ONE.lock().await;
    if std::process::id() == INIT_PID {
        match signal(SignalKind::child()) {
            Ok(mut ended) => loop {
                bury_abandoned().await;
                // None is never returned while the runtime lives.
                ended.recv().await;
            },
            Err(error) => tracing::warn!(%error, "the ends of orphans can't be heard: they stay as zombies"),
        }
    }
    std::future::pending().await
}

/// Asks for the status of zombies until none is left.
async fn bury_abandoned() {
    let mut before = zombies();
    while !before.is_empty() {
        sleep(ABANDONED_AFTER).await;
        let now = zombies();
        for pid in before.intersection(&now) {
            bury(*pid);
        }
        before = now.difference(&before).copied().collect();
    }
}

/// One that has been asked for meanwhile is no child any more, which is all the same.
fn bury(pid: i32) {
    if let Some(child) = Pid::from_raw(pid)
        && let Ok(Some(_)) = waitpid(Some(child), WaitOptions::NOHANG)
    {
        tracing::debug!(pid, "an orphan has ended");
    }
}

/// The children of this process that are over and not asked for.
fn zombies() -> HashSet<i32> {
    let Ok(processes) = fs::read_dir("/proc") else { return HashSet::new() };
    let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| is_zombie_here(*pid)).collect()
}

/// A name in what proc(5) says may hold anything, so the fields are counted from the last `)`.
fn is_zombie_here(pid: i32) -> bool {
    let stat = fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some(name_end) = stat.iter().rposition(|byte| *byte == b')') else { return false };
    let fields = String::from_utf8_lossy(&stat[name_end + 1..]);
    let mut fields = fields.split_ascii_whitespace();
    fields.next() == Some("Z") && fields.next() == Some(&INIT_PID.to_string())
}
