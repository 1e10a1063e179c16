//! The table of servers that a master prints when all are started.

use crate::status::ServerStatus;

const HEAD: [&str; 6] = ["id", "type", "address", "client port", "pid", "state"];

/// One line for each server, in columns.
pub(crate) fn table(servers: &[ServerStatus]) -> String {
    let rows: Vec<[String; 6]> =
        [HEAD.map(str::to_owned)].into_iter().chain(servers.iter().map(cells)).collect();
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

fn cells(server: &ServerStatus) -> [String; 6] {
    let or_dash = |number: Option<String>| number.unwrap_or_else(|| "-".into());
    let address = match server.port {
        Some(port) => pomelo_core::value::host::with_port(&server.host, port),
        None => server.host.clone(),
    };
    [
        server.id.to_string(),
        server.server_type.clone(),
        address,
        or_dash(server.client_port.map(|port| port.to_string())),
        or_dash(server.pid.map(|pid| pid.to_string())),
        server.state_text(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServerState;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let server = |id: &str, port, client_port, pid, state| ServerStatus {
            id: id.into(),
            server_type: "gate".into(),
            host: "127.0.0.1".into(),
            port,
            client_port,
            pid,
            uptime_ms: None,
            rss_bytes: None,
            connections: None,
            state,
            missing_links: vec![],
            trouble: None,
        };
        let servers = [
            server("gate-server-1", None, Some(3014), Some(7), ServerState::Up),
            server("a", Some(6050), None, None, ServerState::Down),
        ];
        let expected = "\
id             type  address         client port  pid  state
gate-server-1  gate  127.0.0.1       3014         7    up
a              gate  127.0.0.1:6050  -            -    down
";
        assert_eq!(table(&servers), expected);
    }
}
