//! Processes of this host.

use pomelo_core::value::ServerId;

/// A process of this host, told from a later one of the same pid where the system says when it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pid: u32,
    /// In clock ticks since the system's start.
    began: Option<u64>,
}

impl Process {
    /// The process of that pid.
    pub(crate) fn new(pid: u32) -> Self {
        Self { pid, began: stat(pid).map(|stat| stat.began) }
    }

    /// The process of that pid, if it is one of this host that serves as `server`. A pid that a server tells may be of
    /// another host or another container: it must never make the master end a stranger.
    pub(crate) fn find(pid: u32, server: &ServerId) -> Option<Self> {
        let process = Self::new(pid);
        (process.is_alive() && names(pid, server)).then_some(process)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        self.signal(false);
    }

    /// Ends it.
    pub(crate) fn kill(&self) {
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
    pub(crate) fn is_alive(&self) -> bool {
        stat(self.pid).is_some_and(|stat| !stat.is_over && self.began.is_none_or(|at| at == stat.began))
    }

    /// Whether it has not ended yet.
    #[cfg(all(unix, not(target_os = "linux")))]
    pub(crate) fn is_alive(&self) -> bool {
        use rustix::process::{Pid, test_kill_process};
        i32::try_from(self.pid).ok().and_then(Pid::from_raw).is_some_and(|pid| test_kill_process(pid).is_ok())
    }

    /// Whether it has not ended yet.
    #[cfg(not(unix))]
    pub(crate) fn is_alive(&self) -> bool {
        false
    }
}

struct Stat {
    /// Only its parent has to be told. While it has threads it also has its ports.
    is_over: bool,
    began: u64,
}

/// What proc(5) says of a process.
fn stat(pid: u32) -> Option<Stat> {
    Stat::parse(&std::fs::read(format!("/proc/{pid}/stat")).ok()?)
}

impl Stat {
    /// A name in it may hold anything, also what is no text, so the fields are counted from the last `)`.
    fn parse(stat: &[u8]) -> Option<Self> {
        let name_end = stat.iter().rposition(|byte| *byte == b')')?;
        let fields = std::str::from_utf8(stat.get(name_end + 1..)?).ok()?;
        let mut fields = fields.split_ascii_whitespace();
        let is_zombie = fields.next()? == "Z";
        let threads: u64 = fields.nth(16)?.parse().ok()?;
        let began = fields.nth(1)?.parse().ok()?;
        Some(Self { is_over: is_zombie && threads <= 1, began })
    }
}

/// Whether the command line of a process names that server.
#[cfg(target_os = "linux")]
pub(crate) fn names(pid: u32, server: &ServerId) -> bool {
    let Ok(line) = std::fs::read(format!("/proc/{pid}/cmdline")) else { return false };
    line.split(|byte| *byte == 0).any(|argument| {
        let argument = argument.strip_prefix(b"--server-id=").unwrap_or(argument);
        argument == server.as_bytes()
    })
}

/// There is no way to tell here without another library, so it might be a stranger.
#[cfg(not(target_os = "linux"))]
pub(crate) fn names(_pid: u32, _server: &ServerId) -> bool {
    false
}

/// The memory that this process holds, in bytes; where proc(5) tells.
pub(crate) fn own_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A process that waits for its input. It ends with the test, also when that fails.
    struct Waiting(Child);

    impl Waiting {
        /// Returns when it runs its own program: until then its command line is not there.
        fn start(name: &str) -> Self {
            let mut command = Command::new("sh");
            command.args(["-c", "echo here; read line", "sh", name]);
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
            assert_eq!(line, "here\n");
            Self(child)
        }
    }

    impl Drop for Waiting {
        fn drop(&mut self) {
            // Both fail when it has ended, and was waited for, before.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn a_process_is_alive_until_it_has_ended() {
        let mut child = Waiting::start("chat-7");
        let pid = child.0.id();
        let process = Process::new(pid);
        assert!(process.began.is_some() && process.is_alive());
        assert!(!Process { began: process.began.map(|at| at + 1), ..process.clone() }.is_alive());
        assert!(Process::find(pid, &"chat-1".into()).is_none(), "it is a stranger");
        assert_eq!(Process::find(pid, &"chat-7".into()), Some(process.clone()));
        process.terminate();
        assert!(!child.0.wait().unwrap().success());
        assert!(!process.is_alive());
    }

    #[test]
    fn a_process_is_over_when_the_last_of_its_threads_is() {
        let stat = |name: &[u8], state: &str, threads: u32| {
            let mut stat = [b"7 (", name, b") "].concat();
            let numbers = format!("{state} {} {threads} 0 1394309 3133440", ["0"; 16].join(" "));
            stat.extend_from_slice(numbers.as_bytes());
            Stat::parse(&stat).map(|stat| (stat.is_over, stat.began))
        };
        assert_eq!(stat(b"game", "S", 1), Some((false, 1_394_309)));
        assert_eq!(stat(b"game", "Z", 3), Some((false, 1_394_309)), "its ports are open");
        assert_eq!(stat(b"game", "Z", 1), Some((true, 1_394_309)));
        assert_eq!(stat(b"a) Z (\xff", "S", 1), Some((false, 1_394_309)), "a name may be anything");
    }

    #[test]
    fn this_process_holds_memory() {
        assert!(own_rss_bytes().unwrap() > 100_000);
    }
}
