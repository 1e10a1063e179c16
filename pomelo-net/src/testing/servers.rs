//! Test servers: an application's servers in memory.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::SystemTime;

use pomelo_core::app::{App, Builder, Cluster, Running, StartError};
use pomelo_core::runtime::WallClock;

use crate::connector::MemoryPorts;

/// The servers of an application, started for a test: all in this process, linked in memory, and listening in memory.
///
/// They are [`Running`] servers, which [crash](Running::crash_server) and [stop](Running::stop_server) one by one; they end when this
/// is dropped.
#[must_use = "the servers end when this is dropped"]
pub struct Servers<R> {
    running: Running<R>,
    pub(super) ports: MemoryPorts,
}

/// Starts every server of an application for a test.
///
/// The application is the one that runs in production, put together by the same function. Its [`Hybrid`](crate::connector::Hybrid)
/// connectors listen at their ports in memory, so that any number of tests run at once, and nothing waits for the system: on a paused
/// clock (`#[tokio::test(start_paused = true)]`) an hour of the game passes at once. Connectors of other kinds listen where they
/// would.
///
/// # Errors
/// As [`Builder::start`].
///
/// # Cancel safety
/// As [`Builder::start`].
pub async fn start<R: Cluster>(builder: Builder<R>) -> Result<Servers<R>, StartError> {
    let ports = MemoryPorts::default();
    let clock = WallClock::starting_at(SystemTime::now());
    let running = builder.insert(ports.clone()).insert_default(clock).start().await?;
    Ok(Servers { running, ports })
}

impl<R: Cluster> Servers<R> {
    /// The app on one of the servers, as handlers and remotes there are lent it.
    ///
    /// # Panics
    /// If there is no such server; the message has those that there are.
    pub fn app(&self, server: &str) -> &App<R> {
        self.running.app(server).unwrap_or_else(|| {
            let known: Vec<_> = self.running.apps().map(|app| app.server_id().as_str()).collect();
            panic!("there is no server {server}, but {}", known.join(", "))
        })
    }

    /// Stops all servers in order, as [`Running::stop`]: what has begun ends, hooks run.
    ///
    /// # Cancel safety
    /// What has not ended ends at once when it is dropped.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}

impl<R> Deref for Servers<R> {
    type Target = Running<R>;

    fn deref(&self) -> &Running<R> {
        &self.running
    }
}

impl<R> DerefMut for Servers<R> {
    fn deref_mut(&mut self) -> &mut Running<R> {
        &mut self.running
    }
}

impl<R> fmt::Debug for Servers<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers").field("ports", &self.ports).finish_non_exhaustive()
    }
}
