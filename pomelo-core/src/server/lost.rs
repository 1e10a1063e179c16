//! Lost sessions: those of a frontend of which another server has dropped something, since it had declared the frontend gone.
//!
//! Such a session is open, and half of what it had is gone: its user is out of that server's channels, and
//! hooks there have run. Only the application knows how to put that back; without its help the client is
//! better off with a new session.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{Instant, sleep_until, timeout};

use super::Server;
use crate::frontend::{ClientSession, CloseMode};
use crate::runtime::boundary::Site;
use crate::runtime::{Within, boundary};
use crate::session::Session;
use crate::value::{Error, ErrorKind, Result, ServerId};
use crate::wire::envelope::Batch;

/// Lost sessions close within this time, evenly: their clients come back, and shall not come all at once.
const LOST_SESSIONS_CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// What the application's hook is called, in logs and reports.
const HOOK: &str = "on_sessions_lost";

/// What their clients' logs, and hooks, are told.
const REASON: &str = "a server has dropped what it had of the session";

/// Sessions of a frontend that another server has dropped: their users are out of its channels, and its `on_closed` hooks for
/// them have run. That server had declared this one gone, and is back.
///
/// [`Configure::on_sessions_lost`](crate::app::Configure::on_sessions_lost) gets it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LostSessions {
    /// The server that dropped them.
    pub server: ServerId,
    /// The sessions; all are open.
    pub sessions: Vec<Session>,
}

/// Puts users back, for the application.
pub(crate) type LostHook =
    Arc<dyn Fn(&Arc<Server>, LostSessions) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// Hands the sessions of which `server` has dropped something to the application, or closes them.
pub(crate) fn lose(own: &Arc<Server>, server: &ServerId, dropped: &Batch) {
    let sessions = own.registry.named(dropped);
    if sessions.is_empty() {
        return;
    }
    tracing::warn!(server = %own.peers.info.id, by = %server, sessions = sessions.len(), "sessions are lost");
    if own.sessions_lost.is_none() {
        // Before anything else that they ask for is handled.
        mark(&sessions);
    }
    let (own, server) = (own.clone(), server.clone());
    own.peers.executor.clone().spawn(async move {
        match put_back(&own, server, &sessions).await {
            Ok(()) => {}
            Err(error) => {
                if let Some(mut error) = error {
                    Site::new(&own.peers, HOOK).failed(&mut error);
                    own.peers.stats.failed(Some(HOOK), &error);
                }
                close(sessions).await;
            }
        }
    });
}

/// Lets the application put the users back; an error without a reason is that it doesn't want to.
async fn put_back(
    own: &Arc<Server>,
    server: ServerId,
    sessions: &[Arc<ClientSession>],
) -> Result<(), Option<Error>> {
    let Some(hook) = &own.sessions_lost else { return Err(None) };
    let sessions = sessions.iter().map(|session| Session::new(&own.sessions, session.snapshot())).collect();
    let lost = LostSessions { server, sessions };
    let limit = own.peers.limits.request_timeout;
    let run =
        boundary::run(Site::new(&own.peers, HOOK), (hook, own, lost), |(hook, own, lost)| hook(own, lost));
    let late = || Error::of(ErrorKind::Deadline, format_args!("on_sessions_lost took longer than {limit:?}"));
    let run = Within::hook(&own.peers, HOOK).poll(run);
    timeout(limit, run).await.unwrap_or_else(|_| Err(late())).flatten().map_err(Some)
}

/// Has sessions close at the next message of their clients.
fn mark(sessions: &[Arc<ClientSession>]) {
    sessions.iter().for_each(|session| session.close_at_next_message(REASON));
}

/// Closes sessions so that their clients come back: one that asks for something at once, the others one after the other.
async fn close(sessions: Vec<Arc<ClientSession>>) {
    mark(&sessions);
    let (began, count) = (Instant::now(), u32::try_from(sessions.len()).unwrap_or(u32::MAX));
    for (turn, session) in (0..).zip(sessions) {
        sleep_until(began + LOST_SESSIONS_CLOSE_WITHIN * turn / count).await;
        session.close(CloseMode::Drain, REASON);
    }
}
