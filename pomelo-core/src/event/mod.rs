//! Events: what listeners of the application are told of a server, in the order in which it happened.

mod queue;

pub(crate) use self::queue::Events;

use std::sync::Arc;

use crate::channel::Channel;
use crate::session::Session;
use crate::value::{ServerId, ServerInfo, Uid};

/// Something that happened on a server: pomelo's `app.event`, with the names of its constants.
///
/// [`Configure::on_event`](crate::app::Configure::on_event) sets what is told. All listeners of a server are
/// told of one event after the other, in the order in which they happened there; what they do must be short,
/// since a bind waits for them.
///
/// ```
/// use pomelo::Event;
/// use pomelo::app::{Cluster, Configure};
///
/// fn lobby<R: Cluster>(app: &mut Configure<R>) {
///     app.on_event(|app, event| {
///         if let Event::MembersLost { channel, uids } = event {
///             // Their frontend died; nobody called `leave` for them.
///             let rest = channel.len();
///             println!("{}: {} lost {}, {rest} are left", app.server_id(), channel.name(), uids.len());
///         }
///     });
/// }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A session was bound to a user here.
    ///
    /// The session has its user already. Who binds goes on when all listeners have been told.
    #[doc(alias = "bind_session")]
    BindSession(Session),
    /// A session was unbound from its user here.
    ///
    /// It has no user any more.
    #[doc(alias = "unbind_session")]
    UnbindSession(Session),
    /// A session of this frontend is closed, and its hooks have run.
    ///
    /// [`Session::close_reason`] says why.
    #[doc(alias = "close_session")]
    CloseSession(Session),
    /// Servers are up: each is reported when it comes, and again whenever it is back after [`RemoveServers`](Self::RemoveServers)
    /// named it, be it the same process or another one. A link that broke and is there again before that is not reported.
    #[doc(alias = "add_servers")]
    AddServers(Vec<Arc<ServerInfo>>),
    /// Servers are gone: they stopped, died, or could not be reached for too long; these may be [back](Self::AddServers).
    ///
    /// pomelo gives ids here, too, although its own example application reads them as servers.
    #[doc(alias = "remove_servers")]
    RemoveServers(Vec<ServerId>),
    /// The list of servers that are expected, up or not, has changed: the whole of it.
    ///
    /// Routers choose among these from then on.
    #[doc(alias = "replace_servers")]
    ReplaceServers(Vec<Arc<ServerInfo>>),
    /// Members of a channel were lost with their frontend.
    ///
    /// There is no counterpart in pomelo: there members at a frontend that died stay for ever.
    MembersLost {
        /// The channel.
        channel: Channel,
        /// Who was at that frontend.
        uids: Vec<Uid>,
    },
    /// Crons were added to this server, by their ids: those of crons.json when it starts, and those that are added while it runs.
    #[doc(alias = "add_crons")]
    AddCrons(Vec<Arc<str>>),
    /// A cron was removed from this server, by its id.
    #[doc(alias = "remove_crons")]
    RemoveCrons(Vec<Arc<str>>),
    /// This server has started.
    ///
    /// It takes clients and calls.
    #[doc(alias = "start_server")]
    StartServer,
    /// Every server that is expected is up, for the first time.
    ///
    /// It comes once; servers that join later don't bring it again.
    #[doc(alias = "start_all")]
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
            Self::AddCrons(_) => "AddCrons",
            Self::RemoveCrons(_) => "RemoveCrons",
            Self::StartServer => "StartServer",
            Self::StartAll => "StartAll",
        }
    }
}
