//! A link whose other side doesn't read, and a server that doesn't answer.

use std::time::Duration;

use pomelo::app::Configure;
use pomelo::error::ErrorKind;
use pomelo::metrics::Dropped;
use pomelo::to;
use serde_json::{Value, json};

use crate::proxy::Mode;
use crate::support::{soon, until};
use crate::world::{Rpc, World, patient};

/// A world whose links are full with little.
async fn full() -> World {
    let mut options = patient();
    options.queue_limit = 256 << 10;
    World::start(options).await
}

/// Sends until nothing has been taken for a while: the system takes some of it whenever it likes.
async fn fill(mut is_taken: impl FnMut() -> bool) {
    let mut refused_in_a_row = 0;
    until(|| {
        for _ in 0..50 {
            refused_in_a_row = if is_taken() { 0 } else { refused_in_a_row + 1 };
        }
        refused_in_a_row > 1_000
    })
    .await;
}

/// Fills chat's link to the connector with pushes.
async fn fill_with_pushes(world: &World) {
    world.proxy.set(Mode::Hold);
    let noise = world.chat().channels().create("noise");
    noise.add("nobody", "connector-1").unwrap();
    let (text, dropped) = ("x".repeat(64 << 10), || world.chat().counters().dropped(Dropped::Unreachable));
    fill(|| {
        let before = dropped();
        noise.push("noise", &text).unwrap();
        dropped() == before
    })
    .await;
}

async fn drain(world: &World) {
    world.proxy.set(Mode::Pass);
    until(|| world.chat().report().link_bytes == 0).await;
    soon(world.mended()).await;
}

#[tokio::test]
async fn calls_by_a_full_link_are_overloaded_and_pushes_are_dropped_and_counted() {
    let world = full().await;
    fill_with_pushes(&world).await;
    let error = world.chat().rpc.connector.entry_remote.ping(to("connector-1")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert!(error.message().contains("the link to connector-1 is full"), "{error}");
    let before = world.chat().counters().dropped(Dropped::Unreachable);
    world.chat().channels().get("noise").unwrap().push("noise", &json!(1)).unwrap();
    assert_eq!(world.chat().counters().dropped(Dropped::Unreachable), before + 1);
    assert!(world.chat().report().link_bytes < (256 << 10) + (128 << 10), "the queue is bounded");
    assert!(world.is_linked(), "a link that is full is up");
    drain(&world).await;
    assert_eq!(world.chat().counters().dropped(Dropped::LinkBroke), 0);
    world.stop().await;
}

#[tokio::test]
async fn who_left_and_joined_while_the_link_was_full_is_known_once_it_drains() {
    let world = full().await;
    let (mut ann, mut bob) = (world.client("ann", true).await, world.client("bob", true).await);
    let mut eve = world.client("eve", false).await;
    fill_with_pushes(&world).await;
    let room = world.chat().channels().get("room").unwrap();
    assert!(room.leave("ann", "connector-1"));
    room.add("eve", "connector-1").unwrap();
    drain(&world).await;
    room.push("news", &json!(1)).unwrap();
    assert_eq!(world.news(&mut ann).await, Vec::<Value>::new());
    assert_eq!(world.news(&mut bob).await, [json!(1)]);
    assert_eq!(world.news(&mut eve).await, [json!(1)]);
    world.stop().await;
}

/// The frontend can't see that it has missed something: what it has is of the version before the next.
#[tokio::test]
async fn who_came_after_all_had_left_while_the_link_was_full_is_told_before_anything_else() {
    let world = full().await;
    let mut ann = world.client("ann", true).await;
    let (mut bob, mut eve) = (world.client("bob", false).await, world.client("eve", false).await);
    fill_with_pushes(&world).await;
    let room = world.chat().channels().get("room").unwrap();
    assert!(room.leave("ann", "connector-1"));
    room.add("eve", "connector-1").unwrap();
    drain(&world).await;
    room.add("bob", "connector-1").unwrap();
    room.push("news", &json!(1)).unwrap();
    assert_eq!(world.news(&mut ann).await, Vec::<Value>::new());
    assert_eq!(world.news(&mut bob).await, [json!(1)]);
    assert_eq!(world.news(&mut eve).await, [json!(1)]);
    world.stop().await;
}

#[tokio::test]
async fn a_session_that_closes_while_its_frontends_link_is_full_is_closed_at_the_backend() {
    let world = full().await;
    let ann = world.client("ann", true).await;
    world.proxy.set(Mode::Hold);
    let text = "x".repeat(64 << 10);
    fill(|| world.remote().swallow(to("chat-1"), &text).notify().is_ok()).await;
    ann.close().await;
    until(|| world.connector().report().sessions == 0).await;
    assert!(!world.log.has("ann closed"));
    world.proxy.set(Mode::Pass);
    until(|| world.log.has("ann closed")).await;
    world.stop().await;
}

#[tokio::test]
async fn more_calls_than_may_be_out_are_overloaded_at_once_and_requests_too() {
    let few = |app: &mut Configure<Rpc>| app.limits().pending_calls = 3;
    let world = World::start_with(patient(), patient(), few).await;
    let ann = world.client("ann", false).await;
    let call = || tokio::spawn(world.remote().wait(to("chat-1")).into_future());
    let calls = [call(), call()];
    let request = ann.send("chat.roomHandler.wait", json!({})).await;
    until(|| world.log.count("a call waits") == 2 && world.log.has("a request waits")).await;

    let error = world.remote().echo(to("chat-1"), 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert!(error.message().contains("pending_calls"), "{error}");
    let bob = world.client("bob", false).await;
    let refused = bob.request("chat.roomHandler.ping", json!({})).await;
    assert_eq!(refused["code"], 500);
    assert!(refused["message"].as_str().unwrap().contains("pending_calls"), "{refused}");
    // Calls of the other direction have a limit of their own, and a notify waits for nothing.
    world.chat().rpc.connector.entry_remote.ping(to("connector-1")).await.unwrap();
    world.remote().swallow(to("chat-1"), "").notify().unwrap();

    world.gate.0.add_permits(3);
    for call in calls {
        soon(call).await.unwrap().unwrap();
    }
    assert_eq!(ann.response(request).await, json!({}));
    assert_eq!(world.remote().echo(to("chat-1"), 1).await.unwrap(), 1);
    world.stop().await;
}

#[tokio::test]
async fn what_is_longer_than_a_frame_is_an_error_to_who_asks_both_ways() {
    let mut options = patient();
    options.max_frame = 64 << 10;
    let endless = |app: &mut Configure<Rpc>| app.limits().rpc_timeout = Duration::from_secs(3_600);
    let world = World::start_with(options.clone(), options, endless).await;
    let error = soon(world.remote().text(to("chat-1"), 100_000).into_future()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadMessage);
    assert!(error.message().contains("100005 bytes") && error.message().contains("max_frame"), "{error}");
    let error = world.remote().swallow(to("chat-1"), "x".repeat(100_000)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadMessage);
    assert_eq!(world.remote().text(to("chat-1"), 60_000).await.unwrap().len(), 60_000);
    world.stop().await;
}
