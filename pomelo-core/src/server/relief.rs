//! Relief of a server's outboxes: kicks clients that are too slow for what waits for them.

use std::sync::Weak;
use std::time::Duration;

use super::Server;

/// How often all blocked outboxes are looked at.
const RELIEF_INTERVAL: Duration = Duration::from_secs(1);

/// How long to wait before looking again where too much waits and nobody can be kicked yet.
const RELIEF_RETRY: Duration = Duration::from_millis(50);

/// Looks every second, and as soon as outboxes hold more than is comfortable, until the server is gone.
pub(crate) async fn run(server: Weak<Server>) {
    let Some(flusher) = server.upgrade().map(|server| server.registry.flusher.clone()) else { return };
    loop {
        // Either is a reason to look.
        let _ = tokio::time::timeout(RELIEF_INTERVAL, flusher.pressed()).await;
        let Some(server) = server.upgrade() else { return };
        server.registry.kick_too_slow();
        drop(server);
        tokio::time::sleep(RELIEF_RETRY).await;
    }
}
