//! Checks of what every discovery must do, for whoever implements
//! [`Discovery`].
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use pomelo_net::cluster::{StaticDiscovery, conformance};
//!
//! # async fn test() {
//! // What a `#[tokio::test]` of the implementation says; here for the one that knows servers.json and nothing else.
//! conformance::check(async || {
//!     conformance::Setup::new(|_| Arc::new(StaticDiscovery::new(conformance::listed()))).fixed()
//! })
//! .await;
//! # }
//! ```
//!
//! The servers are processes without transports: a discovery is checked by what it tells them. Those of [`listed`] are what servers.json
//! says, and each process has a discovery of its own, made by the [`Setup`]. A check that fails panics and says what is wrong. It needs
//! the feature `conformance`.

mod checks;
mod process;

use std::sync::Arc;

use futures::future::{BoxFuture, LocalBoxFuture};
use pomelo_core::cluster::Discovery;
use pomelo_core::value::{ServerId, ServerInfo};

type Make = dyn Fn(&ServerId) -> Arc<dyn Discovery> + Send + Sync;
type Switch = dyn Fn() -> BoxFuture<'static, ()> + Send + Sync;

/// How the discovery under test is made, and what it can do.
pub struct Setup {
    /// Makes the discovery of one process.
    make: Box<Make>,
    /// It tells only what servers.json says.
    is_fixed: bool,
    /// How to take away what it asks.
    outage: Option<Outage>,
}

/// Takes away what a discovery asks, such as a registry or a master, and brings it back.
struct Outage {
    /// Takes it away.
    begin: Box<Switch>,
    /// Brings it back.
    end: Box<Switch>,
}

impl Setup {
    /// Takes a function that makes the discovery of a server, as each process makes its own, for the servers of [`listed`].
    pub fn new(make: impl Fn(&ServerId) -> Arc<dyn Discovery> + Send + Sync + 'static) -> Self {
        Self { make: Box::new(make), is_fixed: false, outage: None }
    }

    /// The discovery tells what servers.json says, once, and nothing of servers that come and go: only that is checked.
    #[must_use]
    pub fn fixed(mut self) -> Self {
        self.is_fixed = true;
        self
    }

    /// Also checks what happens while that which the discovery asks is away: `begin` takes it away, `end` brings it back.
    #[must_use]
    pub fn outage(
        mut self,
        begin: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static,
        end: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        self.outage = Some(Outage { begin: Box::new(begin), end: Box::new(end) });
        self
    }
}

/// The servers of servers.json: `alpha-1` and `beta-1`, on this machine, without ports, so that no links can tell of them.
pub fn listed() -> Vec<Arc<ServerInfo>> {
    vec![info("alpha-1", "alpha"), info("beta-1", "beta")]
}

fn info(id: &str, server_type: &str) -> Arc<ServerInfo> {
    let entry = serde_json::json!({ "id": id, "serverType": server_type, "host": "127.0.0.1" });
    Arc::new(serde_json::from_value(entry).expect("an entry of a server"))
}

/// A check, what it is called, and what a discovery must be able to do for it.
struct Check {
    /// For whoever reads what is run.
    name: &'static str,
    /// Left out, where the discovery can't do that.
    needs: Needs,
    /// Panics where it does not hold.
    run: fn(Setup) -> LocalBoxFuture<'static, ()>,
}

/// What a discovery must be able to do for a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// It tells of servers that come and go.
    Changes,
    /// The same, and what it asks can be away.
    Outage,
}

impl Setup {
    fn can(&self, needs: Needs) -> bool {
        match needs {
            Needs::Nothing => true,
            Needs::Changes => !self.is_fixed,
            Needs::Outage => !self.is_fixed && self.outage.is_some(),
        }
    }
}

/// Runs every check on a fresh setup, and prints what it runs.
///
/// # Panics
/// If the discovery fails one.
///
/// # Cancel safety
/// What the setup has started is left to what it gave out.
pub async fn check(setup: impl AsyncFn() -> Setup) {
    for Check { name, needs, run } in checks::ALL {
        let setup = setup().await;
        if setup.can(*needs) {
            println!("conformance: {name}");
            run(setup).await;
        }
    }
}
