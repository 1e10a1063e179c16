//! Holders of ports: the processes of this machine that listen on one, as proc(5) tells.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::{fmt, fs};

use pomelo_core::value::ServerId;

use crate::process::names;

/// A process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
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
    /// Who listens on a port; see [`of_each`](Self::of_each).
    pub(crate) fn all_of(port: u16) -> Vec<Self> {
        Self::of_each(&[port]).remove(&port).unwrap_or_default()
    }

    /// Who listens on each of these ports, as far as the system tells: of other users and other containers it doesn't.
    ///
    /// It reads some files for each process of the machine, whatever the number of ports.
    pub(crate) fn of_each(ports: &[u16]) -> HashMap<u16, Vec<Self>> {
        let (mut holders, sockets) = (HashMap::<u16, Vec<Self>>::new(), sockets_on(ports));
        if sockets.is_empty() {
            return holders;
        }
        for pid in pids() {
            for port in ports_of(pid, &sockets) {
                holders.entry(port).or_default().push(Self { pid, command: command_of(pid) });
            }
        }
        holders
    }

    /// Whether its command line names that server.
    pub(crate) fn is(&self, server: &ServerId) -> bool {
        names(self.pid, server)
    }
}

fn pids() -> impl Iterator<Item = u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The inodes of the sockets that listen on one of these ports, of either family, with the port.
fn sockets_on(ports: &[u16]) -> HashMap<String, u16> {
    let files = ["/proc/net/tcp", "/proc/net/tcp6"].map(|file| fs::read_to_string(file).unwrap_or_default());
    let listening = files.iter().flat_map(|file| file.lines()).filter_map(listening);
    listening.filter(|(_, port)| ports.contains(port)).collect()
}

/// The inode and port of a line, if that is of a socket which listens.
fn listening(line: &str) -> Option<(String, u16)> {
    const LISTENS: &str = "0A";
    let mut fields = line.split_ascii_whitespace();
    let port = u16::from_str_radix(fields.nth(1)?.rsplit_once(':')?.1, 16).ok()?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?;
    (state == LISTENS).then(|| (inode.to_owned(), port))
}

/// The ports that a process listens on, of those that these sockets are of.
fn ports_of(pid: u32, sockets: &HashMap<String, u16>) -> BTreeSet<u16> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let links = files.filter_map(|file| fs::read_link(file.path()).ok());
    links.filter_map(|link| sockets.get(inode_of(&link)?).copied()).collect()
}

fn inode_of(link: &Path) -> Option<&str> {
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')
}

/// No longer than a line of a terminal.
fn command_of(pid: u32) -> String {
    const LONGEST_COMMAND: usize = 80;
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = String::from_utf8_lossy(&line).trim_end_matches('\0').replace(['\0', '\n'], " ");
    match words.char_indices().nth(LONGEST_COMMAND) {
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
        assert!(holders[0].to_string().contains("pomelo_master"), "{}", holders[0]);
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
        assert_eq!(listening(&line("0A")), Some(("4711".to_owned(), 3010)));
        assert_eq!(listening(&line("01")), None, "it is connected");
        assert_eq!(listening("  sl  local_address rem_address   st tx_queue"), None);
    }
}
