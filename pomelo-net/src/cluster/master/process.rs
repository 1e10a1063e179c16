//! Processes of this host.

use pomelo_core::server::ServerId;

/// A process of this host, told from a later one of the same pid where the system says when it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pid: u32,
    /// In clock ticks since the system's start.
    began: Option<u64>,
}

impl Process {
    /// The process of that pid.
    pub(super) fn new(pid: u32) -> Self {
        Self { pid, began: stat(pid).map(|stat| stat.began) }
    }

    /// The process of that pid, if it is one of this host that serves as `server`. A pid that a server tells may be of
    /// another host or another container: it must never make the master end a stranger.
    pub(super) fn find(pid: u32, server: &ServerId) -> Option<Self> {
        let process = Self::new(pid);
        (process.is_alive() && names(pid, server)).then_some(process)
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Asks it to end.
    pub(super) fn terminate(&self) {
        self.signal(false);
    }

    /// Ends it.
    pub(super) fn kill(&self) {
        self.signal(true);
    }

    #[cfg(unix)]
    fn signal(&self, kill: bool) {
        use rustix::process::{Pid, Signal, kill_process};
        let signal = if kill { Signal::KILL } else { Signal::TERM };
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| self.is_alive())
            && let Err(error) = kill_process(pid, signal)
        {
            tracing::warn!(pid = self.pid, %error, "cannot signal the process");
        }
    }

    #[cfg(not(unix))]
    fn signal(&self, _kill: bool) {
        tracing::warn!(pid = self.pid, "processes can't be signalled on this system");
    }

    /// Whether it has not ended yet.
    #[cfg(target_os = "linux")]
    pub(super) fn is_alive(&self) -> bool {
        stat(self.pid).is_some_and(|stat| !stat.is_over && self.began.is_none_or(|at| at == stat.began))
    }

    /// Whether it has not ended yet.
    #[cfg(all(unix, not(target_os = "linux")))]
    pub(super) fn is_alive(&self) -> bool {
        use rustix::process::{Pid, test_kill_process};
        i32::try_from(self.pid).ok().and_then(Pid::from_raw).is_some_and(|pid| test_kill_process(pid).is_ok())
    }

    /// Whether it has not ended yet.
    #[cfg(not(unix))]
    pub(super) fn is_alive(&self) -> bool {
        false
    }
}

struct Stat {
    /// Only its parent has to be told. While it has threads it also has its ports.
    is_over: bool,
    began: u64,
}

/// What proc(5) says of a process. A name in it may hold anything, so the fields are counted from the last `)`.
fn stat(pid: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace();
    let is_zombie = fields.next()? == "Z";
    let threads: u64 = fields.nth(16)?.parse().ok()?;
    let began = fields.nth(1)?.parse().ok()?;
    Some(Stat { is_over: is_zombie && threads <= 1, began })
}

/// Whether the command line of a process names that server.
#[cfg(target_os = "linux")]
fn names(pid: u32, server: &ServerId) -> bool {
    let Ok(line) = std::fs::read(format!("/proc/{pid}/cmdline")) else { return false };
    line.split(|byte| *byte == 0).any(|argument| {
        let argument = argument.strip_prefix(b"--server-id=").unwrap_or(argument);
        argument == server.as_bytes()
    })
}

/// There is no way to tell here without another library, so it might be a stranger.
#[cfg(not(target_os = "linux"))]
fn names(_pid: u32, _server: &ServerId) -> bool {
    false
}

/// The memory that this process holds, in bytes; where proc(5) tells.
pub(super) fn own_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn a_process_is_alive_until_it_has_ended() {
        let mut child =
            std::process::Command::new("sleep").arg("1000").stdout(Stdio::null()).spawn().unwrap();
        let process = Process::new(child.id());
        // Its command line is there a moment after it was started.
        while !names(child.id(), &"1000".into()) {
            assert!(child.try_wait().unwrap().is_none(), "it ended");
        }
        assert!(process.is_alive());
        assert!(!Process { began: process.began.map(|at| at + 1), ..process.clone() }.is_alive());
        assert!(Process::find(child.id(), &"chat-1".into()).is_none(), "it is a stranger");
        assert_eq!(Process::find(child.id(), &"1000".into()), Some(process.clone()));
        process.terminate();
        assert!(!child.wait().unwrap().success());
        assert!(!process.is_alive());
    }

    #[test]
    fn this_process_holds_memory() {
        assert!(own_rss_bytes().unwrap() > 100_000);
    }
}
