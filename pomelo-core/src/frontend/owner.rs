//! The owner of a frontend's sessions: does what handlers, here and on other servers, want of them.
//!
//! | operation | at once | waits |
//! |---|---|---|
//! | bind | if no session of that user is closing, and nobody listens | up to `close_wait` for those that close; for listeners |
//! | unbind | if nobody listens | for listeners |
//! | kick | of nobody | until the sessions are closed, up to `close_wait` |
//! | set, get, subscribe | always | never |
//!
//! Check and change are one step under the registry's lock: of two `bind_unique` of one user one fails.

use std::sync::Arc;

use futures::future::{Either, ready};

use super::client::CloseMode;
use super::registry::Registry;
use super::tables::User;
use super::waits::{Closing, close_by};
use crate::event::Event;
use crate::session::{Acting, Session, SessionOwner, no_session};
use crate::value::{Error, ErrorKind, Result, ServerId, SessionId, Settings, Uid};
use crate::wire::envelope::{Answer, SessionOp};

/// What a client is told that is kicked without a reason; pomelo says the same.
const KICKED: &str = "kick";

/// What to do about sessions of a user that are still closing when another one is to be bound.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Old {
    /// Wait for them.
    Await,
    /// They had their time.
    Late,
}

/// Whether a user can be bound now.
enum Bind {
    Done(u64),
    /// Sessions of that user are still closing.
    Wait(Closing),
}

impl SessionOwner for Registry {
    fn act(self: Arc<Self>, from: &ServerId, op: SessionOp) -> Acting {
        match op {
            SessionOp::Bind { id, uid, unique } => self.bind(id, uid, unique),
            SessionOp::Unbind { id, uid } => match self.try_unbind(id, &uid) {
                Ok(version) => self.told(id, Event::UnbindSession, version),
                Err(error) => done(Err(error)),
            },
            SessionOp::Kick { id, reason } => {
                let session = self.session(id).or_else(|| self.closing(id));
                self.kick(session.into_iter().collect(), reason)
            }
            SessionOp::KickUid { uid, reason } => {
                let sessions = self.all_of(&uid);
                self.kick(sessions, reason)
            }
            SessionOp::Set { id, changes } => done(self.set(id, changes)),
            SessionOp::Get { id } => {
                let found = self.session(id).map(|session| session.snapshot());
                done(Ok(Answer::Sessions(found.into_iter().collect())))
            }
            SessionOp::GetByUid { uid } => {
                let found = self.sessions_of(&uid);
                done(Ok(Answer::Sessions(found.iter().map(|session| session.snapshot()).collect())))
            }
            SessionOp::Subscribe { id } => done(self.subscribe(id, from)),
        }
    }
}

/// What is ready at once.
fn done(result: Result<Answer>) -> Acting {
    Either::Left(ready(result))
}

impl Registry {
    /// Binds a session, once those of its user that are closing are closed or had their time.
    fn bind(self: Arc<Self>, id: SessionId, uid: Uid, unique: bool) -> Acting {
        match self.try_bind(id, &uid, unique, Old::Await) {
            Ok(Bind::Done(version)) => self.told(id, Event::BindSession, version),
            Ok(Bind::Wait(closing)) => Either::Right(Box::pin(self.bind_later(id, uid, unique, closing))),
            Err(error) => done(Err(error)),
        }
    }

    /// Waits for sessions of the user that are closing, and tries again: others may have begun to close
    /// meanwhile.
    async fn bind_later(
        self: Arc<Self>,
        id: SessionId,
        uid: Uid,
        unique: bool,
        mut closing: Closing,
    ) -> Result<Answer> {
        let (by, mut old) = (close_by(&self.peers), Old::Await);
        loop {
            if !self.waits.until_closed(&self.peers, &closing, by).await {
                old = Old::Late;
            }
            match self.try_bind(id, &uid, unique, old)? {
                Bind::Done(version) => return self.told(id, Event::BindSession, version).await,
                Bind::Wait(others) => closing = others,
            }
        }
    }

