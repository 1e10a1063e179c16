//! Members of channels at frontends that are gone, that come later, or that there are none of.

use std::time::Duration;

use pomelo::error::ErrorKind;
use serde_json::json;

use crate::support::until;
use crate::world::World;

#[tokio::test(start_paused = true)]
async fn nobody_is_added_at_a_frontend_that_is_gone_or_that_there_is_none_of() {
    let mut world = World::start().await;
    let room = world.app("chat-1").channels().create("room");
    room.add("ann", "connector-1").unwrap();
    let den = world.app("chat-1").channels().create("den");
    den.add("ann", "connector-1").unwrap();
    assert!(den.leave("ann", "connector-1"));
    world.crash("connector-1").await;
    assert!(room.is_empty());
    assert!(den.add("ann", "connector-1").is_err(), "one that was a member before");
    let error = room.add("bob", "connector-1").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.message().contains("connector-1 is gone") && error.message().contains("room"), "{error}");
    let error = room.add("eve", "connector-9").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoServer);
    assert!(error.message().contains("connector-9") && error.message().contains("room"), "{error}");
    assert!(room.update(|room| room.add("joe", "connector-1")).is_err());
    assert!(room.is_empty(), "{:?}", room.members());
    // Not even one who is back later.
    world.add("connector-1").await;
    room.add("bob", "connector-1").unwrap();
    assert_eq!(world.members("chat-1"), ["bob"]);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nobody_is_added_at_a_frontend_that_was_declared_gone_until_it_is_back() {
    let world = World::start().await;
    world.unlink("chat-1", "connector-1");
    let room = world.app("chat-1").channels().create("room");
    // A link that is down is no server that is gone.
    room.add("ann", "connector-1").unwrap();
    world.give_up("chat-1", "connector-1");
    assert_eq!(room.add("bob", "connector-1").unwrap_err().kind(), ErrorKind::Refused);
    assert!(room.is_empty());
    world.link("chat-1", "connector-1");
    room.add("bob", "connector-1").unwrap();
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn members_at_a_frontend_that_comes_in_time_are_there() {
    let mut world = World::apart(|_| {});
    world.add("chat-1").await;
    let room = world.app("chat-1").channels().create("room");
    room.add("ann", "connector-1").unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(world.members("chat-1"), ["ann"]);
    world.add("connector-1").await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(world.members("chat-1"), ["ann"]);
    let ann = world.user("connector-1", "ann", "chat-1").await;
    world.push("chat-1", &json!("news"));
    world.settle().await;
    assert_eq!(ann.pushes("news"), [json!("news")]);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn members_at_a_frontend_that_never_comes_are_lost() {
    let mut world = World::apart(|_| {});
    world.add("chat-1").await;
    let rooms = ["room", "den"].map(|name| world.app("chat-1").channels().create(name));
    for room in &rooms {
        room.add("ann", "connector-1").unwrap();
        room.add("ann", "connector-1").unwrap();
    }
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(rooms.iter().all(|room| room.len() == 1));
    until(|| world.log.count("chat-1: lost ann") == 2).await;
    assert!(rooms.iter().all(|room| room.is_empty()));
    // It may be named again, and is lost again.
    rooms[0].add("bob", "connector-1").unwrap();
    until(|| world.log.count("chat-1: lost bob") == 1).await;
    world.add("connector-1").await;
    assert!(rooms[0].is_empty());
    world.stop().await;
}
