//! The cluster as `servers!` writes it: the types of servers, and what each is made of.

use std::sync::Arc;

use super::App;
use super::platform::Platform;
use crate::dispatch::Parts;
use crate::method::{Handler, Remote, Table};
use crate::router::Routers;

/// The servers of an application. `servers!` implements it for the `Rpc` that it writes.
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
#[derive(Clone, Copy)]
pub struct ServerType {
    /// Its name, as in servers.json.
    pub name: &'static str,
    /// What clients can call.
    pub handlers: &'static [Table],
    /// What other servers can call.
    pub remotes: &'static [Table],
}

/// Takes the handlers and remotes of a server.
pub struct Mount<R> {
    pub(super) parts: Parts<App<R>>,
}

impl<R: Cluster> Mount<R> {
    pub(super) fn new() -> Self {
        Self { parts: Parts::default() }
    }

    /// Adds a handler.
    pub fn handler<H: Handler<App<R>>>(&mut self, handler: H) {
        self.parts.handlers.push((Table::handler::<H>(), Arc::new(handler)));
    }

    /// Adds a remote.
    pub fn remote<T: Remote<App<R>>>(&mut self, remote: T) {
        self.parts.remotes.push((Table::remote::<T>(), Arc::new(remote)));
    }
}
