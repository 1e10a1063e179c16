//! Whether a host is this one, and whether a port is taken.

use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use pomelo_core::server::ServerInfo;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// A port that doesn't answer by then is one that nobody listens on.
const PROBE: Duration = Duration::from_secs(1);

/// Whether a host is this one: loopback, every interface, or an address of one of ours.
pub(in crate::cluster::master) async fn is_here(host: &str) -> bool {
    let Ok(addresses) = lookup_host((host, 0)).await else { return false };
    addresses.map(|address| address.ip()).any(is_ours)
}

/// Only a host's own addresses can be bound. Nothing is sent.
fn is_ours(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || UdpSocket::bind((ip, 0)).is_ok()
}

/// Whether somebody listens on a port.
pub(in crate::cluster::master) async fn is_taken(host: &str, port: u16) -> bool {
    timeout(PROBE, TcpStream::connect((host, port))).await.is_ok_and(|connected| connected.is_ok())
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
        match timeout(PROBE, TcpStream::connect((info.host.as_str(), port))).await {
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => refused = true,
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
    async fn this_host_is_told_from_others() {
        for here in ["127.0.0.1", "localhost", "0.0.0.0", "::1"] {
            assert!(is_here(here).await, "{here}");
        }
        // Reserved for documentation (RFC 5737): nobody has it.
        assert!(!is_here("192.0.2.1").await);
    }

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
