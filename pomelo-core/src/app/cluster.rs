//! The cluster as `servers!` writes it: the types of servers, and what each is made of.

use std::ffi::OsString;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::App;
use super::command::{Command, Files, Reach};
use crate::cluster::{Discovery, Transport};
use crate::dispatch::Parts;
use crate::method::{Handler, Remote, Table};
use crate::router::Routers;
use crate::value::Result;
use crate::value::config::Config;
use crate::wire::Codecs;

/// The servers of an application. `servers!` implements it for the `Rpc` that it writes.
pub trait Cluster: Sized + Send + Sync + 'static {
    /// Every type of server, with its handlers and remotes.
    const SERVERS: &'static [ServerType];

    /// Makes the proxies for calls from one server.
    fn bind(routers: &Arc<Routers>) -> Self;

    /// Makes the handlers and remotes of `app`'s type of server.
    fn mount(app: &App<Self>, mount: &mut Mount<Self>);

    /// What the process provides where the application chooses nothing else.
    fn platform() -> Platform;
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

/// What the process provides: how servers find and reach each other, the codecs of bodies, the command line, and the
/// signal to stop.
pub struct Platform {
    /// Makes what carries messages between servers, unless the application has its own.
    pub transport: fn(&Config, Reach) -> Result<Arc<dyn Transport>>,
    /// Makes what tells servers of each other, unless the application has its own.
    pub discovery: fn(&Config, Reach) -> Result<Arc<dyn Discovery>>,
    /// Checks those files of the configuration that will be used, before anything starts, and returns what may be a mistake, a line
    /// each.
    pub check: fn(&Config, Files) -> Result<Vec<String>>,
    /// Reads the command line, without the program's name.
    pub command: fn(Vec<OsString>) -> Result<Command>,
    /// Runs a master, as a [`Command::Start`] says.
    pub master: fn(Arc<Config>, Command) -> BoxFuture<'static, Result<()>>,
    /// Makes the codecs that the configuration asks for.
    pub codecs: fn(&Config) -> Result<Codecs>,
    /// Resolves when the process is asked to stop, which is heard from the call on.
    pub stop_signal: fn() -> BoxFuture<'static, ()>,
}
