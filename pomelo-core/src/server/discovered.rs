//! A server as its discovery knows it: what it is told of the cluster, and what operators ask of it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use futures::future::BoxFuture;

use super::Server;
use crate::cluster::{Control, Member, MembershipEvents, Refused, Superseded};
use crate::metrics::{MissingLink, Report};
use crate::value::{Error, ErrorKind, Incarnation, ServerId, ServerInfo};
use crate::wire::envelope::{Ask, AskError};

/// Who refuses a server, where that is no peer.
const DISCOVERY: &str = "its discovery";

/// A server, as its discovery knows it.
///
/// It is what a [`Discovery`](crate::cluster::Discovery) is handed, as two traits: who is there, and what
/// operators want.
pub(crate) struct Discovered(pub(crate) Weak<Server>);

impl MembershipEvents for Discovered {
    fn expect(&self, servers: Vec<Arc<ServerInfo>>) {
        let Some(own) = self.0.upgrade() else { return };
        own.membership.was_told.store(true, Ordering::Release);
        own.expect(&servers);
        if servers.iter().any(|info| own.peers.owns(&info.id)) {
            own.taken_in();
        }
    }

    fn up(&self, server: Member) {
        let Some(own) = self.0.upgrade() else { return };
        if own.peers.owns(&server.info.id) {
            if server.incarnation > own.peers.incarnation() {
                own.superseded(&DISCOVERY.into(), server.incarnation);
            }
            return;
        }
        if own.peers.link_sender.get().is_some_and(|link_sender| link_sender.can_reach(&server.info)) {
            return;
        }
        if let Err(Superseded(later)) = own.joined(server) {
            tracing::debug!(server = %own.peers.info.id, %later, "late news of a process that was replaced");
        }
    }

    fn gone(&self, server: &ServerId, incarnation: Incarnation) {
        let Some(own) = self.0.upgrade() else { return };
        if own.peers.owns(server) {
            return;
        }
        if let Some(link_sender) = own.peers.link_sender.get() {
            link_sender.cut(server, incarnation);
        }
        own.left(server, incarnation);
    }

    fn refused(&self, why: Refused) -> Option<Member> {
        self.0.upgrade().and_then(|own| own.refused(&DISCOVERY.into(), why))
    }

    fn failed(&self, error: Error) {
        if let Some(own) = self.0.upgrade() {
            own.peers.tasks.fail(error);
        }
    }
}

impl Control for Discovered {
    fn stop(&self) {
        if let Some(own) = self.0.upgrade() {
            own.ask_to_stop(false);
        }
    }

    fn report(&self) -> Option<Report> {
        self.0.upgrade().map(|own| own.report())
    }

    fn answer(&self, ask: Ask) -> BoxFuture<'static, Result<Bytes, AskError>> {
        let own = self.0.clone();
        Box::pin(async move {
            match own.upgrade() {
                Some(own) => own.answer(ask).await,
                None => Err(Error::of(ErrorKind::Closed, "the server has ended").into()),
            }
        })
    }

    fn missing_links(&self) -> Vec<MissingLink> {
        self.0.upgrade().map(|own| own.missing_links()).unwrap_or_default()
    }
}
