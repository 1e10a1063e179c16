//! `pomelo list`.

use std::time::Duration;

use super::render;
use crate::admin::{ServerState, ServerStatus, troubles};
use crate::failure::Failure;
use crate::operator::Operator;
use crate::output::Done;
use crate::table::{self, Side, Tone, cell};
use crate::units;

/// Shows the servers, in the master's order: itself, then by type and id; and what is wrong with them.
pub async fn run(operator: &Operator) -> Result<Done, Failure> {
    let admin = operator.connect().await?;
    let servers = admin.list().await.map_err(|error| operator.failed(error))?;
    let text = render(operator, &servers, || text_of(&servers, &servers_table(&servers)));
    Ok(Done { text, ok: servers.iter().all(ServerStatus::is_well) })
}

fn text_of(servers: &[ServerStatus], table: &comfy_table::Table) -> String {
    let (mut text, troubles) = (table::render(table), troubles(servers));
    if !troubles.is_empty() {
        text.push('\n');
    }
    for trouble in troubles {
        text.push_str(&trouble);
        text.push('\n');
    }
    text
}

const COLUMNS: &[(&str, Side)] = &[
    ("ID", Side::Left),
    ("TYPE", Side::Left),
    ("HOST", Side::Left),
    ("PORT", Side::Right),
    ("CLIENT PORT", Side::Right),
    ("PID", Side::Right),
    ("UPTIME", Side::Right),
    ("MEMORY", Side::Right),
    ("CONNECTIONS", Side::Right),
    ("STATE", Side::Left),
];

fn servers_table(servers: &[ServerStatus]) -> comfy_table::Table {
    let mut table = table::table(COLUMNS);
    for server in servers {
        table.add_row([
            cell(&*server.id, Tone::Plain),
            cell(&server.server_type, Tone::Plain),
            cell(&server.host, Tone::Plain),
            cell(or_dash(server.port), Tone::Plain),
            cell(or_dash(server.client_port), Tone::Plain),
            cell(or_dash(server.pid), Tone::Plain),
            cell(or_dash(server.uptime_ms.map(Duration::from_millis).map(units::uptime)), Tone::Plain),
            cell(or_dash(server.rss_bytes.map(units::bytes)), Tone::Plain),
            cell(or_dash(server.connections.map(units::count)), Tone::Plain),
            cell(server.state_text(), tone_of(server)),
        ]);
    }
    table
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn tone_of(server: &ServerStatus) -> Tone {
    match server.state {
        ServerState::Up => Tone::Good,
        ServerState::Starting | ServerState::Stopping => Tone::Busy,
        ServerState::PartlyLinked | ServerState::Unreachable | ServerState::Down | ServerState::Lost => {
            Tone::Bad
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn servers() -> Vec<ServerStatus> {
        serde_json::from_value(json!([
            {"id": "connector-server-1", "serverType": "connector", "host": "127.0.0.1", "port": 4050, "clientPort": 3050,
             "pid": 4242, "uptimeMs": 192_000, "rssBytes": 12_345_678, "connections": 1_234, "state": "up"},
            {"id": "chat-server-2", "serverType": "chat", "host": "10.0.0.7", "port": 6051, "clientPort": null,
             "pid": null, "uptimeMs": null, "rssBytes": null, "connections": null, "state": "down",
             "trouble": "it ended (exit status: 1); its log is logs/chat-server-2.log"},
            {"id": "chat-server-3", "serverType": "chat", "host": "10.0.0.7", "port": 6052, "clientPort": null, "pid": 7,
             "uptimeMs": 1_000, "rssBytes": null, "connections": 0, "state": "unreachable",
             "missingLinks": [{"server": "connector-server-1", "forMs": 12_000, "why": "no answer from 10.0.0.7:6052"}]},
        ]))
        .unwrap()
    }

    #[test]
    fn columns_are_aligned_what_is_unknown_is_a_dash_and_troubles_follow() {
        let mut table = servers_table(&servers());
        table.force_no_tty();
        let text = text_of(&servers(), &table);
        let wanted = "\
ID                  TYPE       HOST       PORT  CLIENT PORT   PID    UPTIME   MEMORY  CONNECTIONS  STATE
connector-server-1  connector  127.0.0.1  4050         3050  4242  3 m 12 s  12.3 MB        1,234  up
chat-server-2       chat       10.0.0.7   6051            -     -         -        -            -  down
chat-server-3       chat       10.0.0.7   6052            -     7       1 s        -            0  unreachable

chat-server-2 is down: it ended (exit status: 1); its log is logs/chat-server-2.log
chat-server-3 has no link to any other server for 12 s: no answer from 10.0.0.7:6052
";
        assert_eq!(text, wanted);
    }

    #[test]
    fn states_have_colours_on_a_terminal() {
        let mut table = servers_table(&servers());
        table.enforce_styling();
        let text = table::render(&table);
        assert!(text.contains("\u{1b}[38;5;10mup") && text.contains("\u{1b}[38;5;9mdown"), "{text:?}");
    }
}
