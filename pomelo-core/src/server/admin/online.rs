//! The admin module of frontends: who is online.

use serde::{Deserialize, Serialize};

use super::module::AdminModule;
use crate::server::Server;
use crate::value::{Level, Result, ServerId, SessionId, Uid};

/// How many users are named where nobody says otherwise; all are counted.
const NAMED_USERS: usize = 100;
/// The most users that are named at once: some megabyte of them.
const MAX_NAMED_USERS: usize = 10_000;

/// What the module `online` is asked: nothing, or these.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wanted {
    /// Only this user.
    uid: Option<Uid>,
    /// So many at most.
    limit: Option<usize>,
}

/// What it answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Online {
    /// Sessions that are open.
    total: usize,
    /// Those that are bound to a user.
    bound: usize,
    /// Those that were asked for: the sessions that are bound, the oldest first, up to the limit.
    users: Vec<OnlineUser>,
}

/// A user's session.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OnlineUser {
    uid: Uid,
    /// Seconds since the client connected.
    for_seconds: u64,
    /// Where the client comes from, as its connector sees it.
    address: Option<String>,
    session: SessionId,
    frontend: ServerId,
}

impl Server {
    fn online(&self, wanted: &Wanted) -> Online {
        let mut sessions = self.registry.all();
        let total = sessions.len();
        sessions.retain(|session| session.uid().is_some());
        let bound = sessions.len();
        sessions.sort_by_key(|session| session.id().serial);
        let users = sessions.iter().filter_map(|session| {
            let uid = session.uid().filter(|uid| wanted.uid.as_ref().is_none_or(|wanted| wanted == uid))?;
            Some(OnlineUser {
                uid,
                for_seconds: session.age().as_secs(),
                address: session.peer().map(|peer| peer.to_string()),
                session: session.id(),
                frontend: self.peers.info.id.clone(),
            })
        });
        let limit = wanted.limit.unwrap_or(NAMED_USERS).min(MAX_NAMED_USERS);
        Online { total, bound, users: users.take(limit).collect() }
    }
}

pub(super) fn module() -> AdminModule {
    AdminModule::new("online", Level::Look, |server, ask| async move {
        let wanted = ask.body::<Option<Wanted>>()?.unwrap_or_default();
        Result::Ok(server.online(&wanted))
    })
}
