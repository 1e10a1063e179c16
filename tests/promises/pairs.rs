//! Two servers that lose each other: what a pair lost is the pair's business.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pomelo::app::Configure;
use pomelo::error::ErrorKind;
use pomelo::metrics::Dropped;
use pomelo::{Error, to};
use serde_json::{Value, json};

use crate::faulty::Fault;
use crate::support::{Client, soon, until};
use crate::world::{Rpc, World};

const PAIR: (&str, &str) = ("connector-1", "chat-1");

/// Who has declared the other one gone while there was no link.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Gone {
    Neither,
    Frontend,
    Backend,
    Both,
}

impl Gone {
    const ALL: [Self; 4] = [Self::Neither, Self::Frontend, Self::Backend, Self::Both];

    fn frontend(self) -> bool {
        matches!(self, Self::Frontend | Self::Both)
    }

    fn backend(self) -> bool {
        matches!(self, Self::Backend | Self::Both)
    }
}

/// A world with `ann` in the room, whose closing chat waits for, and `eve`, of whom chat has nothing.
async fn with_members(
    setup: impl Fn(&mut Configure<Rpc>) + Clone + Send + Sync + 'static,
) -> (World, Client, Client) {
    let world = World::with(setup).await;
    let (ann, eve) = (world.user("ann").await, world.user("eve").await);
    for route in ["chat.roomHandler.join", "chat.roomHandler.watch"] {
        assert_eq!(ann.request(route, json!({})).await, json!({}));
    }
    (world, ann, eve)
}

/// Breaks the link, and has one side, both or none declare the other one gone.
async fn part(world: &World, gone: Gone) {
    world.transport.memory.unlink(PAIR.0, PAIR.1);
    if gone.frontend() {
        world.transport.memory.give_up("chat-1", "connector-1");
        until(|| world.log.count("chat-1: lost ann") == 1 && world.log.count("hook") == 1).await;
    }
    if gone.backend() {
        world.transport.memory.give_up("connector-1", "chat-1");
        until(|| world.log.count("connector-1: removed") == 1).await;
    }
}

fn push(world: &World, number: u32) {
    world.chat().channels().get("room").unwrap().push("news", &number).unwrap();
}

#[tokio::test]
async fn sessions_close_only_if_the_other_side_has_dropped_something_of_them() {
    for gone in Gone::ALL {
        let (world, mut ann, eve) = with_members(|_| {}).await;
        let processes = || (world.connector().report().incarnation, world.chat().report().incarnation);
        let before = processes();
        part(&world, gone).await;
        world.transport.memory.link(PAIR.0, PAIR.1);
        if gone.frontend() {
            assert_eq!(soon(ann.end()).await, None, "{gone:?}: nothing tells her to stay away");
            ann = world.user("ann").await;
            assert_eq!(soon(ann.request("chat.roomHandler.join", json!({}))).await, json!({}), "{gone:?}");
        }
        push(&world, 1);
        assert_eq!(soon(ann.push("news")).await, json!(1), "{gone:?}");
        assert_eq!(soon(eve.request("chat.roomHandler.ping", json!({}))).await, json!({}), "{gone:?}");
        assert_eq!(processes(), before, "{gone:?}: a server has begun anew");
        assert_eq!(world.log.count("hook"), usize::from(gone.frontend()), "{gone:?}");
        assert_eq!(world.chat().channels().get("room").unwrap().members(), ["ann"], "{gone:?}");
        assert_eq!(world.connector().report().channel_copies, 1, "{gone:?}");
        // Who was gone comes again, for who said so.
        let added = (world.log.count("chat-1: added"), world.log.count("connector-1: added"));
        let again = (1 + usize::from(gone.frontend()), 1 + usize::from(gone.backend()));
        assert_eq!(added, again, "{gone:?}");
    }
}

