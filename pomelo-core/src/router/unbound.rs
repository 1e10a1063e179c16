//! Sessions without a user that meet several servers: the default router sends all of them to one.

use std::sync::RwLock;

use super::RouteBy;
use crate::value::ServerList;

/// The types of servers of which it was said that such sessions meet several.
#[derive(Debug, Default)]
pub(crate) struct Unbound(RwLock<Vec<Box<str>>>);

impl Unbound {
    /// Whether it is the first time for that type.
    fn is_news(&self, server_type: &str) -> bool {
        let is_known = |types: &[Box<str>]| types.iter().any(|known| **known == *server_type);
        if is_known(&self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner())) {
            return false;
        }
        let mut types = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let is_news = !is_known(&types);
        if is_news {
            types.push(server_type.into());
        }
        is_news
    }
}

/// Says once for each type that sessions without a user all go to one of these servers.
#[cold]
pub(super) fn meets(by: &RouteBy, servers: &ServerList) {
    let (Some(session), Some(first)) = (by.session(), servers.first()) else { return };
    let server_type = &*first.server_type;
    if by.core.unbound.is_news(server_type) {
        tracing::warn!(
            server = %by.core.info.id,
            session = %session.id(),
            candidates = servers.len(),
            "sessions without a user all go to one server of type `{server_type}`: bind them first, or set a router by \
             `.route(\"{server_type}\", …)`"
        );
    }
}
