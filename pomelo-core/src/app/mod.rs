//! The application: what a server is made of, and how several of them start in one process.

mod announce;
mod assembly;
mod builder;
mod checks;
mod cluster;
mod component;
mod configure;
mod platform;
mod reload;
mod reserved;
mod running;
mod start_error;
mod starting;
mod up;
mod variables;
mod watchdog;

pub use self::builder::Builder;
pub use self::cluster::{Cluster, Mount, ServerType};
pub use self::component::Component;
pub use self::configure::Configure;
pub use self::platform::{Network, Platform, Provided, Reach, Task, Wants};
pub use self::running::Running;
pub use self::start_error::StartError;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::inject::{Container, State};
use crate::method::parameter::AppParameter;
use crate::server::Server;

/// The application on one server: what handlers and remotes are lent. Cheap to clone.
///
/// `rpc` has the typed proxies; everything else is [`Server`]'s.
pub struct App<R> {
    /// The remotes of all types of servers: `app.rpc.chat.chat_remote.add(…)`.
    pub rpc: Arc<R>,
    server: Arc<Server>,
}

impl<R: Cluster> App<R> {
    /// Starts to put an application together.
    pub fn builder() -> Builder<R> {
        Builder::new()
    }

    pub(crate) fn new(server: Arc<Server>) -> Self {
        Self { rpc: Arc::new(R::bind(&server.dispatch.routers)), server }
    }
}

impl<R: 'static> Container for App<R> {
    fn state(&self) -> &State {
        &self.server.context.state
    }
}

impl<R> AppParameter for App<R> {}

impl<R> Clone for App<R> {
    fn clone(&self) -> Self {
        Self { rpc: self.rpc.clone(), server: self.server.clone() }
    }
}

impl<R> Deref for App<R> {
    type Target = Arc<Server>;

    fn deref(&self) -> &Arc<Server> {
        &self.server
    }
}

impl<R> fmt::Debug for App<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "App({})", self.server.peers.info.id)
    }
}
