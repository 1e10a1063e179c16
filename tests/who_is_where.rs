//! Presence: what closes a session, who waits until it is closed, and who learns why.

#[path = "who_is_where/circles.rs"]
mod circles;
#[path = "who_is_where/logins.rs"]
mod logins;
#[path = "who_is_where/reasons.rs"]
mod reasons;
mod support;
#[path = "who_is_where/waiting.rs"]
mod waiting;
#[path = "who_is_where/world.rs"]
#[allow(missing_docs, unreachable_pub, reason = "it is seen in these tests only")]
mod world;

use std::time::Duration;

use pomelo::error::OrErr;
use pomelo::session::SessionId;
use pomelo::{Result, Session, handler, remote};
use serde::{Deserialize, Serialize};

use crate::world::{Gate, Log, why};

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    chat: { handlers: [RoomHandler], remotes: [RoomRemote] },
}

/// How a login sees to it that its user has no other session.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Kick {
    /// `sessions().kick(uid)`, at the frontend.
    Here,
    /// `backend_sessions().kick_by_uid`.
    ByUid,
    /// `backend_sessions().kick_by_session_id`, of each.
    ById,
    /// `kick` of each session.
    Each,
    /// As `ByUid`, and `bind_unique`.
    Unique,
}

/// A login: kick, bind, join the room, and leave it when the session closes.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Login {
    uid: String,
    kick: Kick,
    /// How long the hook that leaves takes.
    pause: Duration,
}

impl Login {
    async fn run(self, app: &App, session: &Session, log: &Log) -> Result<()> {
        let Self { uid, kick, pause } = self;
        kick.others(app, session, &uid).await?;
        match kick {
            Kick::Unique => session.bind_unique(&*uid).await?,
            _ => session.bind(&*uid).await?,
        }
        let (app, log, sid) = (app.clone(), log.clone(), session.frontend_id().to_string());
        app.rpc.chat.room_remote.join(session, &*uid, &*sid).await?;
        let leave = move |session: Session| async move {
            tokio::time::sleep(pause).await;
            app.rpc.chat.room_remote.leave(&session, &*uid, &*sid).await?;
            log.note(format_args!("{uid} left"));
            Ok(())
        };
        session.on_closed(leave).await
    }
}

impl Kick {
    async fn others(self, app: &App, session: &Session, uid: &str) -> Result<()> {
        let (frontend, sessions) = (session.frontend_id(), app.backend_sessions());
        match self {
            Self::Here if app.is_frontend() => app.sessions().kick(uid, None).await,
            Self::Here | Self::ByUid | Self::Unique => sessions.kick_by_uid(frontend, uid, None).await?,
            Self::ById => {
                for other in sessions.get_by_uid(frontend, uid).await? {
                    sessions.kick_by_session_id(frontend, other.id(), None).await?;
                }
            }
            Self::Each => {
                for other in sessions.get_by_uid(frontend, uid).await? {
                    other.kick(None).await?;
                }
            }
        }
        Ok(())
    }
}

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn id(session: &Session) -> Result<String> {
        Ok(session.id().to_string())
    }

    pub async fn login(app: &App, session: &Session, log: &Log, login: Login) -> Result<()> {
        login.run(app, session, log).await
    }

    /// Kicks the users of a list, its own perhaps, once it may.
    pub async fn kick(app: &App, session: &Session, log: &Log, gate: &Gate, uids: Vec<String>) -> Result<()> {
        kick_all(app, session, log, gate, uids).await
    }

    /// Kicks a user at another frontend, once it may.
    pub async fn kick_at(app: &App, log: &Log, gate: &Gate, whom: (String, String)) -> Result<()> {
        log.note("about to kick");
        gate.pass().await;
        app.backend_sessions().kick_by_uid(&(&*whom.0).into(), whom.1, None).await
    }

    /// Closes its session, and binds another one to its user.
    pub async fn hand_over(app: &App, session: &Session, log: &Log, to: String) -> Result<()> {
        session.kick(None).await?;
        let uid = session.uid().or_err(401, "who are you?")?;
        app.sessions().bind(to.parse()?, uid).await?;
        log.note("handed over");
        Ok(())
    }

    /// As `kick`, by a remote.
    pub async fn have_kicked(app: &App, session: &Session, log: &Log, uids: Vec<String>) -> Result<()> {
        app.rpc.chat.room_remote.kick(session, session.frontend_id(), uids).await?;
        log.note("had kicked");
        Ok(())
    }
}

struct RoomHandler;

#[handler]
impl RoomHandler {
    pub async fn login(app: &App, session: &Session, log: &Log, login: Login) -> Result<()> {
        login.run(app, session, log).await
    }

    pub async fn kick(app: &App, session: &Session, log: &Log, gate: &Gate, uids: Vec<String>) -> Result<()> {
        kick_all(app, session, log, gate, uids).await
    }

    /// Notes why the session closes.
    pub async fn watch(session: &Session, log: &Log) -> Result<()> {
        note_why(session, "chat", log).await
    }

    /// As `watch`, in a handler that goes on by a permit.
    pub async fn watch_late(session: &Session, log: &Log, gate: &Gate) -> Result<()> {
        log.note("a handler runs");
        gate.pass().await;
        note_why(session, "chat", log).await
    }

    /// Has a hook that goes on by a permit.
    pub async fn linger(session: &Session, log: &Log, gate: &Gate) -> Result<()> {
        linger(session, log, gate).await
    }
}

struct RoomRemote;

#[remote]
impl RoomRemote {
    pub async fn join(app: &App, uid: String, sid: String) -> Result<()> {
        app.channels().create("room").add(uid, &*sid)
    }

    pub async fn leave(app: &App, uid: String, sid: String) -> Result<()> {
        app.channels().create("room").leave(&uid, &sid);
        Ok(())
    }

    /// Kicks users at a frontend.
    pub async fn kick(app: &App, sid: String, uids: Vec<String>) -> Result<()> {
        for uid in uids {
            app.backend_sessions().kick_by_uid(&(&*sid).into(), uid, None).await?;
        }
        Ok(())
    }

    /// Binds another session of a frontend.
    pub async fn bind(app: &App, sid: String, id: SessionId, uid: String) -> Result<()> {
        match app.backend_sessions().get(&(&*sid).into(), id).await? {
            Some(session) => session.bind(uid).await,
            None => Ok(()),
        }
    }
}

async fn kick_all(app: &App, session: &Session, log: &Log, gate: &Gate, uids: Vec<String>) -> Result<()> {
    log.note("about to kick");
    gate.pass().await;
    for uid in uids {
        app.backend_sessions().kick_by_uid(session.frontend_id(), &*uid, None).await?;
        log.note(format_args!("{:?} kicked {uid}", session.uid()));
    }
    Ok(())
}

/// Has a hook note why the session closes.
async fn note_why(session: &Session, at: &'static str, log: &Log) -> Result<()> {
    let log = log.clone();
    let hook = move |session: Session| async move {
        log.note(format_args!("{at}: {}", why(&session)));
        Ok(())
    };
    session.on_closed(hook).await
}

/// Registers a hook that goes on by a permit.
async fn linger(session: &Session, log: &Log, gate: &Gate) -> Result<()> {
    let (log, gate) = (log.clone(), gate.clone());
    let hook = move |_| async move {
        log.note("a hook runs");
        gate.pass().await;
        log.note("a hook has run");
        Ok(())
    };
    session.on_closed(hook).await
}
