//! A frontend with a connector, and a client of either kind.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "every test binary uses another part")]

pub mod client;
mod frontend;
mod server;

use std::time::Duration;

pub use client::Client;
pub use server::Server;

/// How long anything may take before a test is said to hang. It is real time: virtual time is over at once where a busy machine is late
/// with what a socket has.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a future gives, unless it takes too long.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    let (began, mut future) = (std::time::Instant::now(), std::pin::pin!(future));
    loop {
        match tokio::time::timeout(PATIENCE, &mut future).await {
            Ok(done) => return done,
            Err(_) => assert!(began.elapsed() < PATIENCE, "this takes too long"),
        }
    }
}

/// Waits until `condition` holds.
pub async fn until(condition: impl Fn() -> bool) {
    soon(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

pub fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
