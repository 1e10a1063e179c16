//! What the tests start: etcd servers of their own, on loopback and free ports, and an application registered there.
#![allow(dead_code, reason = "each file of tests uses a part")]

pub mod app;
pub mod server;

use std::time::Duration;

use tokio::time::{sleep, timeout};

/// How long anything may take before it is said to hang: far longer than any machine needs.
pub const HANG_TIMEOUT: Duration = Duration::from_secs(60);

/// How often to look whether something has happened.
const POLL: Duration = Duration::from_millis(10);

/// The TTL of the tests.
pub const TTL: Duration = Duration::from_secs(5);

/// Waits until `condition` holds.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !condition().await {
            sleep(POLL).await;
        }
    };
    assert!(timeout(HANG_TIMEOUT, waiting).await.is_ok(), "this never came: {what}");
}
