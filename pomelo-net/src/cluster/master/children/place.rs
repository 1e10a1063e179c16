//! Whether a port is taken.

use std::time::Duration;

use pomelo_core::server::ServerInfo;

use crate::address::connect;

/// A port that doesn't answer by then is one that nobody listens on.
const PROBE: Duration = Duration::from_secs(1);

/// Whether somebody listens on a port.
pub(in crate::cluster::master) async fn is_taken(host: &str, port: u16) -> bool {
    connect(host, port, PROBE).await.is_ok()
}

/// The first of a server's ports that somebody listens on. Clients come to `host` too, whatever they are told.
pub(super) async fn taken_port(info: &ServerInfo) -> Option<u16> {
    for port in [info.port, info.client_port].into_iter().flatten() {
        if is_taken(&info.host, port).await {
            return Some(port);
        }
    }
    None
}

/// Whether it is certain that nobody listens on any port of the server: its host says so.
pub(super) async fn refuses(info: &ServerInfo) -> bool {
    let mut refused = false;
    for port in [info.port, info.client_port].into_iter().flatten() {
        match connect(&info.host, port, PROBE).await {
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

    #[tokio::test]
    async fn a_port_is_taken_while_somebody_listens() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let info = serde_json::from_value(json!({ "id": "chat-1", "port": port })).unwrap();
        assert_eq!(taken_port(&info).await, Some(port));
        assert!(!refuses(&info).await);
        drop(listener);
        assert_eq!(taken_port(&info).await, None);
        assert!(refuses(&info).await);
        let portless = serde_json::from_value(json!({ "id": "chat-1" })).unwrap();
        assert!(!refuses(&portless).await, "nothing is known of it");
    }
}
