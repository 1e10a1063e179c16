//! Sessions: who a client is, wherever its messages are handled.
//!
//! The connection and the real session are at the frontend ([`ClientSession`](crate::frontend::ClientSession)); a handler, there or on a backend,
//! gets a [`Session`]: a snapshot whose asynchronous methods act on the real one.
//!
//! ```text
//!  client ─▶ ClientSession, at the frontend ── snapshot, with each message ─▶ Session, in a handler
//!              ▲ uid, settings, version                                         │ get, set: the snapshot
//!              └─────────── bind, push, kick, on_closed: the real session ──────┘
//! ```
//!
//! pomelo has three kinds of them: `Session` at the frontend, `FrontendSession` for its handlers,
//! `BackendSession` for those of backends. The last two are one type here: what it does is the same, directly
//! where the connection is, and by a question to that server elsewhere.
//!
//! | file | noun |
//! |---|---|
//! | `owner` | what a server has to do with sessions; the traits of what owns them and what handles their messages |
//! | `remote` | operations on the real session, here or over a link |
//! | `overlay` | changes from here, laid over older snapshots that still arrive |
//! | `hooks`, `closed` | functions that run when a session closes, and their running |
//! | `backend` | [`BackendSessionService`]: the sessions of any frontend |
//!
//! What is promised: a handler sees what handlers of earlier messages of the session have bound and pushed on
//! the same server, however the messages and the answers meet on the link. A change that was set and not
//! pushed is seen by nobody else, and the last push of a key wins.

mod ask;
mod closed;
mod hooks;
mod overlay;
mod service;
mod sessions;
#[cfg(test)]
mod tests;

pub(crate) use self::ask::after;
pub(crate) use self::closed::ClosedSession;
pub(crate) use self::overlay::{Change, Overlay};
pub use self::service::BackendSessionService;
pub(crate) use self::sessions::{Acting, SessionHandling, SessionOwner, Sessions};

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::peers::Peers;
use crate::value::{Error, ErrorKind, Result, ServerId, SessionId, Settings, Uid, read_setting};
use crate::wire::envelope::{Answer, SessionOp, Snapshot};
use hooks::{Hook, Hooks};

/// A client's session, as a handler sees it: a snapshot taken when handling starts. Cheap to clone.
///
/// Reading and [`set`](Self::set) work on the snapshot; the asynchronous methods act on the session at the
/// frontend that owns the connection, directly or by RPC.
///
/// ```
/// use pomelo::{Result, Session};
///
/// /// Logs a player in: the user, and what later messages are routed by.
/// async fn log_in(session: &Session, uid: u64, area: &str) -> Result<()> {
///     session.bind_unique(uid).await?;
///     session.set("area", area);
///     session.push("area").await?;
///     session.on_closed(|session| async move {
///         println!("{:?} is gone: {:?}", session.uid(), session.close_reason());
///         Ok(())
///     })
///     .await
/// }
/// ```
///
/// It is `'static`: a task that a handler spawns, or a hook, may keep it. It stays the snapshot that it is,
/// and its asynchronous methods fail once the session is closed.
#[doc(alias = "FrontendSession")]
#[doc(alias = "BackendSession")]
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    /// The way to the real session.
    sessions: Arc<Sessions>,
    /// Its name in the cluster.
    id: SessionId,
    /// Who has the connection, and the real session.
    frontend: ServerId,
    /// What it is as far as this snapshot knows.
    view: Mutex<View>,
    /// Why the session closed, where it is closed.
    close_reason: Option<Arc<str>>,
}

/// A session's user and settings at one moment, and what was changed since.
#[derive(Clone)]
struct View {
    /// The user, if it is bound.
    uid: Option<Uid>,
    /// Shared with other snapshots until it is written to.
    settings: Arc<Settings>,
    /// Which state of the real session this is: one more with each change there.
    version: u64,
    /// Keys that were set here and not pushed since.
    changed: Vec<String>,
}

