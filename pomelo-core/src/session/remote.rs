//! Operations on sessions of other frontends.

use std::sync::Arc;
use std::time::Duration;

use super::hooks;
use crate::cluster::Unsent;
use crate::frontend::later;
use crate::server::Server;
use crate::value::{Result, ServerId};
use crate::wire::envelope::{Answer, Message, Origin, SessionOp};

impl Server {
    /// Asks the frontend that owns a session.
    ///
    /// # Cancel safety
    /// A bind that waits there for sessions to close ends when this is dropped or fails.
    pub(crate) async fn ask_session(self: &Arc<Self>, frontend: &ServerId, op: SessionOp) -> Result<Answer> {
        if self.owns(frontend) {
            return self.registry.act(self, frontend, op).await;
        }
        let binds = matches!(op, SessionOp::Bind { .. });
        let waits = binds || matches!(op, SessionOp::Kick { .. } | SessionOp::KickUid { .. });
        let wait = if waits { self.limits.close_wait } else { Duration::ZERO };
        let origin = Origin::current();
        let question = self.question(frontend, |seq| Message::Session { seq, origin, op })?;
        let asking = binds.then(|| Asking { core: self, frontend, seq: question.seq(), is_over: false });
        let answer =
            self.answer(frontend, question, later(self.limits.rpc_timeout.saturating_add(wait))).await?;
        if let Some(mut asking) = asking {
            asking.is_over = true;
        }
        Ok(answer)
    }
}

/// A question that its frontend must not go on with when nobody waits for the answer any more.
struct Asking<'a> {
    core: &'a Arc<Server>,
    frontend: &'a ServerId,
    seq: u64,
    is_over: bool,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let (core, seq) = (self.core, self.seq);
        let message = move || Message::Abandon { seq };
        if core.send(self.frontend, message()) == Err(Unsent::Full) {
            let sending = hooks::send_in_time(core.clone(), self.frontend.clone(), message);
            drop(core.executor.spawn(sending));
        }
    }
}