#[tokio::test]
async fn a_link_that_breaks_during_the_exchange_settles_it_once_all_the_same() {
    for what in ["Settled", "Groups"] {
        let (world, ann, _eve) = with_members(|_| {}).await;
        part(&world, Gone::Both).await;
        for (from, to) in [("connector-1", "chat-1"), ("chat-1", "connector-1")] {
            world.transport.set(from, to, what, Fault::Lose);
        }
        world.transport.memory.link(PAIR.0, PAIR.1);
        world.transport.memory.unlink(PAIR.0, PAIR.1);
        world.transport.heal();
        world.transport.memory.link(PAIR.0, PAIR.1);
        assert_eq!(soon(ann.end()).await, None, "{what}");
        assert_eq!(world.log.count("hook"), 1, "{what}");
        // Once it is settled, another break names nobody again.
        let ann = world.user("ann").await;
        assert_eq!(soon(ann.request("chat.roomHandler.join", json!({}))).await, json!({}), "{what}");
        world.transport.memory.unlink(PAIR.0, PAIR.1);
        world.transport.memory.link(PAIR.0, PAIR.1);
        push(&world, 1);
        assert_eq!(soon(ann.push("news")).await, json!(1), "{what}");
    }
}

/// A handler that runs on while its session is lost, and kept.
#[tokio::test]
async fn a_hook_that_is_registered_after_its_session_was_lost_runs_when_that_closes() {
    let (world, ann, _eve) = with_members(|app| app.on_sessions_lost(|_, _| async { Ok(()) })).await;
    ann.send("chat.roomHandler.watchLater", json!({})).await;
    until(|| world.log.count("later runs") == 1).await;
    world.transport.memory.unlink(PAIR.0, PAIR.1);
    world.transport.memory.give_up("chat-1", "connector-1");
    world.transport.memory.link(PAIR.0, PAIR.1);
    world.open(1);
    until(|| world.log.count("hook") == 1).await;
    assert_eq!(soon(ann.request("chat.roomHandler.ping", json!({}))).await, json!({}));
    assert_eq!(world.log.count("later hook"), 0, "the session is open");
    ann.close().await;
    until(|| world.log.count("later hook") == 1).await;
    assert_eq!(world.log.count("hook"), 1);
}

/// As before, but the frontend is not back when the handler wants to know of the closing.
#[tokio::test]
async fn a_hook_can_not_be_registered_while_the_frontend_is_gone_although_there_were_others() {
    let (world, ann, _eve) = with_members(|_| {}).await;
    ann.send("chat.roomHandler.watchLater", json!({})).await;
    until(|| world.log.count("later runs") == 1).await;
    world.transport.memory.unlink(PAIR.0, PAIR.1);
    world.transport.memory.give_up("chat-1", "connector-1");
    world.open(1);
    until(|| world.log.count("hook") == 1).await;
    assert_eq!((world.log.count("later refused"), world.log.count("later hook")), (1, 0));
}

#[tokio::test]
async fn a_hook_for_lost_sessions_gets_each_once_and_keeps_their_connections() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let (world, ann, _eve) = with_members(move |app| {
        let counted = counted.clone();
        app.on_sessions_lost(move |app, lost| {
            let counted = counted.clone();
            async move {
                counted.fetch_add(lost.sessions.len(), Ordering::SeqCst);
                for session in lost.sessions {
                    let uid = session.uid().map(String::from).unwrap_or_default();
                    app.rpc.chat.chat_remote.put_back(to(&lost.server), uid, app.server_id()).await?;
                }
                Ok(())
            }
        });
    })
    .await;
    part(&world, Gone::Both).await;
    world.transport.memory.link(PAIR.0, PAIR.1);
    until(|| world.chat().channels().get("room").unwrap().len() == 1).await;
    push(&world, 1);
    assert_eq!(soon(ann.push("news")).await, json!(1));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn lost_sessions_close_if_the_hook_fails_panics_or_takes_too_long() {
    for how in ["fails", "panics", "hangs"] {
        let (world, ann, eve) = with_members(move |app| {
            app.limits().request_timeout = Duration::from_secs(1);
            app.on_sessions_lost(move |_, _| async move {
                match how {
                    "fails" => Err(Error::new(500, "no")),
                    "panics" => panic!("no"),
                    _ => std::future::pending().await,
                }
            });
        })
        .await;
        part(&world, Gone::Frontend).await;
        world.transport.memory.link(PAIR.0, PAIR.1);
        assert_eq!(soon(ann.end()).await, None, "it {how}");
        assert_eq!(eve.request("connector.entryHandler.ping", json!({})).await, json!({}), "it {how}");
    }
}

