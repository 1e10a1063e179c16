//! Late arrivals: what a process had sent before it counted as gone.

use pomelo::metrics::Dropped;
use serde_json::{Value, json};

use crate::faulty::Fault;
use crate::world::World;

fn outdated(world: &World, id: &str) -> u64 {
    world.app(id).counters().dropped(Dropped::Outdated)
}

#[tokio::test(start_paused = true)]
async fn what_a_backend_sent_before_it_was_gone_leaves_no_copies_of_channels() {
    let mut world = World::start().await;
    let ann = world.user("connector-1", "ann", "chat-1").await;
    world.transport.set("chat-1", "connector-1", "Group", Fault::Hold);
    let room = world.app("chat-1").channels().create("room");
    room.add("ann", "connector-1").unwrap();
    room.push("news", &json!("late")).unwrap();
    assert_eq!(world.transport.met(), 2);
    // Its sending side is kept by the test, as the network keeps what is on the way.
    world.give_up("connector-1", "chat-1");
    world.transport.heal();
    assert_eq!(outdated(&world, "connector-1"), 2);
    assert_eq!(world.app("connector-1").report().channel_copies, 0);
    assert_eq!(ann.pushes("news"), Vec::<Value>::new());
    world.crash("chat-1").await;
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_backend_sent_before_another_process_followed_leaves_no_copies_of_channels() {
    let mut world = World::start().await;
    let ann = world.user("connector-1", "ann", "chat-1").await;
    world.transport.set("chat-1", "connector-1", "Group", Fault::Hold);
    let room = world.app("chat-1").channels().create("room");
    room.add("ann", "connector-1").unwrap();
    room.push("news", &json!("late")).unwrap();
    let held = world.transport.met();
    world.add("chat-1").await;
    let held = held + world.transport.met();
    assert!(held >= 2);
    let before = outdated(&world, "connector-1");
    world.transport.heal();
    assert_eq!(outdated(&world, "connector-1"), before + 2);
    assert_eq!(world.app("connector-1").report().channel_copies, 0);
    assert_eq!(ann.pushes("news"), Vec::<Value>::new());
    world.stop().await;
}

/// One who has left meanwhile can't come back by the memory of a frontend that is gone.
#[tokio::test(start_paused = true)]
async fn what_a_frontend_sent_before_it_was_gone_is_dropped_and_counted() {
    let world = World::start().await;
    let ann = world.member("connector-1", "ann", "chat-1").await;
    world.transport.set("connector-1", "chat-1", "SessionClosed", Fault::Hold);
    ann.hang_up();
    world.settle().await;
    assert_eq!(world.transport.met(), 1);
    world.unlink("chat-1", "connector-1");
    world.give_up("chat-1", "connector-1");
    world.settle().await;
    assert_eq!(world.log.count("chat-1: ann closed"), 1);
    world.transport.memory.mend("chat-1", "connector-1");
    world.transport.heal();
    world.settle().await;
    assert_eq!(outdated(&world, "chat-1"), 1);
    assert_eq!(world.log.count("chat-1: ann closed"), 1);
    world.link("chat-1", "connector-1");
    world.settle().await;
    assert_eq!(world.log.count("chat-1: ann closed"), 1);
    world.stop().await;
}
