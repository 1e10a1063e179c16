//! The cluster as `servers!` writes it: the types of servers, and what each is made of.
//!
//! All of it is public API that can be written by hand, so that nobody depends on the macro:
//! `tests/by_hand.rs` does.

use std::sync::Arc;

use super::App;
use super::platform::Platform;
use crate::dispatch::Parts;
#[cfg(feature = "crons")]
use crate::method::Cron;
use crate::method::{Handler, Remote, Table};
use crate::router::Routers;

/// The servers of an application. `servers!` implements it for the `Rpc` that it writes.
///
/// ```
/// pomelo::servers! { gate: {}, chat: {} }
///
/// # fn main() {
/// use pomelo::app::Cluster;
///
/// let types: Vec<&str> = Rpc::SERVERS.iter().map(|server_type| server_type.name).collect();
/// assert_eq!(types, ["gate", "chat"]);
/// # }
/// ```
pub trait Cluster: Sized + Send + Sync + 'static {
    /// Every type of server, with its handlers and remotes.
    const SERVERS: &'static [ServerType];

    /// Makes the proxies for calls from one server.
    fn bind(routers: &Arc<Routers>) -> Self;

    /// Makes the handlers and remotes of `app`'s type of server.
    fn mount(app: &App<Self>, mount: &mut Mount<Self>);

    /// What the process provides where the application chooses nothing else: its task, the network, codecs, the signal to stop.
    fn platform() -> &'static dyn Platform;
}

/// A type of server.
///
/// The tables are known where no such server runs: a frontend makes its dictionary of the handlers of all
/// types.
#[derive(Clone, Copy)]
pub struct ServerType {
    /// Its name, as in servers.json.
    pub name: &'static str,
    /// What clients can call.
    pub handlers: &'static [Table],
    /// What other servers can call.
    pub remotes: &'static [Table],
}

/// Takes the handlers, remotes and crons of a server.
///
/// [`Builder::mount`](super::Builder::mount) and [`App::reload`] give it to the application.
pub struct Mount<R> {
    pub(super) parts: Parts<App<R>>,
}

impl<R: Cluster> Mount<R> {
    pub(super) fn new() -> Self {
        Self { parts: Parts::default() }
    }

    /// Adds a handler.
    ///
    /// Its routes are `<server type>.<name>.<method>`. Where two handlers have one route, the later one has it.
    pub fn handler<H: Handler<App<R>>>(&mut self, handler: H) {
        self.parts.handlers.push((Table::handler::<H>(), Arc::new(handler)));
    }

    /// Adds a remote.
    ///
    /// Other servers learn its methods with this server's membership, each by a number that it keeps.
    pub fn remote<T: Remote<App<R>>>(&mut self, remote: T) {
        self.parts.remotes.push((Table::remote::<T>(), Arc::new(remote)));
    }

    /// Adds a cron: its methods are what `action` may say in crons.json, as `<name>.<method>`.
    #[cfg(feature = "crons")]
    pub fn cron<C: Cron<App<R>>>(&mut self, cron: C) {
        self.parts.crons.push((Table::cron::<C>(), Arc::new(cron)));
    }
}