#[tokio::test]
async fn lost_sessions_close_at_their_next_request_and_else_one_after_the_other() {
    let world = World::start().await;
    let mut clients = Vec::new();
    for number in 0..20 {
        let client = world.user(&format!("user{number}")).await;
        assert_eq!(client.request("chat.roomHandler.join", json!({})).await, json!({}));
        clients.push(client);
    }
    world.transport.memory.unlink(PAIR.0, PAIR.1);
    world.transport.memory.give_up("chat-1", "connector-1");
    world.transport.memory.link(PAIR.0, PAIR.1);
    let open = || world.connector().sessions().len();
    until(|| open() < 20).await;
    assert!(open() > 10, "all were closed at once");
    // Who asks for something meanwhile is closed, too, and hears no answer.
    let asking = clients.pop().unwrap();
    asking.send("connector.entryHandler.ping", json!({})).await;
    assert_eq!((soon(asking.end()).await, asking.responded().len()), (None, 2));
    until(|| open() == 0).await;
}

#[tokio::test]
async fn a_member_can_not_be_added_at_a_frontend_that_is_gone_or_never_was() {
    let (world, ann, _eve) = with_members(|_| {}).await;
    let room = world.chat().channels().get("room").unwrap();
    part(&world, Gone::Frontend).await;
    let error = room.add("bob", "connector-1").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.message(), "channel room: connector-1 is gone");
    let error = room.add("bob", "connector-9").unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::NoServer, "channel room: there is no server `connector-9`")
    );
    assert!(room.is_empty());
    world.transport.memory.link(PAIR.0, PAIR.1);
    assert_eq!(soon(ann.end()).await, None);
    room.add("bob", "connector-1").unwrap();
}

#[tokio::test(start_paused = true)]
async fn members_at_a_frontend_that_does_not_come_are_lost_and_those_at_one_that_comes_stay() {
    let world = World::start().await;
    let room = world.chat().channels().create("room");
    room.add("ann", "connector-1").unwrap();
    room.add("bob", "connector-2").unwrap();
    tokio::time::sleep(Duration::from_millis(4_900)).await;
    assert_eq!(room.members(), ["ann", "bob"]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((room.members(), world.log.count("chat-1: lost bob")), (vec!["ann".into()], 1));
    room.add("bob", "connector-2").unwrap();
    let connector_2 = world.frontend("connector-2").await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(room.members(), ["ann", "bob"]);
    connector_2.stop().await;
}

#[tokio::test]
async fn what_a_server_had_sent_before_it_counted_as_gone_leaves_nothing_and_is_counted() {
    let (world, _ann, _eve) = with_members(|_| {}).await;
    let room = world.chat().channels().create("late");
    world.transport.set("chat-1", "connector-1", "", Fault::Hold);
    room.add("eve", "connector-1").unwrap();
    room.push("news", &json!(1)).unwrap();
    assert_eq!(world.transport.met(), 2);
    // The frontend declares chat gone, and what was on its way arrives after that.
    world.transport.memory.give_up("connector-1", "chat-1");
    world.transport.heal();
    assert_eq!(world.connector().counters().dropped(Dropped::Outdated), 2);
    assert_eq!(world.connector().report().channel_copies, 0);
}

#[tokio::test]
async fn what_an_earlier_process_had_sent_leaves_nothing_and_is_counted() {
    let (world, _ann, eve) = with_members(|_| {}).await;
    let room = world.chat().channels().create("late");
    world.transport.set("chat-1", "connector-1", "", Fault::Hold);
    room.add("eve", "connector-1").unwrap();
    let again = world.chat_again().await;
    let copies = || world.connector().report().channel_copies;
    assert_eq!(copies(), 0);
    world.transport.heal();
    assert_eq!((copies(), world.connector().counters().dropped(Dropped::Outdated)), (0, 1));
    let room = again.app("chat-1").unwrap().channels().create("new");
    room.add("eve", "connector-1").unwrap();
    room.push("news", &json!(2)).unwrap();
    assert_eq!(soon(eve.push("news")).await, json!(2));
    assert_eq!(eve.pushes("news"), Vec::<Value>::new());
}
