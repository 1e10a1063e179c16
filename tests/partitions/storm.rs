//! Links that break and come back at random, and servers that give each other up meanwhile.

use std::collections::HashMap;
use std::time::Duration;

use pomelo::to;
use serde_json::json;
use tokio::time::sleep;

use crate::world::World;
use pomelo::testing::TestSession;

const FRONTENDS: [&str; 2] = ["connector-1", "connector-2"];
const BACKENDS: [&str; 2] = ["chat-1", "chat-2"];
const USERS: usize = 8;
const SEEDS: u64 = 60;

/// Numbers that only look random (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

/// A user, who comes back whenever the connection is over.
struct User {
    uid: String,
    frontend: &'static str,
    chat: &'static str,
    client: Option<TestSession>,
}

impl User {
    fn new(number: usize, random: &mut Random) -> Self {
        let (frontend, chat) = (FRONTENDS[random.below(2)], BACKENDS[random.below(2)]);
        Self { uid: format!("user{number}"), frontend, chat, client: None }
    }

    /// Logs in and enters the room; gives up, and hangs up, if a server can't be reached.
    async fn come_back(&mut self, world: &World) -> bool {
        if self.client.as_ref().is_some_and(|client| !client.is_closed()) {
            return true;
        }
        let client = world.user(self.frontend, &self.uid, self.chat).await;
        for route in ["chat.roomHandler.join", "chat.roomHandler.track"] {
            if client.try_request(route, json!({})).await != Some(json!({})) {
                client.hang_up();
                return false;
            }
        }
        self.client = Some(client);
        true
    }
}

/// The servers of one run, and what is between them.
struct Storm {
    world: World,
    random: Random,
    users: Vec<User>,
    is_down: HashMap<(&'static str, &'static str), bool>,
}

impl Storm {
    async fn start(seed: u64) -> Self {
        let world = World::with(|app| {
            app.on_sessions_lost(|app, lost| async move {
                for session in lost.sessions {
                    let uid = session.uid().map(|uid| uid.to_string()).unwrap_or_default();
                    let frontend = session.frontend_id().to_string();
                    app.rpc.chat.chat_remote.add(to(&lost.server), uid, frontend).await?;
                }
                Ok(())
            });
        })
        .await;
        let mut random = Random(seed);
        let users = (0..USERS).map(|number| User::new(number, &mut random)).collect();
        Self { world, random, users, is_down: HashMap::new() }
    }

    async fn step(&mut self) {
        let pair = (FRONTENDS[self.random.below(2)], BACKENDS[self.random.below(2)]);
        let is_down = self.is_down.entry(pair).or_default();
        let (frontend, backend) = pair;
        match self.random.below(8) {
            0 if !*is_down => {
                self.world.unlink(frontend, backend);
                *is_down = true;
            }
            1 if *is_down => self.world.give_up(frontend, backend),
            2 if *is_down => self.world.give_up(backend, frontend),
            3 | 4 if *is_down => {
                self.world.link(frontend, backend);
                *is_down = false;
            }
            5 => sleep(Duration::from_millis(self.random.below(7_000) as u64)).await,
            6 => {
                let user = self.random.below(USERS);
                self.users[user].come_back(&self.world).await;
            }
            _ => self.world.push(backend, &json!("in between")),
        }
    }

    /// Everybody can reach everybody, for as long as it takes.
    async fn calm(&mut self) {
        for ((frontend, backend), is_down) in std::mem::take(&mut self.is_down) {
            if is_down {
                self.world.link(frontend, backend);
            }
        }
        sleep(Duration::from_secs(60)).await;
    }

    /// Every user who is connected is in the room and hears what is pushed there, once.
    async fn check(&mut self) {
        for user in &mut self.users {
            let was_there = user.client.as_ref().is_some_and(|client| !client.is_closed());
            let members = self.world.members(user.chat);
            assert!(!was_there || members.contains(&user.uid), "{} of {members:?} is missing", user.uid);
            assert!(user.come_back(&self.world).await, "{} can't come back", user.uid);
            user.client.as_ref().unwrap().pushes("news");
        }
        BACKENDS.iter().for_each(|chat| self.world.push(chat, &json!("news")));
        self.world.settle().await;
        for user in &self.users {
            assert_eq!(user.client.as_ref().unwrap().pushes("news"), [json!("news")], "{}", user.uid);
        }
    }

    /// All sessions are over, and each hook that was confirmed has run, once.
    async fn end(self) {
        self.users.iter().for_each(|user| user.client.as_ref().unwrap().hang_up());
        sleep(Duration::from_secs(60)).await;
        let seen = self.world.log.all();
        let count = |what: &str, session: &str| {
            seen.iter().filter(|seen| **seen == format!("{what} {session}")).count()
        };
        for session in seen.iter().filter_map(|seen| seen.strip_prefix("tracked ")) {
            assert_eq!(count("ended", session), count("tracked", session), "{session}");
        }
        for id in FRONTENDS {
            assert_eq!(self.world.app(id).report().sessions, 0);
        }
        self.world.stop().await;
    }
}

async fn run(seed: u64) {
    let mut storm = Storm::start(seed).await;
    for _ in 0..3 {
        for _ in 0..40 {
            storm.step().await;
        }
        storm.calm().await;
        storm.check().await;
    }
    storm.end().await;
}

#[test]
fn when_a_storm_is_over_every_user_is_where_its_client_believes_it_to_be_and_hooks_have_run_once() {
    for seed in 0..SEEDS {
        // It is the last one printed if this fails.
        println!("seed {seed}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(run(seed));
    }
}
