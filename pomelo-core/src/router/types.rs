//! Routers that don't look at the session: pomelo-rpc's `rr`, `wrr` and `ch`.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use md5::{Digest, Md5};

use super::{RouteBy, Router, Routing};
use crate::value::{Error, ErrorKind, Result, ServerId, ServerInfo, ServerList};

/// The error of a router that has no server to choose from.
pub(super) fn none() -> Error {
    Error::of(ErrorKind::NoServer, "there is no server of that type")
}

/// One after the other (`rr`).
///
/// It counts for itself, from the first server of the list on, and the next call of the same player goes
/// elsewhere. It is for what keeps nothing in memory between calls.
///
/// ```
/// # use pomelo::app::{Builder, Cluster};
/// # use pomelo::router::RoundRobin;
/// # fn example<R: Cluster>(builder: Builder<R>) -> Builder<R> {
/// builder.router("ranking", RoundRobin::default())
/// # }
/// ```
#[doc(alias = "rr")]
#[doc(alias = "routerType")]
#[derive(Debug, Default)]
pub struct RoundRobin(AtomicUsize);

impl Router for RoundRobin {
    fn route(&self, _: RouteBy, servers: ServerList) -> Routing {
        Routing::Now(self.next(&servers))
    }
}

impl RoundRobin {
    fn next(&self, servers: &ServerList) -> Result<ServerId> {
        let turn = self.0.fetch_add(1, Ordering::Relaxed);
        servers.get(turn % servers.len().max(1)).map(|server| server.id.clone()).ok_or_else(none)
    }
}

/// One after the other, in proportion to the `weight` of each in servers.json (`wrr`).
///
/// Weights are whole numbers; a server without one is never chosen, and where none has one that is an error.
///
/// ```
/// # use pomelo::app::{Builder, Cluster};
/// # use pomelo::router::WeightedRoundRobin;
/// # fn example<R: Cluster>(builder: Builder<R>) -> Builder<R> {
/// // { "ranking": [{ "id": "ranking-1", "weight": 3 }, { "id": "ranking-2", "weight": 1 }] }
/// builder.router("ranking", WeightedRoundRobin::default())
/// # }
/// ```
#[doc(alias = "wrr")]
#[derive(Debug, Default)]
pub struct WeightedRoundRobin(Mutex<Turn>);

#[derive(Debug, Default)]
struct Turn {
    /// The place in the list that is looked at next.
    next: usize,
    /// Who weighs as much gets a turn in this round.
    threshold: u64,
}

impl Router for WeightedRoundRobin {
    fn route(&self, _: RouteBy, servers: ServerList) -> Routing {
        Routing::Now(self.next(&servers))
    }
}

impl WeightedRoundRobin {
    /// Goes round with a threshold that falls from the greatest weight to 1; who weighs as much as it gets the turn.
    fn next(&self, servers: &ServerList) -> Result<ServerId> {
        let heaviest = servers.iter().map(|server| weight(server)).max().ok_or_else(none)?;
        if heaviest == 0 {
            return Err(Error::of(ErrorKind::Config, "no server of that type has a positive `weight`"));
        }
        let mut turn = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        loop {
            let index = turn.next % servers.len();
            if index == 0 {
                turn.threshold =
                    if turn.threshold <= 1 { heaviest } else { (turn.threshold - 1).min(heaviest) };
            }
            turn.next = index + 1;
            if let Some(server) = servers.get(index)
                && weight(server) >= turn.threshold
            {
                return Ok(server.id.clone());
            }
        }
    }
}

fn weight(server: &ServerInfo) -> u64 {
    server.setting("weight").and_then(|weight| pomelo_json::from_value(weight).ok()).unwrap_or(0)
}

/// Finds the key of a message.
type KeyOf = dyn Fn(&RouteBy) -> Result<String> + Send + Sync;

/// Points, in hex, and the server of each.
type Ring = BTreeMap<String, ServerId>;

