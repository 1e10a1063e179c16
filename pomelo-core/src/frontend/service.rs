//! The sessions of a frontend, for the application that runs there.
//!
//! It reads the registry's tables directly, so nothing here waits but what changes a session.

use std::net::SocketAddr;
use std::sync::Arc;

use super::client::ClientSession;
use super::registry::Registry;

use crate::session::{Session, SessionOwner, no_session};
use crate::value::{Result, SessionId, Uid};
use crate::wire::envelope::{Answer, SessionOp};

/// pomelo's `sessionService`: the sessions of this frontend. Elsewhere it has none.
///
/// [`Server::sessions`](crate::server::Server::sessions) gives it. Sessions of other frontends are reached by
/// [`BackendSessionService`](crate::session::BackendSessionService).
///
/// ```
/// # use pomelo_doc::App;
/// /// Users who are connected here, each once.
/// fn online(app: &App) -> Vec<String> {
///     let mut users = Vec::new();
///     app.sessions().for_each_bound(|session| users.extend(session.uid().map(String::from)));
///     users.sort();
///     users.dedup();
///     users
/// }
/// # #[tokio::main]
/// # async fn main() -> pomelo::Result<()> {
/// # let running = App::builder().servers(r#"{ "connector": [{ "id": "connector-1" }] }"#).start().await?;
/// # assert!(online(running.app("connector-1").unwrap()).is_empty());
/// # Ok(())
/// # }
/// ```
#[doc(alias = "sessionService")]
#[derive(Clone)]
pub struct SessionService {
    /// All that this frontend has of its clients.
    registry: Arc<Registry>,
}

impl SessionService {
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        Self { registry }
    }

    /// The session of that id, if it is open.
    ///
    /// It is a snapshot, as a handler gets one.
    pub fn get(&self, id: SessionId) -> Option<Session> {
        self.registry.session(id).map(|session| self.snapshot(&session))
    }

    /// The sessions that are bound to a user.
    ///
    /// Most users have one; none, if nobody is bound to that user here.
    #[doc(alias = "getByUid")]
    pub fn get_by_uid(&self, uid: &str) -> Vec<Session> {
        let sessions = self.registry.sessions_of(uid);
        sessions.iter().map(|session| self.snapshot(session)).collect()
    }

    /// Every open session, for each of which `visit` runs.
    ///
    /// The sessions are those that are open when it is called; one that opens or closes meanwhile is not
    /// noticed.
    #[doc(alias = "forEachSession")]
    pub fn for_each(&self, visit: impl FnMut(Session)) {
        let sessions = self.registry.all();
        sessions.iter().map(|session| self.snapshot(session)).for_each(visit);
    }

    /// As [`for_each`](Self::for_each), for sessions that are bound to a user.
    #[doc(alias = "forEachBindedSession")]
    pub fn for_each_bound(&self, mut visit: impl FnMut(Session)) {
        self.for_each(|session| {
            if session.uid().is_some() {
                visit(session);
            }
        });
    }

    /// How many sessions are open.
    #[doc(alias = "getSessionsCount")]
    pub fn len(&self) -> usize {
        self.registry.session_count()
    }

    /// Whether no session is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Binds a session to a user.
    ///
    /// # Cancel safety
    /// As [`Session::bind`].
    ///
    /// # Errors
    /// As [`Session::bind`].
    pub async fn bind(&self, id: SessionId, uid: impl Into<Uid>) -> Result<()> {
        self.get(id).ok_or_else(|| no_session(id))?.bind(uid).await
    }

    /// Unbinds a session from its user.
    ///
    /// # Cancel safety
    /// As [`Session::unbind`].
    ///
    /// # Errors
    /// As [`Session::unbind`].
    pub async fn unbind(&self, id: SessionId, uid: impl Into<Uid>) -> Result<()> {
        self.get(id).ok_or_else(|| no_session(id))?.unbind(uid).await
    }

    /// Sets one setting of a session.
    ///
    /// # Errors
    /// If there is no such session.
    ///
    /// What others have pushed of other keys stays.
    #[doc(alias = "importAll")]
    pub fn import(&self, id: SessionId, key: &str, value: impl Into<serde_json::Value>) -> Result<()> {
        let session = self.registry.session(id).ok_or_else(|| no_session(id))?;
        session.set_all([(key.to_owned(), value.into())]);
        Ok(())
    }

    /// Closes every session of a user; the clients are told why, without a reason `kick`. An unknown user is no error.
    ///
    /// It returns when the hooks of these sessions have run, and of those of that user that were closing already; otherwise it
    /// waits as [`Session::kick`] does.
    ///
    /// # Cancel safety
    /// As [`Session::kick`].
    ///
    /// ```
    /// # use pomelo::server::Server;
    /// # use std::sync::Arc;
    /// async fn maintenance(app: &Arc<Server>, uid: &str) {
    ///     app.sessions().kick(uid, Some("maintenance")).await;
    ///     assert!(app.sessions().get_by_uid(uid).is_empty());
    /// }
    /// ```
    pub async fn kick(&self, uid: impl Into<Uid>, reason: Option<&str>) {
        let op = SessionOp::KickUid { uid: uid.into(), reason: reason.map(str::to_owned) };
        // Kicking fails for no session.
        let _ = self.act(op).await;
    }

    /// Closes a session; the client is told why, without a reason `kick`. An unknown session is no error.
    /// It waits as [`Session::kick`] does.
    ///
    /// # Cancel safety
    /// As [`Session::kick`].
    #[doc(alias = "kickBySessionId")]
    pub async fn kick_by_session_id(&self, id: SessionId, reason: Option<&str>) {
        let op = SessionOp::Kick { id, reason: reason.map(str::to_owned) };
        // Kicking fails for no session.
        let _ = self.act(op).await;
    }

    /// The address that a client connects from.
    ///
    /// Behind a proxy it is the proxy's: what the client's own is, a header of the handshake may say
    /// (`Greeting::headers`).
    #[doc(alias = "getClientAddressBySessionId")]
    pub fn client_address(&self, id: SessionId) -> Option<SocketAddr> {
        self.registry.session(id)?.peer()
    }

    /// Does it as for another server that asks.
    async fn act(&self, op: SessionOp) -> Result<Answer> {
        self.registry.clone().act(&self.registry.peers.info.id, op).await
    }

    /// The handle of a session as it is now.
    fn snapshot(&self, session: &ClientSession) -> Session {
        Session::new(&self.registry.sessions, session.snapshot())
    }
}
