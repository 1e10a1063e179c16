//! Troubles: what an operator should know of a list of servers beyond its rows, a line each.

use std::collections::HashSet;
use std::time::Duration;

use pomelo_core::metrics::MissingLink;
use pomelo_core::value::ServerId;

use crate::status::{ServerState, ServerStatus};

/// More lines than these nobody reads; the rest is counted.
const MAX_LINES: usize = 20;

/// What is wrong with servers, a line for each trouble: which links are missing, for how long and why, and why a server is
/// down. Two servers that lack the link between them are one line, and so is a server to which nobody has one.
pub fn troubles(servers: &[ServerStatus]) -> Vec<String> {
    let (mut lines, mut said) = (Vec::new(), HashSet::new());
    for server in servers {
        match (server.state, &server.trouble) {
            (ServerState::Unreachable, _) => lines.push(unreachable(server)),
            (ServerState::PartlyLinked, _) => {
                let pair = |other: &ServerId| {
                    let mut ends = [server.id.clone(), other.clone()];
                    ends.sort();
                    ends
                };
                let news = server.missing_links.iter().filter(|link| said.insert(pair(&link.server)));
                lines.extend(news.map(|link| format!("{} has {}", server.id, missing(link))));
            }
            (ServerState::Lost, Some(trouble)) => lines.push(format!("{} is lost: {trouble}", server.id)),
            (ServerState::Down, Some(trouble)) => lines.push(format!("{} is down: {trouble}", server.id)),
            _ => {}
        }
    }
    if lines.len() > MAX_LINES {
        let more = lines.split_off(MAX_LINES - 1).len();
        lines.push(format!("and {more} troubles more"));
    }
    lines
}

fn unreachable(server: &ServerStatus) -> String {
    let links = &server.missing_links;
    let longest = links.iter().map(|link| link.for_ms).max().unwrap_or_default();
    let why = links.iter().find_map(|link| link.why.as_deref());
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    format!("{} has no link to any other server for {}{why}", server.id, time(longest))
}

/// `no link to chat-2 for 12 s: connection refused at 10.0.0.9:4050`.
pub(crate) fn missing(MissingLink { server, for_ms, why, .. }: &MissingLink) -> String {
    let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("no link to {server} for {}{why}", time(*for_ms))
}

fn time(ms: u64) -> String {
    let seconds = Duration::from_millis(ms).as_secs();
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} m {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} m"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn server(
        id: &str,
        state: &str,
        missing: &[(&str, u64, Option<&str>)],
        trouble: Option<&str>,
    ) -> ServerStatus {
        let links = missing.iter().map(|(id, ms, why)| json!({ "server": id, "forMs": ms, "why": why }));
        let links: Vec<_> = links.collect();
        serde_json::from_value(json!({
            "id": id, "serverType": "chat", "host": "127.0.0.1", "port": null, "clientPort": null, "pid": null,
            "uptimeMs": null, "rssBytes": null, "connections": null, "state": state, "missingLinks": links,
            "trouble": trouble,
        }))
        .unwrap()
    }

    #[test]
    fn each_trouble_is_a_line_and_a_missing_link_is_one() {
        let why = Some("connection refused at 10.0.0.9:4050");
        let list = [
            server("chat-1", "up", &[], None),
            server("chat-2", "partly linked", &[("chat-3", 12_345, why)], None),
            server("chat-3", "partly linked", &[("chat-2", 12_345, None)], None),
            server("chat-4", "unreachable", &[("chat-1", 3_000, None), ("chat-2", 192_000, why)], None),
            server("chat-5", "down", &[], Some("it ended (exit status: 1)")),
            server("chat-6", "down", &[], None),
        ];
        assert_eq!(
            troubles(&list),
            [
                "chat-2 has no link to chat-3 for 12 s: connection refused at 10.0.0.9:4050",
                "chat-4 has no link to any other server for 3 m 12 s: connection refused at 10.0.0.9:4050",
                "chat-5 is down: it ended (exit status: 1)",
            ]
        );
        let is_well = list.each_ref().map(ServerStatus::is_well);
        assert_eq!(is_well, [true, false, false, false, false, true]);
    }

    #[test]
    fn nobody_has_to_read_a_thousand_lines() {
        let list: Vec<_> =
            (0..1_000).map(|n| server(&format!("chat-{n}"), "unreachable", &[], None)).collect();
        let lines = troubles(&list);
        assert_eq!((lines.len(), &*lines[19]), (20, "and 981 troubles more"));
    }
}
