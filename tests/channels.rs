//! Channels: pomelo's facts, and where we promise more.

#[path = "support/faulty.rs"]
mod faulty;
mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use faulty::{Fault, Faulty};
use pomelo::app::{Builder, Running};
use pomelo::channel::{Channel, ChannelGuard, Channels, Recipient};
use pomelo::error::ErrorKind;
use pomelo::net::transport::Memory;
use pomelo::{Error, Event, Hybrid, Result, Session, handler};
use serde_json::{Value, json};
use support::{Client, connect};

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    room: {},
}

const SERVERS: &str = r#"{
    "connector": [{ "id": "connector-1", "frontend": true }, { "id": "connector-2", "frontend": true }],
    "room": [{ "id": "room-1" }]
}"#;

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn login(session: &Session, uid: String) -> Result<()> {
        session.bind(uid).await
    }

    pub async fn logout(session: &Session, uid: String) -> Result<()> {
        session.unbind(uid).await
    }

    pub async fn ping() {}
}

fn builder() -> Builder<Rpc> {
    App::builder().servers(SERVERS).configure("all", "connector", |app| {
        app.connector(Hybrid::new().address(([127, 0, 0, 1], 0)));
        app.broadcast_filter(|session, wanted| {
            // It is asked about every broadcast; one without a parameter is for all.
            wanted.is_null() || session.uid().is_some_and(|uid| *wanted == *uid)
        });
    })
}

async fn start() -> Running<Rpc> {
    builder().start().await.unwrap()
}

fn channels(running: &Running<Rpc>) -> Channels {
    running.app("room-1").unwrap().channels()
}

/// A client that is no user yet.
async fn guest(running: &Running<Rpc>, connector: &str) -> Client {
    let mut client = connect(running.addresses(connector)[0]).await;
    seen(&mut client).await;
    client
}

async fn user(running: &Running<Rpc>, connector: &str, uid: &str) -> Client {
    let mut client = guest(running, connector).await;
    login(&mut client, uid).await;
    client
}

async fn login(client: &mut Client, uid: &str) {
    let answer = client.request("connector.entryHandler.login", json!(uid)).await;
    assert!(answer.get("code").is_none_or(|code| code == 200), "{answer}");
}

async fn logout(client: &mut Client, uid: &str) {
    let answer = client.request("connector.entryHandler.logout", json!(uid)).await;
    assert!(answer.get("code").is_none_or(|code| code == 200), "{answer}");
}

/// What a client was sent up to now: what was pushed before a request comes before its answer.
async fn seen(client: &mut Client) -> Vec<Value> {
    client.request("connector.entryHandler.ping", json!({})).await;
    client.pushes("onSay")
}

fn say(channel: &Channel, text: &str) {
    channel.push("onSay", &json!(text)).unwrap();
}

fn to(uid: &str, sid: &str) -> Recipient {
    Recipient { uid: uid.into(), sid: sid.into() }
}