impl Session {
    pub(crate) fn new(sessions: &Arc<Sessions>, snapshot: Snapshot) -> Self {
        Self::with(sessions, snapshot, None)
    }

    /// The session that hooks on its closing get.
    pub(crate) fn closed(sessions: &Arc<Sessions>, closed: ClosedSession) -> Self {
        Self::with(sessions, closed.session, Some(closed.reason))
    }

    fn with(sessions: &Arc<Sessions>, snapshot: Snapshot, close_reason: Option<Arc<str>>) -> Self {
        let Snapshot { id, frontend, uid, settings, version } = snapshot;
        let view = Mutex::new(View { uid, settings, version, changed: Vec::new() });
        Self(Arc::new(Inner { sessions: sessions.clone(), id, frontend, view, close_reason }))
    }

    /// The session's id, unique in the cluster.
    ///
    /// pomelo's ids are numbers that begin at 1 in each process; these never come again, in no process.
    pub fn id(&self) -> SessionId {
        self.0.id
    }

    /// The server that owns the connection.
    ///
    /// It is where a channel's member is: `channel.add(uid, session.frontend_id())`.
    #[doc(alias = "frontendId")]
    #[doc(alias = "sid")]
    pub fn frontend_id(&self) -> &ServerId {
        &self.0.frontend
    }

    /// The user that the session is bound to, if any.
    ///
    /// A handler that binds the session sees the user from then on; other snapshots of the session keep what
    /// they had.
    pub fn uid(&self) -> Option<Uid> {
        self.view().uid.clone()
    }

    /// Why the session closed, in the sessions that [`on_closed`](Self::on_closed) hooks and
    /// [`Event::CloseSession`](crate::event::Event::CloseSession) get: the reason that a kick gave (pomelo's `kick` where it
    /// gave none), or what became of the connection, such as `closed by the client`. None in a session that is open.
    ///
    /// ```
    /// # use pomelo::Session;
    /// /// Whether a player who left should find the seat again.
    /// fn keeps_seat(session: &Session) -> bool {
    ///     session.close_reason() != Some("cheating")
    /// }
    /// ```
    pub fn close_reason(&self) -> Option<&str> {
        self.0.close_reason.as_deref()
    }

