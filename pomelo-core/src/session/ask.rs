//! Asking a session's frontend to act on it: at once where that is this server, by a message where it isn't.

use std::time::Duration;

use tokio::time::Instant;

use super::Sessions;
use super::closed::send_in_time;
use crate::cluster::Unsent;
use crate::runtime::origin;
use crate::value::{Result, ServerId};
use crate::wire::envelope::{Answer, Message, SessionOp};

/// A wait that is longer than a clock can tell.
const ENDLESS: Duration = Duration::from_secs(365 * 24 * 3_600);

impl Sessions {
    /// Asks the frontend that owns a session, which may be this server.
    ///
    /// # Cancel safety
    /// A bind that waits there for sessions to close ends when this is dropped or fails.
    pub(crate) async fn ask(&self, frontend: &ServerId, op: SessionOp) -> Result<Answer> {
        let peers = &self.peers;
        if peers.owns(frontend) {
            return self.act(op).await;
        }
        let binds = matches!(op, SessionOp::Bind { .. });
        let waits = binds || matches!(op, SessionOp::Kick { .. } | SessionOp::KickUid { .. });
        let wait = if waits { peers.limits.close_wait } else { Duration::ZERO };
        let origin = origin::current();
        let by = after(peers.limits.rpc_timeout.saturating_add(wait));
        let question = peers.question(frontend, by, |seq| Message::Session { seq, origin, op })?;
        let asking = binds.then(|| Asking { sessions: self, frontend, seq: question.seq(), is_over: false });
        let answer = peers.answer(frontend, question).await?;
        if let Some(mut asking) = asking {
            asking.is_over = true;
        }
        Ok(answer)
    }
}

/// The moment after that time.
pub(crate) fn after(wait: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(wait).unwrap_or_else(|| now + ENDLESS)
}

/// A question that its frontend must not go on with when nobody waits for the answer any more.
struct Asking<'a> {
    sessions: &'a Sessions,
    frontend: &'a ServerId,
    seq: u64,
    is_over: bool,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let (peers, seq) = (&self.sessions.peers, self.seq);
        let message = move || Message::Abandon { seq };
        if peers.send(self.frontend, message()) == Err(Unsent::Full) {
            let sending = send_in_time(peers.clone(), self.frontend.clone(), message);
            drop(peers.executor.spawn(sending));
        }
    }
}
