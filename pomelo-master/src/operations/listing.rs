//! The list of a cluster's servers, as one of them knows it.

use std::collections::HashSet;

use futures::future::join_all;
use pomelo_core::value::{ServerId, ServerInfo};

use super::asker::Asker;
use super::modules::Status;
use crate::status::{ServerState, ServerStatus};

/// All servers that are expected, sorted by type and id. Each is asked, all at once; one that doesn't answer is in the list as lost.
pub(super) async fn list(asker: &Asker) -> Vec<ServerStatus> {
    let expected = asker.server.expected();
    let mut list = join_all(expected.iter().map(|info| of_server(asker, info))).await;
    blame(&mut list);
    list
}

async fn of_server(asker: &Asker, info: &ServerInfo) -> ServerStatus {
    let mut status = unasked(info);
    match asker.status::<Status>(&info.id, "status").await {
        Ok(Status { identity, report, rss_bytes }) => {
            status.state = match (identity.leaving, identity.starting) {
                (true, _) => ServerState::Stopping,
                (false, true) => ServerState::Starting,
                (false, false) => ServerState::Up,
            };
            status.pid = Some(identity.pid);
            status.uptime_ms = Some(report.uptime_ms);
            status.connections = Some(report.sessions);
            status.rss_bytes = rss_bytes;
            status.missing_links = report.missing_links;
        }
        Err(error) if error.is_down() => {
            status.trouble = Some(asker.server.trouble(&info.id).unwrap_or_else(|| error.to_string()));
        }
        Err(error) => {
            status.state = ServerState::Lost;
            status.trouble = Some(error.to_string());
        }
    }
    status
}

/// A server of which nothing is known but what servers.json says.
fn unasked(info: &ServerInfo) -> ServerStatus {
    ServerStatus {
        id: info.id.clone(),
        server_type: info.server_type.to_string(),
        host: info.host.clone(),
        port: info.port,
        client_port: info.client_port,
        pid: None,
        uptime_ms: None,
        rss_bytes: None,
        connections: None,
        state: ServerState::Down,
        missing_links: vec![],
        trouble: None,
    }
}

/// Only a link between two servers that are up is missed.
fn blame(list: &mut [ServerStatus]) {
    let is_up = |status: &&ServerStatus| status.state == ServerState::Up;
    let up: HashSet<ServerId> = list.iter().filter(is_up).map(|status| status.id.clone()).collect();
    for status in list {
        status.missing_links.retain(|link| up.contains(&status.id) && up.contains(&link.server));
        if !status.missing_links.is_empty() {
            status.state = ServerState::PartlyLinked;
        }
    }
}

#[cfg(test)]
mod tests {
    use pomelo_core::metrics::MissingLink;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_link_is_missed_between_servers_that_are_up_and_no_others() {
        let server = |id: &str, state, missing: &[&str]| {
            let info: ServerInfo = serde_json::from_value(json!({ "id": id, "serverType": "chat" })).unwrap();
            let link = |other: &&str| MissingLink::new((*other).into(), 1, None);
            let missing_links = missing.iter().map(link).collect();
            ServerStatus { state, missing_links, ..unasked(&info) }
        };
        let mut list = [
            server("chat-1", ServerState::Up, &["chat-2", "chat-3"]),
            server("chat-2", ServerState::Up, &["chat-1", "chat-4"]),
            server("chat-3", ServerState::Down, &[]),
            server("chat-4", ServerState::Stopping, &["chat-2"]),
            server("chat-5", ServerState::Up, &["chat-3"]),
        ];
        blame(&mut list);
        let states = list.each_ref().map(|status| (status.state, status.missing_links.len()));
        assert_eq!(
            states,
            [
                (ServerState::PartlyLinked, 1),
                (ServerState::PartlyLinked, 1),
                (ServerState::Down, 0),
                (ServerState::Stopping, 0),
                (ServerState::Up, 0),
            ]
        );
    }
}
