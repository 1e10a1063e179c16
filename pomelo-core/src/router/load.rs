//! Routers by chance and by load, over the servers that are up: pomelo-rpc's `random` and `la`.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::types::none;
use super::{RouteBy, Router, Routing};
use crate::context::ServerContext;
use crate::value::{Result, ServerId, ServerList};

/// Any of the servers that are up, each as likely as the others.
///
/// It is for what keeps nothing in memory between calls.
///
/// ```
/// # use pomelo::app::{Builder, Cluster};
/// # use pomelo::router::Random;
/// # fn example<R: Cluster>(builder: Builder<R>) -> Builder<R> {
/// builder.router("ranking", Random)
/// # }
/// ```
#[doc(alias = "random")]
#[derive(Debug, Clone, Copy, Default)]
pub struct Random;

impl Router for Random {
    fn route(&self, by: RouteBy, servers: ServerList) -> Routing {
        Routing::Now(Self::pick(&up(by.app(), servers)))
    }
}

impl Random {
    fn pick(servers: &ServerList) -> Result<ServerId> {
        // The standard library's source of random numbers: each of its hashers begins with keys of its own.
        let chance = RandomState::new().build_hasher().finish() as usize;
        servers.get(chance % servers.len().max(1)).map(|server| server.id.clone()).ok_or_else(none)
    }
}

/// The server that is up and has the fewest calls and forwarded requests of this server unanswered; of several the next in turn.
///
/// What counts is what *this* server waits for, so it needs no messages between servers. The number falls when an answer comes, a
/// deadline passes or the server is gone; in pomelo-rpc 1.0.7 it only grows.
///
/// ```
/// # use pomelo::app::{Builder, Cluster};
/// # use pomelo::router::LeastActive;
/// # fn example<R: Cluster>(builder: Builder<R>) -> Builder<R> {
/// builder.router("pathfinding", LeastActive::default())
/// # }
/// ```
#[doc(alias = "la")]
#[derive(Debug, Default)]
pub struct LeastActive(AtomicUsize);

impl Router for LeastActive {
    fn route(&self, by: RouteBy, servers: ServerList) -> Routing {
        let up = up(by.app(), servers);
        Routing::Now(by.app().peers.pending.with_out(|out| self.pick(&up, out)))
    }
}

impl LeastActive {
    fn pick(&self, servers: &ServerList, out: impl Fn(&ServerId) -> usize) -> Result<ServerId> {
        let begin = self.0.fetch_add(1, Ordering::Relaxed) % servers.len().max(1);
        let in_turn = servers.iter().cycle().skip(begin).take(servers.len());
        in_turn.min_by_key(|server| out(&server.id)).map(|server| server.id.clone()).ok_or_else(none)
    }
}

/// Those that are up, or all where none is: a message to one that is down fails, and says so.
fn up(context: &ServerContext, expected: ServerList) -> ServerList {
    let live = expected.iter().next().map(|first| context.servers(&first.server_type));
    live.filter(|live| !live.is_empty()).unwrap_or(expected)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::value::ErrorKind;

    fn servers(count: usize) -> ServerList {
        let entry =
            |n| Arc::new(serde_json::from_value(serde_json::json!({ "id": format!("s-{n}") })).unwrap());
        (1..=count).map(entry).collect()
    }

    #[test]
    fn chance_comes_by_all_servers_about_as_often() {
        let servers = servers(3);
        let mut counts = BTreeMap::<ServerId, u32>::new();
        (0..3_000).for_each(|_| *counts.entry(Random::pick(&servers).unwrap()).or_default() += 1);
        // Each is some 33 standard deviations away from both ends.
        assert!(counts.len() == 3 && counts.values().all(|count| (500..1_500).contains(count)), "{counts:?}");
        assert_eq!(Random::pick(&ServerList::default()).unwrap_err().kind(), ErrorKind::NoServer);
    }

    #[test]
    fn the_least_active_is_picked_and_those_that_are_equal_take_turns() {
        let (router, servers) = (LeastActive::default(), servers(3));
        let pick = |out: [usize; 3]| {
            let of = |server: &ServerId| {
                let place = servers.iter().position(|info| info.id == *server).unwrap();
                out[place]
            };
            router.pick(&servers, of).unwrap().to_string()
        };
        assert_eq!([pick([2, 0, 1]), pick([2, 3, 1]), pick([0, 3, 1])], ["s-2", "s-3", "s-1"]);
        let mut turns: Vec<_> = (0..6).map(|_| pick([5, 5, 5])).collect();
        turns.sort();
        assert_eq!(turns, ["s-1", "s-1", "s-2", "s-2", "s-3", "s-3"]);
        assert!(router.pick(&ServerList::default(), |_| 0).is_err());
    }
}