    /// A setting; none if it isn't there or isn't a `T`, which is said in the log once. `5.0`, which may have come from a client, is a whole number, too.
    ///
    /// ```
    /// # use pomelo::Session;
    /// #[derive(serde::Deserialize)]
    /// struct Seat {
    ///     table: u32,
    ///     chair: u8,
    /// }
    ///
    /// fn chair(session: &Session) -> Option<u8> {
    ///     session.get::<Seat>("seat").map(|seat| seat.chair)
    /// }
    /// ```
    #[doc(alias = "settings")]
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        // Reading it is the application's code, which may use the session.
        let settings = self.view().settings.clone();
        read_setting(key, settings.get(key)?)
    }

    /// A setting that is a text or a number, as text.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        match self.view().settings.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(pomelo_json::text_of(number)),
            _ => None,
        }
    }

    /// Sets a setting of this snapshot; [`push`](Self::push) or [`push_all`](Self::push_all) make it known to the
    /// frontend, and so to later messages.
    ///
    /// `null`, such as `None`, is no setting: it removes one. A value that JSON can't hold, such as a map whose keys aren't texts,
    /// is logged as an error and changes nothing.
    ///
    /// ```
    /// # use pomelo::Session;
    /// async fn sit(session: &Session, table: u32) -> pomelo::Result<()> {
    ///     session.set("seat", serde_json::json!({ "table": table, "chair": 1 }));
    ///     session.set("ready", false);
    ///     // One message to the frontend for both.
    ///     session.push_all().await
    /// }
    /// ```
    pub fn set(&self, key: impl Into<String>, value: impl Serialize) {
        let key = key.into();
        match serde_json::to_value(value) {
            Ok(value) => self.view().set(key, value),
            Err(error) => tracing::error!(session = %self.0.id, key, %error, "a session setting is not JSON"),
        }
    }

    /// Removes a setting of this snapshot, and at the frontend by the next push.
    ///
    /// pomelo's `remove` takes a property off the session object, and no setting.
    pub fn remove(&self, key: &str) {
        self.view().set(key.to_owned(), Value::Null);
    }

    /// Binds the session to a user. Several sessions may share one.
    ///
    /// While sessions of that user are closing at this frontend, it waits until their hooks have run, so that a hook which
    /// leaves a room can't take from this session what it joins next. It waits for no longer than
    /// [`close_wait`](crate::value::Limits::close_wait), never for a session in whose handler it is called, and not at all
    /// in a hook.
    ///
    /// # Cancel safety
    /// Dropped while it waits, it binds nothing. Dropped later, the session may be bound.
    ///
    /// # Errors
    /// If the session is closed or bound to another user; if the server has `single_session` on and another session
    /// here is bound to this one; or as any call, if the frontend can't be reached.
    ///
    /// ```
    /// # use pomelo::{Result, Session};
    /// /// A later login takes the place of an earlier one, at this frontend.
    /// async fn log_in(app: &std::sync::Arc<pomelo::server::Server>, session: &Session, uid: &str) -> Result<()> {
    ///     let others = app.backend_sessions();
    ///     others.kick_by_uid(session.frontend_id(), uid, Some("logged in elsewhere")).await?;
    ///     session.bind(uid).await
    /// }
    /// ```
    ///
    /// Whoever has added that user to channels before need not do it again: binding starts delivery, and a
    /// re-login at the same frontend goes on with the channels that the user is in.
    pub async fn bind(&self, uid: impl Into<Uid>) -> Result<()> {
        self.bind_as(uid.into(), false).await
    }

    /// Binds the session to a user, unless another session of this frontend is bound to it: check and bind are one
    /// step. Where [`bind`](Self::bind) waits for sessions that are closing, this one does, too.
    ///
    /// # Cancel safety
    /// As [`bind`](Self::bind).
    ///
    /// # Errors
    /// As [`bind`](Self::bind); if another session of this frontend has the user; and `Deadline`, if one that is closing still
    /// has it when the time for waiting is up.
    ///
    /// ```
    /// # use pomelo::{Result, Session};
    /// # use serde_json::{Value, json};
    /// async fn enter(session: &Session, name: &str) -> Result<Value> {
    ///     match session.bind_unique(name).await {
    ///         Ok(()) => Ok(json!({ "welcome": name })),
    ///         // What pomelo's chat service answers to a duplicate login.
    ///         Err(_) => Ok(json!({ "code": 500, "error": true })),
    ///     }
    /// }
    /// ```
    #[doc(alias = "singleSession")]
    pub async fn bind_unique(&self, uid: impl Into<Uid>) -> Result<()> {
        self.bind_as(uid.into(), true).await
    }

    /// Binds, and takes the change over into this snapshot and those that still arrive here.
    async fn bind_as(&self, uid: Uid, unique: bool) -> Result<()> {
        let version = self.ask(SessionOp::Bind { id: self.0.id, uid: uid.clone(), unique }).await?;
        let mut view = self.view();
        (view.uid, view.version) = (Some(uid.clone()), version);
        drop(view);
        self.0.sessions.note(self.0.id, Change::User(Some(uid)), version);
        Ok(())
    }

    /// Unbinds the session from its user.
    ///
    /// # Cancel safety
    /// Dropped once it was polled, the session may be unbound, and this handle may not know it.
    ///
    /// # Errors
    /// If it is closed or not bound to that user; or as any call, if the frontend can't be reached.
    ///
    /// Channels deliver nothing to it any more; the user stays a member where it is one.
    pub async fn unbind(&self, uid: impl Into<Uid>) -> Result<()> {
        let version = self.ask(SessionOp::Unbind { id: self.0.id, uid: uid.into() }).await?;
        let mut view = self.view();
        (view.uid, view.version) = (None, version);
        drop(view);
        self.0.sessions.note(self.0.id, Change::User(None), version);
        Ok(())
    }

    /// Makes one setting known to the frontend, so that later messages carry it.
    ///
    /// # Cancel safety
    /// Dropped once it was polled, the frontend may have the setting.
    ///
    /// # Errors
    /// If the session is closed, or as any call, if the frontend can't be reached.
    ///
    /// A snapshot that was taken before doesn't have it: tell the client that it may go on after this has
    /// returned, and its next message does. pomelo's `push` is the same, and is forgotten as often: without
    /// it `set` is gone when the handler ends.
    ///
    /// ```
    /// # use pomelo::{Result, Session};
    /// async fn choose_room(session: &Session, room: &str) -> Result<()> {
    ///     session.set("rid", room);
    ///     session.push("rid").await
    /// }
    /// ```
    pub async fn push(&self, key: &str) -> Result<()> {
        self.push_keys(vec![key.to_owned()]).await
    }

    /// Makes all settings that were set here known to the frontend; others stay as they are there.
    ///
    /// # Cancel safety
    /// Dropped once it was polled, the frontend may have the settings: all of them or none.
    ///
    /// # Errors
    /// If the session is closed, or as any call, if the frontend can't be reached.
    ///
    /// pomelo's `pushAll` sends every setting of the snapshot, and so takes back what others have pushed
    /// meanwhile.
    #[doc(alias = "pushAll")]
    pub async fn push_all(&self) -> Result<()> {
        let changed = self.view().changed.clone();
        self.push_keys(changed).await
    }

    /// Sends these keys with their values here; one that isn't there is removed at the frontend.
    async fn push_keys(&self, keys: Vec<String>) -> Result<()> {
        let changes: Settings = {
            let view = self.view();
            let value = |key: &String| view.settings.get(key).cloned().unwrap_or(Value::Null);
            keys.into_iter().map(|key| (key.clone(), value(&key))).collect()
        };
        if changes.is_empty() {
            return Ok(());
        }
        let version = self.ask(SessionOp::Set { id: self.0.id, changes: changes.clone() }).await?;
        let mut view = self.view();
        view.version = version;
        view.pushed(&changes);
        drop(view);
        self.0.sessions.note(self.0.id, Change::Settings(changes), version);
        Ok(())
    }

    /// Closes the session; the client is sent a kick that says why, without a reason pomelo's `kick`.
    ///
    /// It returns when the session's hooks have run, here and on backends that can be reached. It waits for no longer than
    /// [`close_wait`](crate::value::Limits::close_wait), never for a session in whose handler it is called (or for one whose
    /// handler waits for that one), and not at all in a hook. Calls to remotes carry whose handler or hook they come from.
    ///
    /// # Cancel safety
    /// The session closes also when this is dropped once it was polled.
    ///
    /// # Errors
    /// As any call, if the frontend can't be reached. A session that is already closed is no error.
    ///
    /// What is queued for the client is discarded, so that the kick is the next that it gets, and the
    /// connection is closed within a second. After a kick, published clients don't come back by themselves.
    ///
    /// ```
    /// # use pomelo::{Result, Session};
    /// async fn ban(session: &Session) -> Result<()> {
    ///     session.kick(Some("banned")).await
    /// }
    /// ```
    #[doc(alias = "closed")]
    pub async fn kick(&self, reason: Option<&str>) -> Result<()> {
        let op = SessionOp::Kick { id: self.0.id, reason: reason.map(str::to_owned) };
        self.0.sessions.ask(&self.0.frontend, op).await.map(drop)
    }

    /// Runs `hook` once the session is closed and what was running for it has ended; at once if that is so already.
    ///
    /// On a backend the frontend is asked to tell it; if the frontend dies, the hook runs as well.
    ///
    /// # Errors
    /// As any call, if the frontend can't be reached; then this hook is dropped.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it takes the hook back.
    ///
    /// Requests that had not begun are dropped before, and the one that runs ends first, so that the hook
    /// undoes what it did. Hooks of one session on one server run one after the other, in the order in which
    /// they were registered; each has [`request_timeout`](crate::value::Limits::request_timeout), and one
    /// that fails is logged. pomelo has this on frontends only, by `session.on("closed", …)`.
    ///
    /// ```
    /// use pomelo::{Result, Session, handler};
    ///
    /// pomelo::servers! { chat: { handlers: [RoomHandler] } }
    ///
    /// struct RoomHandler;
    ///
    /// #[handler]
    /// impl RoomHandler {
    ///     /// Joins the lobby until the connection closes.
    ///     pub async fn join(app: &App, session: &Session) -> Result<()> {
    ///         let uid = session.uid().unwrap_or_else(|| "guest".into());
    ///         app.channels().create("lobby").add(uid.clone(), session.frontend_id())?;
    ///         let lobby = app.channels();
    ///         session.on_closed(move |session| async move {
    ///             if let Some(lobby) = lobby.get("lobby") {
    ///                 lobby.leave(&uid, session.frontend_id());
    ///             }
    ///             Ok(())
    ///         })
    ///         .await
    ///     }
    /// }
    /// # fn main() {}
    /// ```
    #[doc(alias = "on")]
    pub async fn on_closed<F, Fut>(&self, hook: F) -> Result<()>
    where
        F: FnOnce(Self) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let hook: Hook = Box::new(move |session| Box::pin(hook(session)));
        Hooks::register(self, hook).await
    }

    /// The session by itself: changes to it and to this one no longer touch each other.
    pub(crate) fn detached(&self) -> Self {
        let Inner { sessions, id, frontend, close_reason, .. } = &*self.0;
        let view = Mutex::new(self.view().clone());
        Self(Arc::new(Inner {
            sessions: sessions.clone(),
            id: *id,
            frontend: frontend.clone(),
            view,
            close_reason: close_reason.clone(),
        }))
    }

    /// What goes to another server of it, as with a call that is routed by the session.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let view = self.view();
        Snapshot {
            id: self.0.id,
            frontend: self.0.frontend.clone(),
            uid: view.uid.clone(),
            settings: view.settings.clone(),
            version: view.version,
        }
    }

    fn sessions(&self) -> &Arc<Sessions> {
        &self.0.sessions
    }

    /// The way of this server to others.
    pub(crate) fn peers(&self) -> &Arc<Peers> {
        &self.0.sessions.peers
    }

    /// Asks the frontend for a change, and gives the version that has it.
    async fn ask(&self, op: SessionOp) -> Result<u64> {
        match self.0.sessions.ask(&self.0.frontend, op).await? {
            Answer::Done(version) => Ok(version),
            other => Err(Error::of(ErrorKind::BadMessage, format_args!("unexpected answer {other:?}"))),
        }
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.0.view.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl View {
    /// Those changes are at the frontend now; what was set meanwhile isn't.
    fn pushed(&mut self, changes: &Settings) {
        let Self { settings, changed, .. } = self;
        let is_there = |key: &String| {
            let pushed = changes.get(key);
            pushed.is_some_and(|pushed| settings.get(key).unwrap_or(&Value::Null) == pushed)
        };
        changed.retain(|key| !is_there(key));
    }

    /// Changes a setting here, and notes that it is to be pushed.
    fn set(&mut self, key: String, value: Value) {
        if !self.changed.contains(&key) {
            self.changed.push(key.clone());
        }
        Arc::make_mut(&mut self.settings).change(key, value);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = self.view();
        f.debug_struct("Session")
            .field("id", &self.0.id)
            .field("frontend_id", &self.0.frontend)
            .field("uid", &view.uid)
            .field("settings", &view.settings)
            .finish_non_exhaustive()
    }
}

/// What an operation on a session that isn't there says, in pomelo's words.
pub(crate) fn no_session(id: SessionId) -> Error {
    Error::of(ErrorKind::Closed, format_args!("session does not exist, sid: {id}"))
}
