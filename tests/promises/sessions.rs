//! Sessions whose messages, changes and ends meet each other.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use pomelo::metrics::Dropped;
use pomelo::to;
use serde_json::{Value, json};

use crate::faulty::Fault;
use crate::support::{Client, soon, until};
use crate::world::World;

/// Two servers that saw each other come are what a log begins with.
const STARTED: usize = 2;

/// The answers to requests, in order.
async fn answers(client: &mut Client, ids: Vec<u64>) -> Vec<Value> {
    let mut answers = Vec::new();
    for id in ids {
        answers.push(soon(client.response(id)).await);
    }
    answers
}

#[tokio::test]
async fn a_message_sees_what_an_earlier_one_of_its_session_pushed_on_that_backend() {
    let world = World::start().await;
    let mut ann = world.client().await;
    // All three leave the frontend with the snapshot of a session that has nothing.
    let ids = ann
        .send_all([
            ("chat.roomHandler.bind", json!("ann")),
            ("chat.roomHandler.seen", json!({})),
            ("chat.roomHandler.set", json!(7)),
            ("chat.roomHandler.seen", json!({})),
        ])
        .await;
    until(|| world.log.count("bind runs") == 1 && world.connector().report().pending_calls == 4).await;
    world.open(2);
    let seen = answers(&mut ann, ids).await;
    assert_eq!(seen, [json!({}), json!(["ann", null]), json!({}), json!(["ann", 7])]);
}

#[tokio::test]
async fn messages_that_wait_at_a_backend_are_dropped_and_counted_when_their_session_closes() {
    let world = World::start().await;
    let ann = world.client().await;
    ann.request("chat.roomHandler.watch", json!({})).await;
    let wait = |text: &'static str| ("chat.roomHandler.wait", json!(text));
    ann.send_all([wait("a"), wait("b"), wait("c")]).await;
    until(|| world.log.count("a runs") == 1 && world.connector().report().pending_calls == 3).await;
    ann.close().await;
    until(|| world.chat().counters().dropped(Dropped::SessionClosed) == 2).await;
    world.open(3);
    until(|| world.log.count("hook") == 1).await;
    assert_eq!(world.log.all()[STARTED..], ["a runs", "a ended", "hook"]);
}

/// The backend isn't told that the client is gone, only that its session has closed.
#[tokio::test]
async fn messages_that_wait_at_a_backend_which_hears_of_the_closing_only_are_dropped_and_counted() {
    for fault in [Fault::Full, Fault::Lose] {
        let world = World::start().await;
        let ann = world.client().await;
        ann.request("chat.roomHandler.watch", json!({})).await;
        let wait = |text: &'static str| ("chat.roomHandler.wait", json!(text));
        ann.send_all([wait("a"), wait("b"), wait("c")]).await;
        until(|| world.log.count("a runs") == 1 && world.connector().report().pending_calls == 3).await;
        world.transport.set("connector-1", "chat-1", "SessionGone", fault);
        ann.close().await;
        until(|| world.chat().counters().dropped(Dropped::SessionClosed) == 2).await;
        assert_eq!(world.transport.met(), 1);
        world.open(3);
        until(|| world.log.count("hook") == 1).await;
        assert_eq!(world.log.all()[STARTED..], ["a runs", "a ended", "hook"]);
    }
}

#[tokio::test]
async fn messages_that_wait_at_a_backend_are_dropped_and_counted_when_their_frontend_counts_as_gone() {
    for has_hook in [false, true] {
        let world = World::start().await;
        let ann = world.client().await;
        if has_hook {
            ann.request("chat.roomHandler.watch", json!({})).await;
        }
        let wait = |text: &'static str| ("chat.roomHandler.wait", json!(text));
        ann.send_all([wait("a"), wait("b"), wait("c")]).await;
        until(|| world.log.count("a runs") == 1 && world.connector().report().pending_calls == 3).await;
        world.transport.memory.unlink("connector-1", "chat-1");
        world.transport.memory.give_up("chat-1", "connector-1");
        assert_eq!(world.chat().counters().dropped(Dropped::SessionClosed), 2);
        world.open(3);
        until(|| world.log.count("a ended") == 1 && world.log.count("hook") == usize::from(has_hook)).await;
        assert_eq!((world.log.count("b runs"), world.log.count("c runs")), (0, 0));
    }
}