#[tokio::test]
async fn create_returns_the_one_that_exists() {
    let running = start().await;
    let channels = channels(&running);
    assert!(channels.get("den").is_none());
    channels.create("den").add("ann", "connector-1").unwrap();
    assert_eq!(channels.create("den").members(), ["ann"]);
    assert_eq!(channels.get("den").unwrap().len(), 1);
    assert_eq!(channels.len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_destroyed_channel_refuses_add_and_push() {
    let running = start().await;
    let channels = channels(&running);
    let den = channels.create("den");
    assert!(channels.destroy("den"));
    assert!(!channels.destroy("den"));
    assert!(channels.get("den").is_none());
    assert_eq!(den.add("ann", "connector-1").unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(den.push("onSay", &json!("x")).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(den.push_confirmed("onSay", &json!("x")).await.unwrap_err().kind(), ErrorKind::Closed);
    running.stop().await;
}

#[tokio::test]
async fn a_channel_updated_by_name_comes_and_goes_with_its_members() {
    let running = start().await;
    let channels = channels(&running);
    channels.update("den", |den| den.add("ann", "connector-1")).unwrap();
    assert_eq!(channels.get("den").unwrap().members(), ["ann"]);
    let first = channels.get("den").unwrap();
    assert!(channels.update("den", |den| Ok(den.leave("ann", "connector-1"))).unwrap());
    assert!(channels.get("den").is_none());
    assert_eq!(first.add("bob", "connector-1").unwrap_err().kind(), ErrorKind::Closed);
    let refused =
        channels.update("den", |den| if den.is_empty() { Err(Error::new(404, "")) } else { Ok(()) });
    assert_eq!(refused.unwrap_err().code(), 404);
    assert!(channels.is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_a_channel_that_others_leave_is_in_it_and_sees_its_pushes_in_order() {
    const WORKERS: usize = 4;
    const ROUNDS: usize = 300;
    let running = start().await;
    let rooms = channels(&running);
    let mut ann = user(&running, "connector-1", "user0").await;
    let said = Arc::new(Mutex::new((0, Vec::new())));
    let worker = |worker: usize| {
        let (rooms, said) = (rooms.clone(), said.clone());
        move || {
            let uid = format!("user{worker}");
            let say = |den: &mut ChannelGuard<'_>| {
                let (last, heard) = &mut *said.lock().unwrap();
                *last += 1;
                if den.member("user0").is_some() {
                    heard.push(json!(*last));
                }
                den.push("onSay", last)
            };
            for _ in 0..ROUNDS {
                rooms
                    .update("den", |den| {
                        den.add(&*uid, "connector-1")?;
                        say(den)
                    })
                    .unwrap();
                let den = rooms.get("den").expect("a channel with a member");
                assert!(den.member(&uid).is_some(), "{uid} is in a channel that is destroyed");
                den.update(say).unwrap();
                rooms
                    .update("den", |den| {
                        assert!(den.leave(&uid, "connector-1"));
                        say(den)
                    })
                    .unwrap();
            }
        }
    };
    let workers: Vec<_> = (0..WORKERS).map(|n| tokio::task::spawn_blocking(worker(n))).collect();
    for worker in workers {
        worker.await.unwrap();
    }
    assert!(rooms.get("den").is_none());
    let heard = said.lock().unwrap().1.clone();
    assert!(heard.len() >= ROUNDS * 2);
    assert_eq!(seen(&mut ann).await, heard);
    running.stop().await;
}

#[tokio::test]
async fn a_member_is_in_a_channel_once() {
    let running = start().await;
    let den = channels(&running).create("den");
    let mut ann = user(&running, "connector-1", "ann").await;
    den.add("ann", "connector-1").unwrap();
    den.add("ann", "connector-1").unwrap();
    assert_eq!((den.len(), den.members()), (1, vec!["ann".into()]));
    say(&den, "once");
    assert_eq!(seen(&mut ann).await, ["once"]);
    assert!(den.leave("ann", "connector-1"));
    assert!(den.is_empty());
    running.stop().await;
}

#[tokio::test]
async fn leave_needs_uid_and_sid() {
    let running = start().await;
    let den = channels(&running).create("den");
    den.add("ann", "connector-1").unwrap();
    assert!(!den.leave("ann", "connector-2"));
    assert!(!den.leave("bob", "connector-1"));
    assert_eq!(den.len(), 1);
    assert!(den.leave("ann", "connector-1"));
    assert!(!den.leave("ann", "connector-1"));
    running.stop().await;
}

#[tokio::test]
async fn members_are_in_the_order_in_which_they_joined() {
    let running = start().await;
    let den = channels(&running).create("den");
    for (n, uid) in ["dan", "ann", "cat", "bob"].into_iter().enumerate() {
        den.add(uid, format!("connector-{}", n % 2 + 1)).unwrap();
    }
    assert_eq!(den.members(), ["dan", "ann", "cat", "bob"]);
    den.leave("ann", "connector-2");
    den.add("ann", "connector-1").unwrap();
    assert_eq!(den.members(), ["dan", "cat", "bob", "ann"]);
    assert_eq!(den.member("ann"), Some(to("ann", "connector-1")));
    assert_eq!(den.member("eve"), None);
    running.stop().await;
}

/// What moved all who had joined later took hours of a test like this. Joining and leaving cost about the same.
#[tokio::test]
async fn a_hundred_thousand_leave_a_channel_one_by_one() {
    const MEMBERS: usize = 100_000;
    let running = start().await;
    let den = channels(&running).create("den");
    let names: Vec<String> = (0..MEMBERS).map(|n| format!("u{n}")).collect();
    let began = std::time::Instant::now();
    names.iter().for_each(|uid| den.add(uid.as_str(), "connector-1").unwrap());
    // On a machine that is busy both take longer.
    let limit = 30 * began.elapsed() + Duration::from_secs(1);
    let began = std::time::Instant::now();
    for (nth, uid) in names.iter().enumerate() {
        assert!(den.leave(uid, "connector-1"));
        if nth % 1_000 == 0 {
            assert!(den.member(uid).is_none() && began.elapsed() < limit, "{nth} have left");
        }
    }
    assert!(den.is_empty());
    running.stop().await;
}

#[tokio::test]
async fn a_push_to_one_member_keeps_the_channels_order_and_is_refused_for_others() {
    let running = start().await;
    let den = channels(&running).create("den");
    let (mut ann, mut bob) =
        (user(&running, "connector-1", "ann").await, user(&running, "connector-2", "bob").await);
    den.add("ann", "connector-1").unwrap();
    den.add("bob", "connector-2").unwrap();
    say(&den, "one");
    den.push_to("bob", "onSay", &json!("two")).unwrap();
    say(&den, "three");
    assert_eq!(seen(&mut ann).await, ["one", "three"]);
    assert_eq!(seen(&mut bob).await, ["one", "two", "three"]);
    let refused = den.push_to("cat", "onSay", &json!("x")).unwrap_err();
    assert_eq!(refused.message(), "cat is not in channel den");
    den.destroy();
    assert_eq!(den.push_to("bob", "onSay", &json!("x")).unwrap_err().kind(), ErrorKind::Closed);
    running.stop().await;
}

#[tokio::test]
async fn push_by_uids_sends_one_message_per_frontend() {
    let transport = Faulty::default();
    let running = builder().transport(Arc::new(transport.clone())).start().await.unwrap();
    let mut ann = user(&running, "connector-1", "ann").await;
    let mut bob = user(&running, "connector-1", "bob").await;
    let mut cat = user(&running, "connector-2", "cat").await;
    for frontend in ["connector-1", "connector-2"] {
        transport.set("room-1", frontend, "", Fault::Count);
    }
    let recipients = [to("ann", "connector-1"), to("cat", "connector-2"), to("bob", "connector-1")];
    channels(&running).push_by_uids("onSay", &json!("hi"), recipients).unwrap();
    assert_eq!(transport.met(), 2);
    for client in [&mut ann, &mut bob, &mut cat] {
        assert_eq!(seen(client).await, ["hi"]);
    }
    let recipients = [to("ann", "connector-1"), to("eve", "connector-1"), to("cat", "connector-1")];
    let missing = channels(&running).push_by_uids_confirmed("onSay", &json!("hi"), recipients).await.unwrap();
    assert_eq!(missing, ["eve", "cat"]);
    running.stop().await;
}

#[tokio::test]
async fn push_confirmed_names_who_was_not_reached() {
    let running = start().await;
    let den = channels(&running).create("den");
    let mut ann = user(&running, "connector-1", "ann").await;
    for (uid, sid) in [("ann", "connector-1"), ("eve", "connector-1"), ("dan", "connector-2")] {
        den.add(uid, sid).unwrap();
    }
    let mut missing = den.push_confirmed("onSay", &json!("hi")).await.unwrap();
    missing.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    assert_eq!(missing, ["dan", "eve"]);
    assert_eq!(seen(&mut ann).await, ["hi"]);
    running.stop().await;
}

#[tokio::test]
async fn a_broadcast_reaches_all_clients_of_a_type() {
    let running = start().await;
    let mut ann = user(&running, "connector-1", "ann").await;
    let mut nobody = guest(&running, "connector-2").await;
    channels(&running).broadcast("connector", "onSay", &json!("all")).unwrap();
    assert_eq!(seen(&mut ann).await, ["all"]);
    assert_eq!(seen(&mut nobody).await, ["all"]);
    running.stop().await;
}

#[tokio::test]
async fn a_broadcast_to_bound_sessions_leaves_guests_out() {
    let running = start().await;
    let mut ann = user(&running, "connector-1", "ann").await;
    let mut nobody = guest(&running, "connector-1").await;
    channels(&running).broadcast_to("connector", "onSay", &json!("users"), true, None).unwrap();
    assert_eq!(seen(&mut ann).await, ["users"]);
    assert!(seen(&mut nobody).await.is_empty());
    running.stop().await;
}

#[tokio::test]
async fn a_broadcast_filter_sees_the_session_and_the_parameter() {
    let running = start().await;
    let mut ann = user(&running, "connector-1", "ann").await;
    let mut bob = user(&running, "connector-2", "bob").await;
    let filter = Some(json!("bob"));
    channels(&running).broadcast_to("connector", "onSay", &json!("bob's"), false, filter).unwrap();
    assert!(seen(&mut ann).await.is_empty());
    assert_eq!(seen(&mut bob).await, ["bob's"]);
    running.stop().await;
}

#[tokio::test]
async fn binding_starts_delivery_and_unbinding_stops_it() {
    let running = start().await;
    let den = channels(&running).create("den");
    den.add("ann", "connector-1").unwrap();
    let mut ann = guest(&running, "connector-1").await;
    say(&den, "before");
    login(&mut ann, "ann").await;
    say(&den, "bound");
    assert_eq!(seen(&mut ann).await, ["bound"]);
    logout(&mut ann, "ann").await;
    say(&den, "after");
    assert!(seen(&mut ann).await.is_empty());
    running.stop().await;
}

#[tokio::test]
async fn a_login_on_the_same_frontend_needs_no_new_add() {
    let running = start().await;
    let den = channels(&running).create("den");
    let first = user(&running, "connector-1", "ann").await;
    den.add("ann", "connector-1").unwrap();
    first.close().await;
    support::until(|| running.app("connector-1").unwrap().sessions().is_empty()).await;
    say(&den, "away");
    let mut again = user(&running, "connector-1", "ann").await;
    say(&den, "back");
    assert_eq!(seen(&mut again).await, ["back"]);
    running.stop().await;
}

#[tokio::test]
async fn a_channel_made_again_delivers_nothing_to_old_members() {
    let running = start().await;
    let channels = channels(&running);
    let (mut ann, mut bob) =
        (user(&running, "connector-1", "ann").await, user(&running, "connector-1", "bob").await);
    let old = channels.create("den");
    old.add("ann", "connector-1").unwrap();
    old.destroy();
    let new = channels.create("den");
    new.add("bob", "connector-1").unwrap();
    say(&new, "new");
    // Destroying the old one again leaves the new one alone.
    old.destroy();
    assert_eq!(channels.get("den").unwrap().members(), ["bob"]);
    assert!(seen(&mut ann).await.is_empty());
    assert_eq!(seen(&mut bob).await, ["new"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_see_pushes_in_one_order() {
    let running = start().await;
    let den = channels(&running).create("den");
    let mut clients = Vec::new();
    for (uid, sid) in [("ann", "connector-1"), ("bob", "connector-1"), ("cat", "connector-2")] {
        clients.push(user(&running, sid, uid).await);
        den.add(uid, sid).unwrap();
    }
    let pushing: Vec<_> = (0..4)
        .map(|task| {
            let den = den.clone();
            tokio::spawn(async move {
                for n in 0..100 {
                    say(&den, &format!("{task} {n:02}"));
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for task in pushing {
        task.await.unwrap();
    }
    let first = seen(&mut clients[0]).await;
    assert_eq!(first.len(), 400);
    for task in 0..4 {
        let of_task = first.iter().filter(|text| text.as_str().unwrap().starts_with(&format!("{task} ")));
        assert!(of_task.map(Value::to_string).is_sorted());
    }
    for client in &mut clients[1..] {
        assert_eq!(seen(client).await, first);
    }
    running.stop().await;
}

#[tokio::test]
async fn after_a_cut_the_membership_comes_before_anything_is_delivered() {
    let memory = Memory::new();
    let running = builder().transport(Arc::new(memory.clone())).start().await.unwrap();
    let den = channels(&running).create("den");
    let (mut ann, mut bob) =
        (user(&running, "connector-1", "ann").await, user(&running, "connector-1", "bob").await);
    den.add("ann", "connector-1").unwrap();
    say(&den, "before");
    memory.cut("room-1", "connector-1");
    den.leave("ann", "connector-1");
    den.add("bob", "connector-1").unwrap();
    say(&den, "lost");
    assert_eq!(den.push_confirmed("onSay", &json!("lost")).await.unwrap(), ["bob"]);
    memory.mend("room-1", "connector-1");
    say(&den, "after");
    assert_eq!(seen(&mut ann).await, ["before"]);
    assert_eq!(seen(&mut bob).await, ["after"]);
    running.stop().await;
}

#[tokio::test]
async fn a_member_that_leaves_during_a_cut_is_delivered_nothing_afterwards() {
    let memory = Memory::new();
    let running = builder().transport(Arc::new(memory.clone())).start().await.unwrap();
    let den = channels(&running).create("den");
    let (mut ann, mut bob) =
        (user(&running, "connector-1", "ann").await, user(&running, "connector-1", "bob").await);
    den.add("ann", "connector-1").unwrap();
    den.add("bob", "connector-1").unwrap();
    memory.cut("room-1", "connector-1");
    den.leave("ann", "connector-1");
    memory.mend("room-1", "connector-1");
    say(&den, "after");
    assert!(seen(&mut ann).await.is_empty());
    assert_eq!(seen(&mut bob).await, ["after"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frontend_that_missed_its_last_member_leave_keeps_nothing_of_the_old_membership() {
    let memory = Memory::new();
    let running = builder().transport(Arc::new(memory.clone())).start().await.unwrap();
    let den = channels(&running).create("den");
    let (mut ann, bob) =
        (user(&running, "connector-1", "ann").await, user(&running, "connector-1", "bob").await);
    den.add("ann", "connector-1").unwrap();
    memory.cut("room-1", "connector-1");
    den.leave("ann", "connector-1");
    memory.mend("room-1", "connector-1");
    den.add("bob", "connector-1").unwrap();
    say(&den, "after");
    assert_eq!(bob.push("onSay").await, "after");
    assert!(seen(&mut ann).await.is_empty());
    running.stop().await;
}

#[tokio::test]
async fn a_frontend_that_missed_two_ends_of_its_copy_delivers_to_who_joins_later() {
    let memory = Memory::new();
    let running = builder().transport(Arc::new(memory.clone())).start().await.unwrap();
    let den = channels(&running).create("den");
    let mut ann = user(&running, "connector-1", "ann").await;
    let mut cat = user(&running, "connector-1", "cat").await;
    den.add("ann", "connector-1").unwrap();
    memory.cut("room-1", "connector-1");
    den.leave("ann", "connector-1");
    memory.mend("room-1", "connector-1");
    den.add("bob", "connector-1").unwrap();
    // A frontend that asks for the membership now is answered nothing, since it has no members any more.
    memory.cut("room-1", "connector-1");
    den.leave("bob", "connector-1");
    seen(&mut ann).await;
    memory.mend("room-1", "connector-1");
    den.add("cat", "connector-1").unwrap();
    say(&den, "after");
    assert_eq!(seen(&mut cat).await, ["after"]);
    assert!(seen(&mut ann).await.is_empty());
    running.stop().await;
}

#[tokio::test]
async fn members_at_a_frontend_that_stops_are_lost() {
    let lost = Arc::new(Mutex::new(Vec::new()));
    let told = lost.clone();
    let mut running = builder()
        .configure("all", "room", move |app| {
            let told = told.clone();
            app.on_event(move |_, event| {
                if let Event::MembersLost { channel, uids } = event {
                    told.lock().unwrap().push((channel.clone(), uids.clone()));
                }
            });
        })
        .start()
        .await
        .unwrap();
    let den = channels(&running).create("den");
    let mut bob = user(&running, "connector-2", "bob").await;
    den.add("ann", "connector-1").unwrap();
    den.add("bob", "connector-2").unwrap();
    assert!(running.stop_server("connector-1").await);
    assert_eq!(den.members(), ["bob"]);
    say(&den, "still");
    assert_eq!(seen(&mut bob).await, ["still"]);
    let lost: Vec<_> = std::mem::take(&mut *lost.lock().unwrap());
    assert_eq!(lost.len(), 1);
    assert_eq!((lost[0].0.name(), &*lost[0].1), ("den", &["ann".into()][..]));
    running.stop().await;
}
