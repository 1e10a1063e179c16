//! A server as its discovery knows it: what it is told of the cluster, and what operators ask of it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::Server;
use crate::cluster::{Control, Member, MembershipEvents, Refused, Superseded};
use crate::metrics::{MissingLink, Report};
use crate::value::{Error, Incarnation, ServerId, ServerInfo};

/// Who refuses a server, where that is no peer.
const DISCOVERY: &str = "its discovery";

/// A server, as its discovery knows it.
pub(crate) struct Discovered(pub(crate) Weak<Server>);

impl MembershipEvents for Discovered {
    fn expect(&self, servers: Vec<Arc<ServerInfo>>) {
        let Some(core) = self.0.upgrade() else { return };
        core.membership.was_told.store(true, Ordering::Release);
        core.expect(&servers);
        if servers.iter().any(|info| core.peers.owns(&info.id)) {
            core.taken_in();
        }
    }

    fn up(&self, server: Member) {
        let Some(core) = self.0.upgrade() else { return };
        if core.peers.owns(&server.info.id) {
            if server.incarnation > core.peers.incarnation() {
                core.superseded(&DISCOVERY.into(), server.incarnation);
            }
            return;
        }
        if core.peers.link_sender.get().is_some_and(|link_sender| link_sender.can_reach(&server.info)) {
            return;
        }
        if let Err(Superseded(later)) = core.joined(server) {
            tracing::debug!(server = %core.peers.info.id, %later, "late news of a process that was replaced");
        }
    }

    fn gone(&self, server: &ServerId, incarnation: Incarnation) {
        let Some(core) = self.0.upgrade() else { return };
        if core.peers.owns(server) {
            return;
        }
        if let Some(link_sender) = core.peers.link_sender.get() {
            link_sender.cut(server, incarnation);
        }
        core.left(server, incarnation);
    }

    fn refused(&self, why: Refused) -> Option<Member> {
        self.0.upgrade().and_then(|core| core.refused(&DISCOVERY.into(), why))
    }

    fn failed(&self, error: Error) {
        if let Some(core) = self.0.upgrade() {
            core.peers.tasks.fail(error);
        }
    }
}

impl Control for Discovered {
    fn stop(&self) {
        if let Some(core) = self.0.upgrade() {
            core.membership.asked_to_stop.notify_one();
        }
    }

    fn report(&self) -> Option<Report> {
        self.0.upgrade().map(|core| core.report())
    }

    fn missing_links(&self) -> Vec<MissingLink> {
        self.0.upgrade().map(|core| core.missing_links()).unwrap_or_default()
    }
}
