//! All that a server has to do with sessions: who acts on its own, who handles those of others, and the hooks that were registered
//! here.

use std::sync::{Arc, OnceLock, Weak};

use futures::future::{BoxFuture, Either, Ready};

use super::hooks::Hooks;
use super::overlay::Change;
use super::{ClosedSession, no_session};
use crate::peers::Peers;
use crate::value::{Result, ServerId, SessionId};
use crate::wire::envelope::{Answer, SessionOp};

/// What an operation on a session of this server gives: most are ready at once.
pub(crate) type Acting = Either<Ready<Result<Answer>>, BoxFuture<'static, Result<Answer>>>;

/// Acts on the sessions whose clients are connected to this very server.
pub(crate) trait SessionOwner: Send + Sync {
    /// Does what `from` wants of a session.
    ///
    /// Done at once, but for kicking, and for binding: sessions of that user may still be closing, and listeners may have to be
    /// told.
    fn act(self: Arc<Self>, from: &ServerId, op: SessionOp) -> Acting;
}

/// Handles the messages of sessions whose clients are connected elsewhere.
pub(crate) trait SessionHandling: Send + Sync {
    /// Lays a change that was made from here over the messages of that session that follow, with the session's version that has it.
    fn note(&self, id: SessionId, change: Change, version: u64);

    /// The session is closed: its hooks run when what is being handled of it has ended.
    fn close(self: Arc<Self>, closed: ClosedSession);
}

/// What one server has to do with sessions; every [`Session`](super::Session) refers to it.
///
/// What owns and what handles sessions stands on this, so it is referred to weakly.
pub(crate) struct Sessions {
    pub(crate) peers: Arc<Peers>,
    pub(crate) hooks: Hooks,
    owner: OnceLock<Weak<dyn SessionOwner>>,
    handling: OnceLock<Weak<dyn SessionHandling>>,
}

impl Sessions {
    pub(crate) fn new(peers: Arc<Peers>) -> Arc<Self> {
        let (owner, handling) = (OnceLock::new(), OnceLock::new());
        Arc::new(Self { peers, hooks: Hooks::default(), owner, handling })
    }

    /// Sets what acts on the sessions of this server, and what handles those of others; only the first call counts.
    pub(crate) fn attach(&self, owner: Weak<dyn SessionOwner>, handling: Weak<dyn SessionHandling>) {
        // A server has one of each, set when it is put together.
        let _ = (self.owner.set(owner), self.handling.set(handling));
    }

    /// Acts on a session of this server. Of one that has ended, no session is open.
    pub(super) fn act(&self, op: SessionOp) -> Acting {
        match self.owner.get().and_then(Weak::upgrade) {
            Some(owner) => owner.act(&self.peers.info.id, op),
            None => Either::Left(futures::future::ready(act_on_none(&op))),
        }
    }

    /// Lays a change that was made from here over the messages of that session that follow.
    pub(super) fn note(&self, id: SessionId, change: Change, version: u64) {
        if let Some(handling) = self.handling() {
            handling.note(id, change, version);
        }
    }

    /// A session of another server is closed: its hooks here run when what is being handled of it has ended.
    pub(crate) fn close(&self, closed: ClosedSession) {
        if let Some(handling) = self.handling() {
            handling.close(closed);
        }
    }

    fn handling(&self) -> Option<Arc<dyn SessionHandling>> {
        self.handling.get().and_then(Weak::upgrade)
    }
}

/// What an operation gives where no session is open.
fn act_on_none(op: &SessionOp) -> Result<Answer> {
    match op {
        SessionOp::Kick { .. } | SessionOp::KickUid { .. } => Ok(Answer::Done(0)),
        SessionOp::Get { .. } | SessionOp::GetByUid { .. } => Ok(Answer::Sessions(Vec::new())),
        SessionOp::Bind { id, .. }
        | SessionOp::Unbind { id, .. }
        | SessionOp::Set { id, .. }
        | SessionOp::Subscribe { id } => Err(no_session(*id)),
    }
}
