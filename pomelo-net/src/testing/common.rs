//! Shared parts of clients and sessions of tests: waiting with a limit, and bodies.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

/// How long something may take that a test waits for: far longer than it takes on a busy machine. On tokio's paused clock that time is
/// over as soon as nothing else can happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What a future gives, unless it takes too long.
pub(super) async fn soon<T>(what: impl FnOnce() -> String, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(done) => done,
        Err(_) => panic!("{} did not come within {PATIENCE:?}", what()),
    }
}

/// A body as JSON.
pub(super) fn json(route: &str, body: impl Serialize) -> Value {
    match serde_json::to_value(body) {
        Ok(body) => body,
        Err(error) => panic!("the body for {route} is no JSON: {error}"),
    }
}
