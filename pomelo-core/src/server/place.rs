//! A server's place in the cluster: its id, which another process may have, or take.
//!
//! | this server | another process of its id | then |
//! |---|---|---|
//! | only starts | answers | this one waits a while for the other to go, and fails to start |
//! | only starts | was there, and began later by its clock | this one begins later still |
//! | runs | begins later | this one ends: it has been replaced |

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::Server;
use super::membership::Occupied;
use crate::cluster::{Member, Refused};
use crate::frontend::CloseMode;
use crate::value::{Error, ErrorKind, Incarnation, ServerId};

impl Server {
    /// A peer, or the discovery, doesn't take this server; says what it is now, to try again with, unless it gives up.
    pub(crate) fn refused(self: &Arc<Self>, by: &ServerId, why: Refused) -> Option<Member> {
        match why {
            Refused::Superseded(later) => self.superseded(by, later),
            Refused::Occupied { host, pid, .. } => self.occupied(by, format!("on {host} as process {pid}")),
        }
        .then(|| self.member())
        .flatten()
    }

    /// A later process of this id was there. A server that only starts holds nothing: it begins later than that one, whose clock
    /// was ahead. A server that runs is the one that has been replaced, and ends.
    pub(crate) fn superseded(self: &Arc<Self>, by: &ServerId, later: Incarnation) -> bool {
        if later < self.peers.incarnation() {
            return true;
        }
        if self.has_started() {
            let why = format!(
                "another process of {} has begun later, says {by}: this one ends",
                self.peers.info.id
            );
            self.end_for(Error::of(ErrorKind::Refused, why));
            return false;
        }
        let incarnation = Incarnation::begin_after(&self.peers.info.id, later);
        tracing::warn!(server = %self.peers.info.id, %by, "an earlier process of this server began later, by its clock");
        self.peers.own_incarnation.set(incarnation);
        self.change_member(|member| member.incarnation = incarnation);
        true
    }

    /// Another process has this id and answers. Whoever comes second goes, unless the other one goes soon.
    fn occupied(self: &Arc<Self>, by: &ServerId, place: String) -> bool {
        if self.has_started() {
            // Its transport goes on trying, and says so once.
            tracing::debug!(server = %self.peers.info.id, %by, place, "another process has this id there");
            return true;
        }
        let now = Instant::now();
        let since = {
            let mut occupied = self.membership.occupied();
            let since = occupied.get(by).map_or(now, |before| before.since);
            occupied.insert(by.clone(), Occupied { since, last: now, place: place.clone() });
            since
        };
        self.membership.changed.notify_waiters();
        if since.elapsed() < self.peers.gone_after() {
            return true;
        }
        tracing::error!(server = %self.peers.info.id, error = %self.runs_already(by, &place), "there is no place for this server");
        false
    }

    fn runs_already(&self, by: &ServerId, place: &str) -> Error {
        Error::of(ErrorKind::Refused, format_args!("{} runs already, {place}, says {by}", self.peers.info.id))
    }

    /// This server can't stay: its clients go, and whoever runs it is told.
    fn end_for(self: &Arc<Self>, error: Error) {
        let reason = error.to_string();
        self.peers.tasks.fail(error);
        for session in self.registry.all() {
            session.close(CloseMode::Drain, &reason);
        }
    }

    /// Whether it holds something by now: a server that only starts may still give way.
    fn has_started(&self) -> bool {
        self.membership.started.load(Ordering::Acquire) || self.registry.session_count() > 0
    }

    /// It takes clients and calls now.
    pub(crate) fn started(&self) {
        self.membership.started.store(true, Ordering::Release);
    }

    /// The cluster has taken it in: whoever didn't expect it routes to it, too, from now on.
    pub(crate) fn taken_in(&self) {
        if self.member().is_some_and(|member| member.newcomer) {
            self.change_for_peers(|member| member.newcomer = false);
        }
    }

    /// Waits until no peer says that another process has this id.
    ///
    /// # Errors
    /// If one still does after `gone_after`: where that process runs.
    pub(crate) async fn has_its_id(&self) -> Result<(), Error> {
        let limit = self.peers.gone_after();
        let free = async {
            loop {
                let changed = self.membership.changed.notified();
                if self.membership.occupied().is_empty() {
                    return;
                }
                changed.await;
            }
        };
        if tokio::time::timeout(limit, free).await.is_ok() {
            return Ok(());
        }
        let occupied = self.membership.occupied();
        let refused = occupied.iter().find(|(_, at)| at.last.elapsed() < limit / 2);
        refused.map_or(Ok(()), |(by, at)| Err(self.runs_already(by, &at.place)))
    }
}
