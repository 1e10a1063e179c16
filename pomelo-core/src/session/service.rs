//! The service of backends: sessions of any frontend, from any server; pomelo's `backendSessionService`.
//!
//! Each method is a question to the frontend, as the asynchronous methods of a [`Session`] are; pomelo's are
//! system calls `sessionRemote.*`. A question to this very server takes no network.

use std::sync::Arc;

use super::{Session, Sessions};
use crate::value::{Result, ServerId, SessionId, Uid};
use crate::wire::envelope::{Answer, SessionOp};

/// pomelo's `backendSessionService`: asks the frontend that owns a session.
///
/// [`Server::backend_sessions`](crate::server::Server::backend_sessions) gives it, on every server. Who knows
/// a user needs to know the frontend, too: a [`Recipient`](crate::channel::Recipient) of a channel has both.
///
/// Every method fails as any call does if that frontend can't be reached.
///
/// ```
/// use pomelo::{Result, remote};
///
/// pomelo::servers! { chat: { remotes: [ModeratorRemote] } }
///
/// struct ModeratorRemote;
///
/// #[remote]
/// impl ModeratorRemote {
///     /// Closes the connections of a member of a room.
///     pub async fn expel(app: &App, room: String, uid: String) -> Result<bool> {
///         let member = app.channels().get(&room).and_then(|room| room.member(&uid));
///         let Some(member) = member else { return Ok(false) };
///         app.backend_sessions().kick_by_uid(&member.sid, member.uid, Some("expelled")).await?;
///         Ok(true)
///     }
/// }
/// # fn main() {}
/// ```
#[doc(alias = "backendSessionService")]
#[doc(alias = "localSessionService")]
#[derive(Clone)]
pub struct BackendSessionService {
    sessions: Arc<Sessions>,
}

impl BackendSessionService {
    pub(crate) fn new(sessions: Arc<Sessions>) -> Self {
        Self { sessions }
    }

    /// The session of that id at a frontend, if it is open.
    ///
    /// # Cancel safety
    /// Nothing is changed when it is dropped.
    ///
    /// # Errors
    /// If the frontend can't be reached.
    ///
    /// It is a snapshot as a handler's is; none, where pomelo calls back with nothing, is no error.
    ///
    /// ```
    /// # use pomelo::{Result, server::{Server, ServerId}, session::SessionId};
    /// # use std::sync::Arc;
    /// async fn mute(app: &Arc<Server>, frontend: &ServerId, id: SessionId) -> Result<()> {
    ///     if let Some(session) = app.backend_sessions().get(frontend, id).await? {
    ///         session.set("muted", true);
    ///         session.push("muted").await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn get(&self, frontend: &ServerId, id: SessionId) -> Result<Option<Session>> {
        Ok(self.find(frontend, SessionOp::Get { id }).await?.pop())
    }

    /// The sessions of a user at a frontend.
    ///
    /// # Cancel safety
    /// Nothing is changed when it is dropped.
    ///
    /// # Errors
    /// If the frontend can't be reached.
    ///
    /// Several sessions may share a user, unless the frontend has `single_session` on.
    #[doc(alias = "getByUid")]
    pub async fn get_by_uid(&self, frontend: &ServerId, uid: impl Into<Uid>) -> Result<Vec<Session>> {
        self.find(frontend, SessionOp::GetByUid { uid: uid.into() }).await
    }

    /// Closes a session; the client is told why, without a reason `kick`. An unknown session is no error.
    /// It waits as [`Session::kick`] does.
    ///
    /// # Cancel safety
    /// As [`Session::kick`].
    ///
    /// # Errors
    /// If the frontend can't be reached.
    #[doc(alias = "kickBySid")]
    #[doc(alias = "kickBySessionId")]
    pub async fn kick_by_session_id(
        &self,
        frontend: &ServerId,
        id: SessionId,
        reason: Option<&str>,
    ) -> Result<()> {
        let op = SessionOp::Kick { id, reason: reason.map(str::to_owned) };
        self.sessions.ask(frontend, op).await.map(drop)
    }

    /// Closes every session of a user at a frontend; the clients are told why, without a reason `kick`.
    ///
    /// It returns when the hooks of these sessions have run, and of those of that user that were closing there already;
    /// otherwise it waits as [`Session::kick`] does. Sessions at other frontends are not touched.
    ///
    /// # Cancel safety
    /// As [`Session::kick`].
    ///
    /// # Errors
    /// If the frontend can't be reached.
    #[doc(alias = "kickByUid")]
    pub async fn kick_by_uid(
        &self,
        frontend: &ServerId,
        uid: impl Into<Uid>,
        reason: Option<&str>,
    ) -> Result<()> {
        let op = SessionOp::KickUid { uid: uid.into(), reason: reason.map(str::to_owned) };
        self.sessions.ask(frontend, op).await.map(drop)
    }

    /// Asks for sessions, and makes handles of what comes back.
    async fn find(&self, frontend: &ServerId, op: SessionOp) -> Result<Vec<Session>> {
        match self.sessions.ask(frontend, op).await? {
            Answer::Sessions(found) => {
                Ok(found.into_iter().map(|found| Session::new(&self.sessions, found)).collect())
            }
            _ => Ok(Vec::new()),
        }
    }
}
