//! A link on which nothing comes any more.

use std::time::Duration;

use pomelo::core::counters::Dropped;
use pomelo::net::transport::TcpOptions;
use pomelo::{ErrorKind, to};
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

#[tokio::test]
async fn who_is_silent_for_too_long_is_gone_and_begins_anew_when_it_is_back() {
    let world = World::start(attentive(1_500, 3_000)).await;
    let mut ann = world.client("ann", true).await;
    let lives = || (world.connector().report().incarnation, world.chat().report().incarnation);
    let before = lives();
    world.proxy.set(Mode::Hold);
    for seen in ["chat-1: removed", "chat-1: lost ann", "ann closed", "connector-1: removed"] {
        until(|| world.log.has(seen)).await;
    }
    let room = world.chat().channels().get("room").unwrap();
    assert!(room.is_empty());
    let error = world.remote().echo(to("chat-1"), 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);

    world.proxy.set(Mode::Pass);
    // Her user is out of every channel, so she must come again.
    assert_eq!(ann.kicked().await, "the server was cut off");
    soon(world.mended()).await;
    until(|| world.is_linked()).await;
    until(|| lives().0 != before.0).await;
    assert_eq!(world.log.count("ann closed"), 1);
    let mut ann = world.client("ann", true).await;
    room.push("news", &json!(1)).unwrap();
    assert_eq!(ann.push("news").await, json!(1));
    world.stop().await;
}
