//! Events: what listeners of the application are told of a server, in the order in which it happened.

mod queue;

pub(crate) use self::queue::Events;

use std::sync::Arc;

use crate::channel::Channel;
use crate::session::Session;
use crate::value::{ServerId, ServerInfo, Uid};

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
        channel: Channel,
        /// Who was at that frontend.
        uids: Vec<Uid>,
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
