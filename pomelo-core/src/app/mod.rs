//! The application: what a server is made of, and how several of them start in one process.

mod announce;
mod asking;
mod backlog;
mod builder;
mod busy;
mod checks;
mod cluster;
mod command;
mod component;
mod configure;
mod core;
mod events;
mod home;
pub(crate) mod inbox;
mod leaving;
mod links;
mod lost;
mod membership;
mod node;
mod place;
mod progress;
mod relief;
mod reload;
mod report;
mod running;
mod settling;
mod starting;
mod underway;
mod up;
mod variables;
mod watchdog;
mod watcher;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

pub use self::core::Core;
pub use builder::Builder;
pub use cluster::{Cluster, Mount, Platform, ServerType, Table};
pub use command::{CHECKED, Command, Files, Network, Reach};
pub use component::Component;
pub use configure::Configure;
pub use lost::LostSessions;
pub use running::Running;

pub(crate) use asking::{Unqueued, returned};
pub(crate) use backlog::{Added, Backlog};
pub(crate) use busy::{Busy, Task};
pub(crate) use events::Events;
pub(crate) use inbox::{CoreInbox, take_in_directly};
pub(crate) use lost::LostHook;
pub(crate) use membership::Membership;
pub(crate) use node::{Names, Node};
pub(crate) use underway::{Underway, Work};

use crate::server::{ServerId, ServerInfo};
use crate::session::Session;

/// The application on one server: what handlers and remotes are lent. Cheap to clone.
///
/// `rpc` has the typed proxies; everything else is [`Core`]'s.
pub struct App<R> {
    /// The remotes of all types of servers: `app.rpc.chat.chat_remote.add(…)`.
    pub rpc: Arc<R>,
    core: Arc<Core>,
}

impl<R: Cluster> App<R> {
    /// Starts to put an application together.
    pub fn builder() -> Builder<R> {
        Builder::new()
    }

    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { rpc: Arc::new(R::bind(&core)), core }
    }
}

impl<R> Clone for App<R> {
    fn clone(&self) -> Self {
        Self { rpc: self.rpc.clone(), core: self.core.clone() }
    }
}

impl<R> Deref for App<R> {
    type Target = Arc<Core>;

    fn deref(&self) -> &Arc<Core> {
        &self.core
    }
}

impl<R> fmt::Debug for App<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "App({})", self.core.info.id)
    }
}

/// Something that happened on a server.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A session was bound to a user here.
    BindSession(Session),
    /// A session was unbound from its user here.
    UnbindSession(Session),
    /// A session of this frontend is closed, and its hooks have run.
    CloseSession(Session),
    /// Servers are up: each is reported when it comes, and again whenever it is back after [`RemoveServers`](Self::RemoveServers)
    /// named it, be it the same process or another one. A link that broke and is there again before that is not reported.
    AddServers(Vec<Arc<ServerInfo>>),
    /// Servers are gone: they stopped, died, or could not be reached for too long; these may be [back](Self::AddServers).
    RemoveServers(Vec<ServerId>),
    /// The list of servers that are expected, up or not, has changed: the whole of it.
    ReplaceServers(Vec<Arc<ServerInfo>>),
    /// Members of a channel were lost with their frontend.
    MembersLost {
        /// The channel.
        channel: crate::channel::Channel,
        /// Who was at that frontend.
        uids: Vec<crate::session::Uid>,
    },
    /// This server has started.
    StartServer,
    /// Every server that is expected is up, for the first time.
    StartAll,
}

impl Event {
    /// Its name in logs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::BindSession(_) => "BindSession",
            Self::UnbindSession(_) => "UnbindSession",
            Self::CloseSession(_) => "CloseSession",
            Self::AddServers(_) => "AddServers",
            Self::RemoveServers(_) => "RemoveServers",
            Self::ReplaceServers(_) => "ReplaceServers",
            Self::MembersLost { .. } => "MembersLost",
            Self::StartServer => "StartServer",
            Self::StartAll => "StartAll",
        }
    }
}