    /// Binds, unless something is in the way.
    fn try_bind(&self, id: SessionId, uid: &Uid, unique: bool, old: Old) -> Result<Bind> {
        let mut tables = self.tables();
        let session = tables.sessions.get(&id).cloned().ok_or_else(|| no_session(id))?;
        match session.uid() {
            Some(bound) if bound == *uid => return Ok(Bind::Done(session.version())),
            Some(bound) => return Err(refused(format_args!("session has already bind with {bound}"))),
            None => {}
        }
        let unique = unique || self.settings.single_session;
        let user = tables.users.get(uid);
        if unique && user.is_some_and(|user| !user.sessions.is_empty()) {
            return Err(refused(format_args!(
                "singleSession is enabled, and session has already bind with uid: {uid}"
            )));
        }
        let closing: Closing = user.map(User::still_closing).unwrap_or_default();
        if let (Old::Await, Some(_)) = (old, closing.first()) {
            return Ok(Bind::Wait(closing));
        }
        if let (true, Some(late)) = (unique, closing.first()) {
            let late = late.id();
            let why = format_args!("session {late} of {uid} is still closing (close_wait)");
            return Err(Error::of(ErrorKind::Deadline, why));
        }
        let user = tables.users.entry(uid.clone()).or_default();
        let version = session.set_uid(Some(uid.clone()));
        for group in &user.groups {
            session.with_outbox(|outbox| group.add_target(id, outbox));
        }
        user.sessions.push(session);
        Ok(Bind::Done(version))
    }

    fn try_unbind(&self, id: SessionId, uid: &Uid) -> Result<u64> {
        let mut tables = self.tables();
        let session = tables.sessions.get(&id).cloned().ok_or_else(|| no_session(id))?;
        if session.uid().as_ref() != Some(uid) {
            return Err(refused(format_args!("session has not bind with {uid}")));
        }
        tables.unlink(id, uid);
        Ok(session.set_uid(None))
    }

    /// Tells the listeners before the handler goes on, as pomelo does.
    fn told(self: Arc<Self>, id: SessionId, event: fn(Session) -> Event, version: u64) -> Acting {
        let session = self.session(id).filter(|_| self.events.has_listener());
        let Some(session) = session else { return done(Ok(Answer::Done(version))) };
        self.events.emit(event(Session::new(&self.sessions, session.snapshot())));
        Either::Right(Box::pin(async move {
            self.events.heard().await;
            Ok(Answer::Done(version))
        }))
    }

    /// Settings are changed at once, and a version counts it.
    fn set(&self, id: SessionId, changes: Settings) -> Result<Answer> {
        let session = self.session(id).ok_or_else(|| no_session(id))?;
        Ok(Answer::Done(session.set_all(changes)))
    }

    /// A server wants to be told of the closing.
    fn subscribe(&self, id: SessionId, from: &ServerId) -> Result<Answer> {
        let closed = || Error::of(ErrorKind::Closed, format_args!("session {id} is closed"));
        // A handler that still runs while its session closes registers in time: closing waits for it.
        let session = self.session(id).or_else(|| self.closing(id)).ok_or_else(closed)?;
        if session.subscribe(from) { Ok(Answer::Done(0)) } else { Err(closed()) }
    }

    /// Closes sessions, and waits until they are closed or had their time.
    fn kick(self: Arc<Self>, sessions: Closing, reason: Option<String>) -> Acting {
        let by = close_by(&self.peers);
        for session in &sessions {
            session.close(CloseMode::Discard, reason.as_deref().unwrap_or(KICKED));
        }
        if sessions.is_empty() {
            return done(Ok(Answer::Done(0)));
        }
        Either::Right(Box::pin(async move {
            // They close all the same if they had too little time.
            let _ = self.waits.until_closed(&self.peers, &sessions, by).await;
            Ok(Answer::Done(0))
        }))
    }
}

fn refused(why: std::fmt::Arguments<'_>) -> Error {
    Error::of(ErrorKind::Application, why)
}
