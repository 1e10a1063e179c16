//! Announcements: the lines at INFO by which an operator follows servers that start and stop, one for each and one for all.

use std::net::SocketAddr;
use std::time::Duration;

use crate::server::Server;

/// Addresses as a log has them: `127.0.0.1:3010, 127.0.0.1:3011`; none is no field.
fn listed(addresses: impl Iterator<Item = SocketAddr>) -> Option<String> {
    let addresses: Vec<_> = addresses.map(|address| address.to_string()).collect();
    (!addresses.is_empty()).then(|| addresses.join(", "))
}

/// A time that an operator reads: `1.203s`.
fn rounded(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// Says that the server is up, and where its clients are taken; for other servers it has a port only if it isn't together with
/// all of them.
pub(super) fn up(server: &Server, clients: impl Iterator<Item = SocketAddr>, is_alone: bool) {
    let info = &server.peers.info;
    let (host, port) = match info.port.filter(|_| is_alone) {
        Some(port) => (Some(&*info.host), Some(port)),
        None => (None, None),
    };
    let took = rounded(server.peers.stats.uptime());
    tracing::info!(server = %info.id, clients = listed(clients), host, port, ?took, "up");
}

/// Says that all servers that are expected are up, which is known here since now.
pub(super) fn all_up(server: &Server) {
    let servers = server.peers.view.known().all_expected().len();
    let took = rounded(server.peers.stats.uptime());
    tracing::info!(servers, ?took, "all servers are up");
}

/// Says that the server has stopped.
pub(super) fn stopped(server: &Server) {
    let ran = Duration::from_secs(server.peers.stats.uptime().as_secs());
    tracing::info!(server = %server.peers.info.id, ?ran, "stopped");
}
