//! Ports of servers: whether one is taken, and by whom.

use std::collections::HashMap;
use std::time::Duration;

use pomelo_core::value::ServerInfo;

use super::holder::Holder;
use pomelo_net::address::connect;

/// A port that doesn't answer by then is one that nobody listens on.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Whether somebody listens on a port.
pub(crate) async fn is_taken(host: &str, port: u16) -> bool {
    connect(host, port, PROBE_TIMEOUT).await.is_ok()
}

/// A port of a server that somebody listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TakenPort {
    /// What servers.json calls it.
    key: &'static str,
    pub(crate) port: u16,
}

/// The first of a server's ports that somebody listens on. Clients come to `host` too, whatever they are told.
pub(crate) async fn taken_port(info: &ServerInfo) -> Option<TakenPort> {
    for (key, port) in ports(info) {
        if is_taken(&info.host, port).await {
            return Some(TakenPort { key, port });
        }
    }
    None
}

fn ports(info: &ServerInfo) -> impl Iterator<Item = (&'static str, u16)> {
    let ports = [("port", info.port), ("clientPort", info.client_port)];
    ports.into_iter().filter_map(|(key, port)| Some((key, port?)))
}

/// Checks that nobody else has a port of a server that is to be started on this machine. The server itself may run already, as
/// those that an earlier master has started; so may, for all that is known here, a holder that the system doesn't tell.
///
/// # Errors
/// Which of its ports is taken, and by whom.
pub(crate) async fn check_ports(info: &ServerInfo) -> Result<(), String> {
    match strangers(&[info]).await.pop() {
        Some(problem) => Err(problem),
        None => Ok(()),
    }
}

/// The ports of servers that somebody else listens on, and who.
async fn strangers(servers: &[&ServerInfo]) -> Vec<String> {
    let looks = servers.iter().map(|info| async move { Some((*info, taken_port(info).await?)) });
    let taken: Vec<_> = futures::future::join_all(looks).await.into_iter().flatten().collect();
    if taken.is_empty() {
        return vec![];
    }
    let ports: Vec<u16> = taken.iter().map(|(_, taken)| taken.port).collect();
    let holders = tokio::task::spawn_blocking(move || Holder::of_each(&ports)).await.unwrap_or_default();
    let stranger = |(info, taken): &(&ServerInfo, TakenPort)| {
        let holders = holders.get(&taken.port)?;
        let is_own = holders.iter().any(|holder| holder.is(&info.id));
        holders.first().filter(|_| !is_own).map(|holder| taken.told(info, holder))
    };
    taken.iter().filter_map(stranger).collect()
}

impl TakenPort {
    /// What is wrong, and what to do about it.
    pub(crate) fn told(self, info: &ServerInfo, by: impl std::fmt::Display) -> String {
        let Self { key, port } = self;
        let ServerInfo { id, host, .. } = info;
        format!(
            "the `{key}` {port} of {id} is taken on {host} by {by}: end that, or give {id} another in servers.json"
        )
    }
}

/// Checks the ports of all servers that are to be started on this machine, against each other, too.
///
/// # Errors
/// Each port that can't be had, and why.
pub(crate) async fn check_all_ports(servers: &[&ServerInfo]) -> Result<(), String> {
    let mut problems = Vec::new();
    let mut seen: HashMap<(&str, u16), &ServerInfo> = HashMap::new();
    for info in servers {
        for (key, port) in ports(info) {
            if let Some(other) = seen.insert((&info.host, port), info) {
                problems.push(format!(
                    "the `{key}` {port} of {} is a port of {}, too (servers.json)",
                    info.id, other.id
                ));
            }
        }
    }
    problems.extend(strangers(servers).await);
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

/// Whether it is certain that nobody listens on any port of the server: its host says so.
pub(crate) async fn refuses(info: &ServerInfo) -> bool {
    let mut refused = false;
    for (_, port) in ports(info) {
        match connect(&info.host, port, PROBE_TIMEOUT).await {
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => refused = true,
            _ => return false,
        }
    }
    refused
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn each_port_that_cant_be_had_is_told_with_who_has_it() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let info = |entry| serde_json::from_value::<ServerInfo>(entry).unwrap();
        let one = info(json!({ "id": "gate-1", "clientPort": port }));
        let other = info(json!({ "id": "chat-1", "port": port }));
        let problems = check_all_ports(&[&one, &other]).await.unwrap_err();
        let pid = std::process::id();
        for part in [
            format!("the `port` {port} of chat-1 is a port of gate-1, too"),
            format!("the `clientPort` {port} of gate-1 is taken on 127.0.0.1 by the process {pid} (`"),
            format!("the `port` {port} of chat-1 is taken on 127.0.0.1 by the process {pid} (`"),
        ] {
            assert!(problems.contains(&part), "{problems}");
        }
        drop(listener);
        assert_eq!(check_all_ports(&[&one]).await, Ok(()));
    }

    #[tokio::test]
    async fn a_port_is_taken_while_somebody_listens() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let info = serde_json::from_value(json!({ "id": "chat-1", "port": port })).unwrap();
        assert_eq!(taken_port(&info).await, Some(TakenPort { key: "port", port }));
        assert!(!refuses(&info).await);
        drop(listener);
        assert_eq!(taken_port(&info).await, None);
        assert!(refuses(&info).await);
        let portless = serde_json::from_value(json!({ "id": "chat-1" })).unwrap();
        assert!(!refuses(&portless).await, "nothing is known of it");
    }
}
