//! The login of most ported games: kick who has the user, bind, join a room, leave it when the session closes.

use std::time::Duration;

use serde_json::json;

use crate::support::until;
use crate::world::{Links, World};
use crate::{Kick, Login};

/// How many users log in twice.
const LOGINS: u64 = 120;

/// What differs from one login to the next, by its seed.
#[derive(Debug)]
struct Plan {
    login: Login,
    /// The connection of the first session dies by itself when the second one comes.
    dies: bool,
}

impl Plan {
    fn new(seed: u64) -> Self {
        // splitmix64
        let mut bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        let kick = [Kick::Here, Kick::ByUid, Kick::ById, Kick::Each, Kick::Unique][(bits % 5) as usize];
        let dies = (bits >> 8).is_multiple_of(3);
        let pause = Duration::from_micros((bits >> 16) % 3_000);
        Self { login: Login { uid: format!("user {seed}"), kick, pause }, dies }
    }
}

/// Every user logs in, and then again; gives the plans of those who lost their room.
async fn lost(links: Links, route: &str) -> Vec<Plan> {
    let world = World::new(links).await;
    let mut lost = Vec::new();
    for plan in (0..LOGINS).map(Plan::new) {
        let (old, session) = world.client().await;
        assert_eq!(old.request(route, json!(plan.login)).await, json!({}));
        if plan.dies {
            old.close().await;
        }
        let (new, _) = world.client().await;
        assert_eq!(new.request(route, json!(plan.login)).await, json!({}), "{plan:?}");
        let uid = &*plan.login.uid;
        until(|| world.log.has(&format!("{uid} left"))).await;
        let room = world.app("chat-1").channels().get("room");
        if room.and_then(|room| room.member(uid)).is_none() {
            lost.push(plan);
        }
        assert!(world.app("connector-1").sessions().get(session.id()).is_none());
    }
    assert_eq!(world.ran_out(), 0);
    lost
}

#[tokio::test]
async fn a_login_keeps_its_room() {
    for route in ["connector.entryHandler.login", "chat.roomHandler.login"] {
        let lost = lost(Links::Memory, route).await;
        assert!(lost.is_empty(), "{} at {route} lost their room: {lost:?}", lost.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_keeps_its_room_between_processes() {
    for route in ["connector.entryHandler.login", "chat.roomHandler.login"] {
        let lost = lost(Links::Tcp, route).await;
        assert!(lost.is_empty(), "{} at {route} lost their room: {lost:?}", lost.len());
    }
}