/// By a ring of hashes (`ch`): a server that comes or goes moves only its own share of the keys.
///
/// As in pomelo-rpc 1.0.7: 100 points per server, the md5 of `<id>:<n>` in hex; a key belongs to the last point at or
/// below its own md5, or else to the last of all.
///
/// It is what rooms want that live in memory while servers are added. Between servers of equal weight the
/// keys are shared unevenly, by some ten per cent, as with any such ring.
///
/// ```
/// # use pomelo::app::{Builder, Cluster};
/// # use pomelo::router::ConsistentHash;
/// # fn example<R: Cluster>(builder: Builder<R>) -> Builder<R> {
/// builder.router("battle", ConsistentHash::new(|by| by.key_or("battle")))
/// # }
/// ```
#[doc(alias = "ch")]
#[doc(alias = "hashFieldIndex")]
pub struct ConsistentHash {
    /// What it routes by.
    key: Box<KeyOf>,
    /// The ring of the servers that it saw last: one, unless a list changes meanwhile.
    rings: Mutex<HashMap<Vec<ServerId>, Arc<Ring>>>,
}

impl ConsistentHash {
    /// Points of each server on the ring.
    const REPLICAS: usize = 100;

    /// A ring for keys that `key` finds, such as `|by| by.key_or("rid")`.
    pub fn new(key: impl Fn(&RouteBy) -> Result<String> + Send + Sync + 'static) -> Self {
        Self { key: Box::new(key), rings: Mutex::default() }
    }

    fn pick(&self, key: &str, servers: &ServerList) -> Result<ServerId> {
        let ring = self.ring(servers);
        let place = ring.range(..=hex_md5(key)).next_back().or_else(|| ring.last_key_value());
        place.map(|(_, server)| server.clone()).ok_or_else(none)
    }

    /// The ring of these servers; it is made once, as long as they stay the same.
    fn ring(&self, servers: &ServerList) -> Arc<Ring> {
        let ids: Vec<_> = servers.iter().map(|server| server.id.clone()).collect();
        let mut rings = self.rings.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(ring) = rings.get(&ids) {
            return ring.clone();
        }
        let points = ids
            .iter()
            .flat_map(|id| (0..Self::REPLICAS).map(move |n| (hex_md5(&format!("{id}:{n}")), id.clone())));
        let ring = Arc::new(points.collect());
        rings.clear();
        rings.insert(ids, Arc::clone(&ring));
        ring
    }
}

impl Router for ConsistentHash {
    fn route(&self, by: RouteBy, servers: ServerList) -> Routing {
        Routing::Now((self.key)(&by).and_then(|key| self.pick(&key, &servers)))
    }
}

