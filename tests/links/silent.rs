//! A link on which nothing comes any more.

use std::time::Duration;

use pomelo::error::ErrorKind;
use pomelo::metrics::Dropped;
use pomelo::net::transport::TcpOptions;
use pomelo::to;
use serde_json::json;

use crate::log::Log;
use crate::proxy::Mode;
use crate::support::{soon, until};
use crate::world::{World, patient};

/// Options with which silence is noticed soon, and a machine that is busy is not silent.
fn attentive(dead_after: u64, gone_after: u64) -> TcpOptions {
    let mut options = patient();
    options.keepalive = Duration::from_millis(100);
    options.dead_after = Duration::from_millis(dead_after);
    options.gone_after = Duration::from_millis(gone_after);
    options.connect_timeout = Duration::from_millis(500);
    options
}

#[tokio::test]
async fn a_peer_with_nothing_to_say_is_not_silent() {
    let world = World::start(attentive(2_000, 120_000)).await;
    let call = tokio::spawn(world.remote().wait(to("chat-1")).into_future());
    until(|| world.log.has("a call waits")).await;
    tokio::time::sleep(Duration::from_millis(3_000)).await;
    world.gate.0.add_permits(1);
    soon(call).await.unwrap().unwrap();
    world.stop().await;
}

#[tokio::test]
async fn silence_breaks_a_link_and_what_was_queued_is_counted_and_said() {
    let log = Log::start();
    let world = World::start(attentive(1_500, 120_000)).await;
    let call = tokio::spawn(world.remote().wait(to("chat-1")).into_future());
    until(|| world.log.has("a call waits")).await;
    world.proxy.set(Mode::Hold);
    let text = "x".repeat(1 << 20);
    // What the system takes is sent; then it is queued.
    until(|| {
        world.remote().swallow(to("chat-1"), &text).notify().unwrap();
        world.connector().report().link_bytes > 4 << 20
    })
    .await;
    let error = soon(call).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    until(|| world.connector().counters().dropped(Dropped::LinkBroke) >= 4).await;
    assert!(world.is_linked(), "it is not gone yet");
    assert!(log.has(&[
        "WARN",
        "nothing came for 1.5s: the link is closed",
        "server=connector-1 peer=chat-1"
    ]));
    let lost = world.connector().counters().dropped(Dropped::LinkBroke);
    assert!(log.has(&["the link broke", "server=connector-1 peer=chat-1", &format!("lost={lost}")]));
    assert_eq!(world.connector().report().link_bytes, 0);
    world.proxy.set(Mode::Pass);
    soon(world.mended()).await;
    world.gate.0.add_permits(1);
    world.stop().await;
}

/// Has both servers declare each other gone, and then meet again.
async fn part_and_meet(world: &World) {
    world.proxy.set(Mode::Hold);
    for seen in ["chat-1: removed", "chat-1: lost ann", "ann closed", "connector-1: removed"] {
        until(|| world.log.has(seen)).await;
    }
    assert!(world.chat().channels().get("room").unwrap().is_empty());
    let error = world.remote().echo(to("chat-1"), 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    world.proxy.set(Mode::Pass);
}

#[tokio::test]
async fn who_is_silent_for_too_long_is_gone_and_comes_back_as_the_same_process_without_what_was_dropped() {
    let world = World::start(attentive(1_500, 3_000)).await;
    let (ann, eve) = (world.client("ann", true).await, world.client("eve", false).await);
    let processes = || (world.connector().report().incarnation, world.chat().report().incarnation);
    let before = processes();
    part_and_meet(&world).await;
    // Her user is out of every channel, so she must come again: nothing tells her to stay away.
    assert_eq!(soon(ann.end()).await, None);
    soon(world.mended()).await;
    until(|| world.is_linked()).await;
    // Nothing of her was dropped.
    assert_eq!(soon(eve.request("chat.roomHandler.ping", json!({}))).await, json!({}));
    assert_eq!((processes(), world.log.count("ann closed")), (before, 1));
    let room = world.chat().channels().get("room").unwrap();
    let ann = world.client("ann", true).await;
    room.push("news", &json!(1)).unwrap();
    assert_eq!(ann.push("news").await, json!(1));
    world.stop().await;
}

#[tokio::test]
async fn sessions_that_the_application_puts_back_keep_their_connections() {
    let options = attentive(1_500, 3_000);
    let world = World::start_with(options.clone(), options, |app| {
        app.on_sessions_lost(|app, lost| async move {
            for session in lost.sessions {
                let uid = session.uid().map(String::from).unwrap_or_default();
                app.rpc.chat.chat_remote.join(to(&lost.server), uid, app.server_id()).await?;
            }
            Ok(())
        });
    })
    .await;
    let ann = world.client("ann", true).await;
    part_and_meet(&world).await;
    let room = world.chat().channels().get("room").unwrap();
    until(|| room.len() == 1).await;
    room.push("news", &json!(1)).unwrap();
    assert_eq!(soon(ann.push("news")).await, json!(1));
    assert_eq!(soon(ann.request("chat.roomHandler.ping", json!({}))).await, json!({}));
    world.stop().await;
}

/// A hole that is over when the server counts as gone: what was sent in the last attempt before that is lost, not what is sent
/// in the one that decides.
#[tokio::test]
async fn a_network_that_is_back_before_the_last_attempt_ends_costs_nobody_anything() {
    let mut options = attentive(1_000, 2_500);
    options.connect_timeout = Duration::from_secs(30);
    let world = World::start(options).await;
    let ann = world.client("ann", true).await;
    world.proxy.set(Mode::Drop);
    until(|| !world.connector().report().missing_links.is_empty()).await;
    tokio::time::sleep(Duration::from_millis(2_000)).await;
    world.proxy.set(Mode::Pass);
    soon(world.mended()).await;
    world.chat().channels().get("room").unwrap().push("news", &json!(1)).unwrap();
    assert_eq!(ann.push("news").await, json!(1));
    for missing in ["connector-1: removed", "chat-1: removed", "chat-1: lost ann", "ann closed"] {
        assert!(!world.log.has(missing), "{missing}");
    }
    world.stop().await;
}
