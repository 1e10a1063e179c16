//! Sessions without a user that meet several servers: the default router sends all of them to one.
//!
//! pomelo's trap: requests before the login have no uid, the crc32 of the empty text is always the same, and
//! so one server of a type gets them all.

use super::RouteBy;
use crate::value::ServerList;

/// Says once for each type that sessions without a user all go to one of these servers.
#[cold]
pub(super) fn meets(by: &RouteBy, servers: &ServerList) {
    let (Some(session), Some(first)) = (by.session(), servers.first()) else { return };
    let server_type = &*first.server_type;
    if by.context.unbound.is_news(server_type) {
        tracing::warn!(
            server = %by.context.peers.info.id,
            session = %session.id(),
            candidates = servers.len(),
            "sessions without a user all go to one server of type `{server_type}`: bind them first, or set a router by \
             `.route(\"{server_type}\", …)`"
        );
    }
}
