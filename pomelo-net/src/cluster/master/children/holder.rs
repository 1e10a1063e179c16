//! Holders of ports: the processes of this machine that listen on one, as proc(5) tells.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::Path;

use pomelo_core::server::ServerId;

use crate::cluster::master::process::names;

/// A process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cluster::master) struct Holder {
    pid: u32,
    /// Its command line.
    command: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the process {} (`{}`)", self.pid, self.command)
    }
}

impl Holder {
    /// Who listens on a port, as far as the system tells: of other users and other containers it doesn't.
    ///
    /// It reads some files for each process of the machine.
    pub(in crate::cluster::master) fn all_of(port: u16) -> Vec<Self> {
        let sockets = sockets_on(port);
        if sockets.is_empty() {
            return vec![];
        }
        let Ok(processes) = fs::read_dir("/proc") else { return vec![] };
        let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| holds(*pid, &sockets)).map(|pid| Self { pid, command: command_of(pid) }).collect()
    }

    /// Whether its command line names that server.
    pub(super) fn is(&self, server: &ServerId) -> bool {
        names(self.pid, server)
    }
}

/// The inodes of the sockets that listen on a port, of either family.
fn sockets_on(port: u16) -> HashSet<String> {
    let files = ["/proc/net/tcp", "/proc/net/tcp6"].map(|file| fs::read_to_string(file).unwrap_or_default());
    files.iter().flat_map(|file| file.lines()).filter_map(|line| listening(line, port)).collect()
}

/// The inode of a line, if that is of a socket which listens on the port.
fn listening(line: &str, port: u16) -> Option<String> {
    const LISTENS: &str = "0A";
    let mut fields = line.split_ascii_whitespace();
    let local = fields.nth(1)?.rsplit_once(':')?.1;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?;
    (state == LISTENS && u16::from_str_radix(local, 16) == Ok(port)).then(|| inode.to_owned())
}

fn holds(pid: u32, sockets: &HashSet<String>) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    files.flatten().any(|file| {
        let link = fs::read_link(file.path()).unwrap_or_default();
        inode_of(&link).is_some_and(|inode| sockets.contains(inode))
    })
}

fn inode_of(link: &Path) -> Option<&str> {
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')
}

/// No longer than a line of a terminal.
fn command_of(pid: u32) -> String {
    const LONGEST: usize = 80;
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = String::from_utf8_lossy(&line).trim_end_matches('\0').replace(['\0', '\n'], " ");
    match words.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn who_listens_on_a_port_is_told_by_pid_and_command() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let holders = Holder::all_of(port);
        assert_eq!(holders.iter().map(|holder| holder.pid).collect::<Vec<_>>(), [std::process::id()]);
        assert!(holders[0].to_string().contains("pomelo_net"), "{}", holders[0]);
        assert!(!holders[0].is(&"chat-1".into()));
        drop(listener);
        assert_eq!(Holder::all_of(port), []);
    }

    #[test]
    fn only_sockets_that_listen_hold_a_port() {
        let line = |state: &str| {
            format!(
                "   0: 0100007F:0BC2 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 4711 1"
            )
        };
        assert_eq!(listening(&line("0A"), 3010).as_deref(), Some("4711"));
        assert_eq!(listening(&line("01"), 3010), None, "it is connected");
        assert_eq!(listening(&line("0A"), 3011), None);
        assert_eq!(listening("  sl  local_address rem_address   st tx_queue", 3010), None);
    }
}
