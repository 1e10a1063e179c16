//! What is to run when sessions close.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use foldhash::fast::RandomState;
use futures::FutureExt;
use futures::future::BoxFuture;
use smallvec::SmallVec;

use super::{Session, SessionId};
use crate::app::Core;
use crate::envelope::{SessionOp, Snapshot};
use crate::error::{ErrorKind, Result};

/// A function to run with the session that closed.
pub(crate) type Hook = Box<dyn FnOnce(Session) -> BoxFuture<'static, Result<()>> + Send>;

/// The hooks registered on one server, by session.
#[derive(Default)]
pub(crate) struct Hooks(Mutex<HashMap<SessionId, OfSession, RandomState>>);

/// Most sessions that have any have one.
type OfSession = SmallVec<[Hook; 1]>;

impl Hooks {
    /// Registers a hook here, and has the session's frontend tell this server of the closing.
    pub(crate) async fn register(session: &Session, hook: Hook) -> Result<()> {
        let (core, id) = (session.core(), session.id());
        let first = core.hooks.add(id, hook);
        if !first && !core.owns(session.frontend_id()) {
            return Ok(());
        }
        match core.ask_session(session.frontend_id(), SessionOp::Subscribe { id }).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::Closed => {
                run(core.clone(), session.snapshot()).await;
                Ok(())
            }
            Err(error) => {
                core.hooks.take(id);
                Err(error)
            }
        }
    }

    /// Adds a hook, and says whether it is the session's first here.
    fn add(&self, id: SessionId, hook: Hook) -> bool {
        let mut hooks = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let of_session = hooks.entry(id).or_default();
        of_session.push(hook);
        of_session.len() == 1
    }

    pub(crate) fn take(&self, id: SessionId) -> OfSession {
        let mut hooks = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        hooks.remove(&id).unwrap_or_default()
    }

    /// Forgets all hooks; they hold the application.
    pub(crate) fn clear(&self) {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    }

    /// The sessions that have hooks here.
    pub(crate) fn sessions(&self) -> Vec<SessionId> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).keys().copied().collect()
    }
}

/// Runs a closed session's hooks, those included that are registered meanwhile. One that fails or panics is logged.
pub(crate) async fn run(core: Arc<Core>, snapshot: Snapshot) {
    loop {
        let hooks = core.hooks.take(snapshot.id);
        if hooks.is_empty() {
            return;
        }
        for hook in hooks {
            let session = Session::new(&core, snapshot.clone());
            let run = std::panic::AssertUnwindSafe(async move { hook(session).await }).catch_unwind();
            match tokio::time::timeout(core.limits.request_timeout, run).await {
                Ok(Ok(Ok(()))) => {}
                Ok(Ok(Err(error))) => tracing::warn!(session = %snapshot.id, %error, "on_closed failed"),
                Ok(Err(_)) => tracing::error!(session = %snapshot.id, "on_closed panicked"),
                Err(_) => tracing::error!(session = %snapshot.id, "on_closed took too long and was dropped"),
            }
        }
    }
}