#[tokio::test]
async fn messages_that_wait_at_a_frontend_are_dropped_and_counted_when_their_session_closes() {
    let world = World::start().await;
    let ann = world.client().await;
    ann.request("connector.entryHandler.watch", json!({})).await;
    let wait = |text: &'static str| ("connector.entryHandler.wait", json!(text));
    ann.send_all([wait("a"), wait("b"), wait("c")]).await;
    until(|| world.log.count("a runs") == 1).await;
    ann.close().await;
    until(|| world.connector().counters().dropped(Dropped::SessionClosed) == 2).await;
    world.open(3);
    until(|| world.log.count("hook") == 1).await;
    assert_eq!(world.log.all()[STARTED..], ["a runs", "a ended", "hook"]);
}

#[tokio::test]
async fn a_backend_is_told_of_a_closing_although_the_link_was_full() {
    let world = World::start().await;
    let ann = world.client().await;
    ann.request("chat.roomHandler.watch", json!({})).await;
    world.transport.set("connector-1", "chat-1", "SessionClosed", Fault::Full);
    ann.close().await;
    until(|| world.transport.met() >= 3).await;
    assert_eq!(world.log.count("hook"), 0);
    world.transport.heal();
    until(|| world.log.count("hook") == 1).await;
}

#[tokio::test]
async fn nothing_is_kept_of_users_that_have_left() {
    let world = World::start().await;
    let mut clients = Vec::new();
    for number in 0..20 {
        clients.push(world.user(&format!("user{number}")).await);
    }
    let channel = world.chat().channels().create("room");
    channel.add("user1", "connector-1").unwrap();
    channel.add("elsewhere", "connector-1").unwrap();
    assert_eq!(world.connector().report().users, 21);
    for client in clients {
        client.close().await;
    }
    until(|| world.connector().report().users == 2).await;
    channel.destroy();
    until(|| world.connector().report().users == 0).await;
}

/// A change of a session must not be confirmed while a message with an older snapshot is still on its way to be sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_is_confirmed_after_every_message_that_left_with_an_older_snapshot() {
    let world = World::start().await;
    let ann = world.user("ann").await;
    let session = world.connector().sessions().get_by_uid("ann").remove(0).id().to_string();
    let chat = world.chat().clone();
    let (runtime, log) = (tokio::runtime::Handle::current(), world.log.clone());
    let push_meanwhile = move || {
        let (chat, session, log) = (chat.clone(), session.clone(), log.clone());
        let runtime = runtime.clone();
        // In another thread: what this one spawned might wait until it is free.
        let pushing = std::thread::spawn(move || {
            let set = chat.rpc.chat.chat_remote.set(to("chat-1"), "connector-1", session, 7);
            runtime.block_on(set.into_future()).unwrap();
            log.note("pushed");
        });
        // As long as the message is being sent.
        std::thread::sleep(Duration::from_millis(300));
        let confirmed = pushing.is_finished();
        assert!(!confirmed, "the push was confirmed before a message with an older snapshot had left");
    };
    world.transport.set("connector-1", "chat-1", "Forward", Fault::After(Arc::new(push_meanwhile)));
    let before = soon(ann.request("chat.roomHandler.seen", json!({}))).await;
    assert_eq!(before, json!(["ann", null]));
    world.transport.heal();
    until(|| world.log.count("pushed") == 1).await;
    assert_eq!(soon(ann.request("chat.roomHandler.seen", json!({}))).await, json!(["ann", 7]));
}

#[tokio::test]
async fn a_request_that_a_server_takes_and_never_answers_ends_all_the_same() {
    let world = World::with(|app| app.limits().request_timeout = Duration::from_millis(500)).await;
    let ann = world.client().await;
    world.transport.set("chat-1", "connector-1", "Reply", Fault::Lose);
    let answer = soon(ann.request("chat.roomHandler.ping", json!({}))).await;
    assert_eq!(answer["code"], 500);
    assert_eq!((world.transport.met(), world.connector().report().pending_calls), (1, 0));
}
