//! A link that broke and comes back in time: nobody is gone, and what was missed is made good.

use pomelo::error::ErrorKind;
use pomelo::metrics::Dropped;
use pomelo::to;
use serde_json::{Value, json};

use crate::proxy::Mode;
use crate::support::{soon, until};
use crate::world::{World, patient};

#[tokio::test]
async fn calls_that_are_out_fail_when_the_link_breaks_and_later_ones_at_once() {
    let world = World::start(patient()).await;
    let call = tokio::spawn(world.remote().wait(to("chat-1")).into_future());
    until(|| world.log.has("a call waits")).await;
    world.cut().await;
    let error = soon(call).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.message().contains("the link to chat-1 broke"), "{error}");
    let error = world.remote().echo(to("chat-1"), 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.message().contains("the link to chat-1 is down"), "{error}");
    assert!(world.is_linked(), "a link that is down is no server that is gone");
    world.proxy.set(Mode::Pass);
    soon(world.mended()).await;
    assert_eq!(world.remote().echo(to("chat-1"), 2).await.unwrap(), 2);
    world.gate.0.add_permits(1);
    world.stop().await;
}

#[tokio::test]
async fn sessions_and_channels_outlive_a_link_that_comes_back() {
    let world = World::start(patient()).await;
    let ann = world.client("ann", true).await;
    let incarnation = world.connector().report().incarnation;
    world.cut().await;
    world.proxy.set(Mode::Pass);
    soon(world.mended()).await;
    assert_eq!(world.connector().report().incarnation, incarnation);
    let room = world.chat().channels().get("room").unwrap();
    assert!(room.push_confirmed("news", &json!(1)).await.unwrap().is_empty());
    assert_eq!(ann.push("news").await, json!(1));
    for missing in ["connector-1: removed", "chat-1: removed", "chat-1: lost ann", "ann closed"] {
        assert!(!world.log.has(missing), "{missing}");
    }
    world.stop().await;
}

#[tokio::test]
async fn who_left_while_the_link_was_down_gets_no_push_and_who_joined_gets_it() {
    let world = World::start(patient()).await;
    let (mut ann, mut bob) = (world.client("ann", true).await, world.client("bob", true).await);
    let mut eve = world.client("eve", false).await;
    let room = world.chat().channels().get("room").unwrap();
    world.cut().await;
    assert!(room.leave("ann", "connector-1"));
    room.add("eve", "connector-1").unwrap();
    room.push("news", &json!("lost")).unwrap();
    world.proxy.set(Mode::Pass);
    soon(world.mended()).await;
    room.push("news", &json!("after")).unwrap();
    assert_eq!(world.news(&mut ann).await, Vec::<Value>::new());
    assert_eq!(world.news(&mut bob).await, [json!("after")]);
    assert_eq!(world.news(&mut eve).await, [json!("after")]);
    world.stop().await;
}

/// The backend can't see what was lost, since it could send all of it, and the frontend can't either: what it has is of the
/// version before the next.
#[tokio::test]
async fn who_left_and_joined_in_what_a_link_lost_is_known_once_it_is_back() {
    let world = World::start(patient()).await;
    let mut ann = world.client("ann", true).await;
    let (mut bob, mut eve) = (world.client("bob", false).await, world.client("eve", false).await);
    world.proxy.set(Mode::Hold);
    let room = world.chat().channels().get("room").unwrap();
    assert!(room.leave("ann", "connector-1"));
    room.add("eve", "connector-1").unwrap();
    world.cut().await;
    world.proxy.set(Mode::Pass);
    soon(world.mended()).await;
    room.add("bob", "connector-1").unwrap();
    room.push("news", &json!(1)).unwrap();
    assert_eq!(world.news(&mut ann).await, Vec::<Value>::new());
    assert_eq!(world.news(&mut bob).await, [json!(1)]);
    assert_eq!(world.news(&mut eve).await, [json!(1)]);
    world.stop().await;
}

#[tokio::test]
async fn a_channel_destroyed_while_the_link_was_down_is_forgotten_at_the_frontend() {
    let world = World::start(patient()).await;
    let mut ann = world.client("ann", true).await;
    world.cut().await;
    assert!(world.chat().channels().destroy("room"));
    world.proxy.set(Mode::Pass);
    soon(world.mended()).await;
    let room = world.chat().channels().create("room");
    room.add("bob", "connector-1").unwrap();
    room.push("news", &json!(1)).unwrap();
    assert_eq!(world.news(&mut ann).await, Vec::<Value>::new());
    world.stop().await;
}

#[tokio::test]
async fn a_session_that_closed_while_the_link_was_down_is_closed_at_the_backend() {
    let world = World::start(patient()).await;
    let (ann, bob) = (world.client("ann", true).await, world.client("bob", true).await);
    world.cut().await;
    ann.close().await;
    until(|| world.connector().report().sessions == 1).await;
    assert!(!world.log.has("ann closed"));
    world.proxy.set(Mode::Pass);
    until(|| world.log.has("ann closed")).await;
    bob.close().await;
    until(|| world.log.has("bob closed")).await;
    assert_eq!((world.log.count("ann closed"), world.log.count("bob closed")), (1, 1));
    world.stop().await;
}

#[tokio::test]
async fn pushes_to_a_frontend_without_a_link_are_counted() {
    let world = World::start(patient()).await;
    let _ann = world.client("ann", true).await;
    world.cut().await;
    let unreachable = || world.chat().counters().dropped(Dropped::Unreachable);
    let before = unreachable();
    let room = world.chat().channels().get("room").unwrap();
    room.push("news", &json!(1)).unwrap();
    assert_eq!(unreachable(), before + 1);
    assert_eq!(room.push_confirmed("news", &json!(1)).await.unwrap(), ["ann"]);
    world.proxy.set(Mode::Pass);
    soon(world.mended()).await;
    world.stop().await;
}
