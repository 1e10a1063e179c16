//! Checks of what every transport must do, for whoever implements [`Transport`].
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use pomelo_net::transport::{Memory, conformance};
//!
//! # async fn test() {
//! // What a `#[tokio::test]` of the implementation says; here for the one within a process.
//! conformance::check(|| {
//!     let memory = Memory::new();
//!     conformance::Setup::new(move |_| Arc::new(memory.clone()))
//! })
//! .await;
//! # }
//! ```
//!
//! Two servers, `caller-1` and `callee-1`, run as two processes would: each has a transport of its own, made by the
//! [`Setup`]. A check that fails panics and says what is wrong. It needs the feature `conformance`.

mod checks;
mod echo;

use std::sync::Arc;

use futures::future::LocalBoxFuture;
use pomelo_core::app::{App, Running};
use pomelo_core::cluster::Transport;
use pomelo_core::value::ServerId;

use echo::{Cluster, Gate};

type Make = dyn Fn(&ServerId) -> Arc<dyn Transport> + Send + Sync;

/// How the transport under test is made.
pub struct Setup {
    make: Box<Make>,
    /// More keys of the caller's entry.
    caller: String,
    /// More keys of the callee's.
    callee: String,
}

impl Setup {
    /// Takes a function that makes the transport of a server, as each process makes its own.
    pub fn new(make: impl Fn(&ServerId) -> Arc<dyn Transport> + Send + Sync + 'static) -> Self {
        Self { make: Box::new(make), caller: String::new(), callee: String::new() }
    }

    /// Adds keys to the servers' entries in servers.json, such as `"port": 4050`.
    #[must_use]
    pub fn entries(mut self, caller: impl Into<String>, callee: impl Into<String>) -> Self {
        (self.caller, self.callee) = (caller.into(), callee.into());
        self
    }

    fn servers(&self) -> String {
        let entry = |id: &str, more: &str| {
            let comma = if more.is_empty() { "" } else { ", " };
            format!(r#"{{ "id": "{id}"{comma}{more} }}"#)
        };
        let (caller, callee) = (entry("caller-1", &self.caller), entry("callee-1", &self.callee));
        format!(r#"{{ "caller": [{caller}], "callee": [{callee}] }}"#)
    }
}

/// The two servers, each as a process of its own would be.
struct World {
    /// Makes transports, also for a process that comes back.
    setup: Setup,
    /// What the callee's methods wait at.
    gate: Gate,
    /// The server that calls.
    caller: Running<Cluster>,
    /// The server that is called; none while it is down.
    callee: Option<Running<Cluster>>,
}

impl World {
    async fn start(setup: Setup) -> Self {
        let gate = Gate::default();
        let (caller, callee) = tokio::join!(
            Self::start_one(&setup, &gate, "caller-1"),
            Self::start_one(&setup, &gate, "callee-1")
        );
        let world = Self { setup, gate, caller, callee: Some(callee) };
        world.linked().await;
        world
    }

    async fn start_one(setup: &Setup, gate: &Gate, id: &'static str) -> Running<Cluster> {
        let builder = App::<Cluster>::builder().servers(setup.servers()).insert(gate.clone());
        let transport = (setup.make)(&id.into());
        let running = builder.transport(transport).start_only(|info| info.id == id).await;
        running.unwrap_or_else(|error| panic!("{id} doesn't start: {error}"))
    }

    fn app(&self) -> &App<Cluster> {
        self.caller.app("caller-1").expect("it runs")
    }

    /// Waits until the caller has a link to the callee.
    async fn linked(&self) {
        checks::until("a link to the callee", || !self.app().servers("callee").is_empty()).await;
    }

    /// Waits until the caller knows that the callee is down.
    async fn unlinked(&self) {
        checks::until("the callee counting as gone", || self.app().servers("callee").is_empty()).await;
    }

    async fn crash_callee(&mut self) {
        if let Some(mut callee) = self.callee.take() {
            callee.crash_server("callee-1").await;
        }
    }

    async fn restart_callee(&mut self) {
        self.callee = Some(Self::start_one(&self.setup, &self.gate, "callee-1").await);
        self.linked().await;
    }

    async fn stop(self) {
        self.caller.stop().await;
        if let Some(callee) = self.callee {
            callee.stop().await;
        }
    }
}

/// A check, and what it is called.
type Check = (&'static str, fn(World) -> LocalBoxFuture<'static, ()>);

/// Runs every check on a fresh setup, and prints what it runs.
///
/// # Panics
/// If the transport fails one.
///
/// # Cancel safety
/// The servers of the check that runs are not stopped in order.
pub async fn check(setup: impl Fn() -> Setup) {
    for (name, check) in checks::ALL {
        println!("conformance: {name}");
        check(World::start(setup()).await).await;
    }
}
