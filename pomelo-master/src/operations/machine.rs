//! The admin modules of a server's machine and process: what pomelo has as `systemInfo` and `nodeInfo`, by proc(5).
//!
//! What the system doesn't tell is left out of the answer.

use std::time::Duration;

use pomelo_core::server::AdminModule;
use pomelo_core::value::{Level, Result};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::process::own_rss_bytes;

/// How long the use of a processor is measured.
const CPU_SAMPLE: Duration = Duration::from_millis(250);
/// The clock ticks of a second in proc(5): the kernel tells programs 100, whatever its own are.
const TICKS_PER_SECOND: f64 = 100.0;

/// What the module `systemInfo` answers: the machine.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct SystemInfo {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<String>,
    /// The processors that this process may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpus: Option<usize>,
    /// How many tasks ran or waited for a processor, on average over one, five and fifteen minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    load: Option<[f64; 3]>,
    /// All of its memory, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
    /// What programs can still have of it without swapping, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    available_bytes: Option<u64>,
    /// Seconds since it started.
    #[serde(skip_serializing_if = "Option::is_none")]
    uptime_seconds: Option<u64>,
}

/// What the module `nodeInfo` answers: the process.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeInfo {
    /// Its number on its machine.
    pid: u32,
    /// What it uses of processors just now, 100 is one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_percent: Option<f64>,
    /// Seconds of processors that it has used since its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_seconds: Option<f64>,
    /// The memory that it holds, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    rss_bytes: Option<u64>,
    /// Its threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    threads: Option<u64>,
    /// Files and sockets that it has open.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_files: Option<usize>,
}

pub(super) fn modules() -> [AdminModule; 2] {
    let system = AdminModule::new("systemInfo", Level::Look, |_, _| async { Result::Ok(system_info()) });
    let node = AdminModule::new("nodeInfo", Level::Look, |_, _| async { Result::Ok(node_info().await) });
    [system, node]
}

fn read(file: &str) -> Option<String> {
    std::fs::read_to_string(file).ok()
}

fn system_info() -> SystemInfo {
    let memory = read("/proc/meminfo");
    let of_memory = |name| field_kib(memory.as_deref()?, name);
    SystemInfo {
        hostname: read("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned()),
        cpus: std::thread::available_parallelism().ok().map(usize::from),
        load: read("/proc/loadavg").as_deref().and_then(load),
        memory_bytes: of_memory("MemTotal:"),
        available_bytes: of_memory("MemAvailable:"),
        uptime_seconds: read("/proc/uptime").as_deref().and_then(uptime),
    }
}

async fn node_info() -> NodeInfo {
    let used = || read("/proc/self/stat").as_deref().and_then(cpu_seconds);
    let (before, since) = (used(), Instant::now());
    sleep(CPU_SAMPLE).await;
    let (after, time) = (used(), since.elapsed().as_secs_f64());
    let status = read("/proc/self/status");
    NodeInfo {
        pid: std::process::id(),
        cpu_percent: before.zip(after).map(|(before, after)| rounded((after - before) / time * 100.0)),
        cpu_seconds: after,
        rss_bytes: own_rss_bytes(),
        threads: status.as_deref().and_then(threads),
        open_files: std::fs::read_dir("/proc/self/fd").ok().map(Iterator::count),
    }
}

/// To a tenth.
fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// `0.52 0.58 0.59 1/467 12345`.
fn load(text: &str) -> Option<[f64; 3]> {
    let mut averages = text.split_ascii_whitespace().map(str::parse);
    let mut next = || averages.next()?.ok();
    Some([next()?, next()?, next()?])
}

/// `12345.67 54321.00`: since the start, and idle.
fn uptime(text: &str) -> Option<u64> {
    let (seconds, _) = text.split_ascii_whitespace().next()?.split_once('.')?;
    seconds.parse().ok()
}

/// `MemTotal:       16384256 kB`, in bytes.
fn field_kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// `Threads:        12`.
fn threads(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("Threads:"))?.trim().parse().ok()
}

/// User and system time of /proc/self/stat, in seconds. The name in it may hold anything, so fields are counted from the last `)`.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok().map(f64::from);
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proc_says_is_read_and_what_it_does_not_say_is_left_out() {
        assert_eq!(load("0.52 0.58 1.09 1/467 12345\n"), Some([0.52, 0.58, 1.09]));
        assert_eq!(uptime("12345.67 54321.00\n"), Some(12_345));
        assert_eq!(field_kib("MemFree: 7 kB\nMemTotal:    16 kB\n", "MemTotal:"), Some(16 * 1024));
        assert_eq!(threads("Name:\tgame\nThreads:\t12\n"), Some(12));
        let stat = "7 (a) game (x) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 12 0 1394309";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        for broken in ["", "x", "1", "7 (game"] {
            assert_eq!((load(broken), uptime(broken), cpu_seconds(broken)), (None, None, None), "{broken}");
            assert_eq!((field_kib(broken, "x"), threads(broken)), (None, None), "{broken}");
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn this_machine_and_this_process_have_something_to_say() {
        let system = system_info();
        assert!(
            system.memory_bytes >= system.available_bytes && system.available_bytes > Some(0),
            "{system:?}"
        );
        assert!(
            system.load.is_some() && system.uptime_seconds > Some(0) && system.cpus > Some(0),
            "{system:?}"
        );
        let node = node_info().await;
        assert!(node.threads > Some(0) && node.open_files > Some(0) && node.rss_bytes > Some(0), "{node:?}");
        assert!(node.cpu_percent.is_some_and(|percent| percent >= 0.0), "{node:?}");
    }
}