fn hex_md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(weights: &[Option<u64>]) -> ServerList {
        let entry = |(n, weight): (usize, &Option<u64>)| {
            let mut entry = serde_json::json!({ "id": format!("chat-server-{}", n + 1) });
            if let Some(weight) = weight {
                entry["weight"] = (*weight).into();
            }
            Arc::new(serde_json::from_value(entry).unwrap())
        };
        weights.iter().enumerate().map(entry).collect()
    }

    #[test]
    fn weights_share_the_turns() {
        let (router, servers) = (WeightedRoundRobin::default(), servers(&[Some(3), Some(1), None]));
        let turns: Vec<_> = (0..8).map(|_| router.next(&servers).unwrap()).collect();
        let of = |id: &str| turns.iter().filter(|turn| **turn == *id).count();
        assert_eq!((of("chat-server-1"), of("chat-server-2"), of("chat-server-3")), (6, 2, 0));
    }

    #[test]
    fn a_server_that_goes_moves_only_its_own_keys() {
        let router = ConsistentHash::new(|by| by.key_or(""));
        let (three, two) = (servers(&[None; 3]), servers(&[None; 2]));
        for n in 0..500 {
            let key = format!("room{n}");
            let before = router.pick(&key, &three).unwrap();
            if before != "chat-server-3" {
                assert_eq!(router.pick(&key, &two).unwrap(), before);
            }
        }
    }

    #[test]
    fn a_server_that_comes_takes_about_its_share_of_the_keys_and_a_modulo_moves_nearly_all() {
        let ring = || ConsistentHash::new(|by| by.key_or(""));
        let (four, five) = (ring(), ring());
        let (before, after) = (servers(&[None; 4]), servers(&[None; 5]));
        let (mut moved_by_ring, mut moved_by_modulo) = (0, 0);
        for n in 0..10_000 {
            let key = format!("room{n}");
            let place = five.pick(&key, &after).unwrap();
            if four.pick(&key, &before).unwrap() != place {
                assert_eq!(place, "chat-server-5", "keys move to the new server only");
                moved_by_ring += 1;
            }
            let by_modulo = |servers| crate::router::dispatch::pick(&key, servers).unwrap().id.clone();
            moved_by_modulo += u32::from(by_modulo(&before) != by_modulo(&after));
        }
        assert!((1_000..3_000).contains(&moved_by_ring), "{moved_by_ring}");
        assert!((7_000..9_000).contains(&moved_by_modulo), "{moved_by_modulo}");
    }

    /// What pomelo-rpc 1.0.7 and pomelo 2.2.7 pick; the file is made of their answers.
    #[test]
    fn picks_what_pomelo_picks() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/routing.json")).unwrap();
        let ids = |case: &serde_json::Value| -> ServerList {
            let ids = case["servers"].as_array().unwrap().iter();
            ids.map(|id| Arc::new(serde_json::from_value(serde_json::json!({ "id": id })).unwrap())).collect()
        };
        let mut seen = 0;
        for case in vectors["crc32"].as_array().unwrap() {
            let uid = case["uid"].as_str().unwrap();
            assert_eq!(
                i64::from(crate::router::dispatch::crc32(uid)),
                case["crc32"].as_i64().unwrap(),
                "{uid}"
            );
            for (n, index) in case["index_of_n"].as_object().unwrap() {
                let n: u32 = n.parse().unwrap();
                assert_eq!(
                    crate::router::dispatch::crc32(uid).unsigned_abs() % n,
                    index.as_u64().unwrap() as u32,
                    "{uid} {n}"
                );
            }
            seen += 1;
        }
        for case in vectors["dispatch"].as_array().unwrap() {
            let picked = crate::router::dispatch::pick(case["uid"].as_str().unwrap(), ids(case)).unwrap();
            assert_eq!(picked.id, case["picked"].as_str().unwrap(), "{case}");
            seen += 1;
        }
        for case in vectors["router"].as_array().unwrap() {
            let servers = ids(case);
            match case["name"].as_str().unwrap() {
                name if name.starts_with("default router") => {
                    let uid = match &case["session"]["uid"] {
                        serde_json::Value::Null => String::new(),
                        serde_json::Value::String(uid) => uid.clone(),
                        other => other.to_string(),
                    };
                    assert_eq!(
                        crate::router::dispatch::pick(&uid, &servers).unwrap().id,
                        case["picked"].as_str().unwrap(),
                        "{case}"
                    );
                }
                name if name.starts_with("rr") => {
                    let router = RoundRobin::default();
                    for want in case["sequence"].as_array().unwrap() {
                        assert_eq!(router.next(&servers).unwrap(), want.as_str().unwrap());
                    }
                }
                name if name.starts_with("wrr") => {
                    assert!(WeightedRoundRobin::default().next(&servers).is_err());
                }
                name if name.starts_with("ch") => {
                    let router = ConsistentHash::new(|by| by.key_or(""));
                    let picked = router.pick(case["key"].as_str().unwrap(), &servers).unwrap();
                    assert_eq!(picked, case["picked"].as_str().unwrap(), "{case}");
                }
                name => panic!("unknown case {name}"),
            }
            seen += 1;
        }
        assert!(seen > 60, "{seen}");
    }
}
