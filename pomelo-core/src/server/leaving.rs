//! The stop of a server: it says so, ends what it has begun, lets its clients go, and leaves.
//!
//! ```text
//!  begin_leaving ─▶ others send nothing new ─▶ drain: a Barrier to each, then what is under way ─▶ dismiss_clients ─▶ leave
//! ```
//!
//! A barrier comes back when all that a peer had sent before it is here: so nothing that was on its way is
//! lost. Calls between servers that stop together are no new work.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::sleep;

use super::Server;
use super::progress::Step;
use crate::cluster::Member;
use crate::frontend::CloseMode;
use crate::value::ServerId;
use crate::wire::envelope::Message;

/// How often to look whether the last frames of clients have left; none has longer than a second or so.
const LAST_FRAMES_POLL: Duration = Duration::from_millis(5);

/// How long the transport and the discovery may take to let a server go: what is queued is sent, and a peer or a master that
/// doesn't answer isn't waited for.
pub(crate) const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);

impl Server {
    /// Tells the cluster that this server is about to stop, so that nothing new is sent to it.
    pub(crate) fn begin_leaving(&self) {
        if !self.peers.leaving.swap(true, Ordering::SeqCst) {
            self.change_member(|member| member.leaving = true);
        }
    }

    /// Takes nothing new from now on, though nobody was told.
    pub(crate) fn stop_taking(&self) {
        self.peers.leaving.store(true, Ordering::SeqCst);
    }

    /// Whether frontends of other processes may be told to stop at the same moment as this server, as by a system that ends
    /// a group of processes.
    pub(crate) fn may_have_company(&self) -> bool {
        let known = self.peers.view.known();
        !self.is_frontend() && known.members().any(|member| self.serves(member))
    }

    /// Whether a server is a frontend that can send something to this one.
    fn serves(&self, member: &Member) -> bool {
        let can_reach =
            |info| self.peers.link_sender.get().is_some_and(|link_sender| link_sender.can_reach(info));
        member.info.frontend && can_reach(&member.info)
    }

    /// Takes this server out of the cluster: others learn that it is gone.
    pub(crate) async fn leave(&self) {
        if let Some(link_sender) = self.peers.link_sender.get() {
            link_sender.close().await;
        }
        if let Some(registration) = self.membership.registration.get() {
            registration.leave().await;
        }
    }

    /// Waits until what clients and other servers have asked for is answered, but no longer than `stop_timeout`.
    pub(crate) async fn drain(self: &Arc<Self>) {
        let drained = async {
            self.heard_by_all().await;
            for session in self.registry.all() {
                session.quiet().await;
            }
            self.peers.busy.idle().await;
            self.frontends_gone().await;
            self.peers.busy.idle().await;
        };
        self.step(Step::Requests, self.peers.limits.stop_timeout, drained).await;
    }

    /// On a backend, waits until no frontend is about to stop: where all servers are told to stop at once, what frontends have
    /// begun, and what runs when their sessions close, still finds this one.
    async fn frontends_gone(&self) {
        if self.is_frontend() {
            return;
        }
        loop {
            let changed = self.membership.changed.notified();
            if self.leaving_frontends().is_empty() {
                return;
            }
            changed.await;
        }
    }

    /// The frontends that are about to stop and may still send something to this server.
    pub(crate) fn leaving_frontends(&self) -> Vec<ServerId> {
        let known = self.peers.view.known();
        let leaving = known.members().filter(|member| member.leaving && self.serves(member));
        leaving.map(|member| member.info.id.clone()).collect()
    }

    /// Waits until every server that is linked has heard what this one announced: what it sent before that is here then.
    async fn heard_by_all(self: &Arc<Self>) {
        let known = self.peers.view.known();
        let others = || known.members().map(|member| &member.info.id).filter(|id| !self.peers.owns(id));
        self.progress.set_unheard(others().cloned());
        let fences = others().map(|id| async {
            let heard =
                self.peers.ask(id, self.peers.limits.stop_timeout, |seq| Message::Barrier { seq }).await;
            self.progress.heard(id);
            heard
        });
        // One that can't answer sends nothing either.
        drop(join_all(fences).await);
    }

    /// Lets all clients go after what they are still to be sent, without a kick, so that they connect again, and waits until
    /// what runs for them has ended and the last of it has left, but no longer than `stop_timeout`.
    pub(crate) async fn dismiss_clients(self: &Arc<Self>, reason: &str) {
        let sessions = self.registry.all();
        for session in &sessions {
            session.close(CloseMode::Drain, reason);
        }
        self.until_closed(async {
            for session in &sessions {
                session.closed().await;
            }
            // Whoever writes for them ends with this server.
            while sessions.iter().any(|session| !session.with_outbox(|outbox| outbox.is_closed())) {
                sleep(LAST_FRAMES_POLL).await;
            }
        })
        .await;
    }

    async fn until_closed(&self, closed: impl Future<Output = ()>) {
        self.step(Step::Sessions, self.peers.limits.stop_timeout, closed).await;
    }

    /// Leaves the cluster in the background, since nobody waits for it.
    pub(crate) fn abandon(self: &Arc<Self>) {
        self.stop_taking();
        let server = self.clone();
        self.peers.tasks.runtime().spawn(async move {
            // Late or not, the server is gone.
            let _ = tokio::time::timeout(LEAVE_TIMEOUT, server.leave()).await;
        });
    }

    /// Closes what clients are connected by; whoever serves the connections ends with them.
    pub(crate) fn close_connections(&self) {
        let (open, closing) = (self.registry.all(), self.registry.sessions_that_close());
        open.iter().chain(&closing).for_each(|session| session.with_outbox(|outbox| outbox.close()));
        self.registry.flusher.end();
    }
}
