//! Both of two servers declare each other gone, or one of them all others.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::until;
use crate::world::World;

const OTHERS: [&str; 4] = ["gate-1", "connector-2", "chat-1", "chat-2"];

#[tokio::test(start_paused = true)]
async fn two_servers_that_gave_each_other_up_redo_what_they_have_with_each_other() {
    let world = World::start().await;
    let before = world.incarnations();
    let (ann, joe) = (
        world.member("connector-1", "ann", "chat-1").await,
        world.member("connector-2", "joe", "chat-1").await,
    );
    world.unlink("chat-1", "connector-1");
    world.give_up("chat-1", "connector-1");
    world.give_up("connector-1", "chat-1");
    world.settle().await;
    assert_eq!((world.log.count("chat-1: lost ann"), world.log.count("chat-1: ann closed")), (1, 1));
    assert_eq!(world.members("chat-1"), ["joe"]);
    assert_eq!(world.app("connector-1").report().channel_copies, 0);
    world.link("chat-1", "connector-1");
    assert_eq!(ann.end().await, None);
    let ann = world.member("connector-1", "ann", "chat-1").await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    world.push("chat-1", &json!("news"));
    world.settle().await;
    assert_eq!((ann.pushes("news"), joe.pushes("news")), (vec![json!("news")], vec![json!("news")]));
    assert_eq!(world.log.count("chat-1: ann closed"), 1);
    assert_eq!(world.incarnations(), before);
    ann.hang_up();
    until(|| world.log.count("chat-1: ann closed") == 2).await;
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_blinks_costs_nobody_anything() {
    let world = World::start().await;
    let before = world.incarnations();
    let client = world.client("gate-1");
    let ann = world.member("connector-1", "ann", "chat-1").await;
    let joe = world.member("connector-2", "joe", "chat-2").await;
    for server in ["connector-1", "connector-2"] {
        world.unlink("gate-1", server);
        world.give_up("gate-1", server);
        world.give_up(server, "gate-1");
    }
    assert_eq!(client.request("gate.gateHandler.ask", json!({})).await, json!(0));
    for server in ["connector-1", "connector-2"] {
        world.link("gate-1", server);
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(client.request("gate.gateHandler.ask", json!({})).await, json!(2));
    world.push("chat-1", &json!("news"));
    world.push("chat-2", &json!("news"));
    world.settle().await;
    for client in [&ann, &joe] {
        assert_eq!(client.pushes("news"), [json!("news")]);
        assert_eq!(client.request("chat.roomHandler.ping", json!({})).await, json!({}));
    }
    assert_eq!(world.incarnations(), before);
    assert!(!world.log.all().iter().any(|seen| seen.contains("lost") || seen.contains("closed")));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_is_cut_off_from_everyone_costs_only_its_own_clients() {
    let world = World::start().await;
    let before = world.incarnations();
    let mine = [
        world.member("connector-1", "ann", "chat-1").await,
        world.member("connector-1", "bob", "chat-2").await,
    ];
    let idle = world.client("connector-1");
    let others = [
        world.member("connector-2", "joe", "chat-1").await,
        world.member("connector-2", "eve", "chat-2").await,
    ];
    for other in OTHERS {
        world.unlink("connector-1", other);
        world.give_up("connector-1", other);
        world.give_up(other, "connector-1");
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    OTHERS.iter().for_each(|other| world.link("connector-1", other));
    for client in &mine {
        assert_eq!(client.end().await, None);
    }
    assert_eq!(idle.request("connector.entryHandler.ping", json!({})).await, json!({}));
    world.push("chat-1", &json!("news"));
    world.push("chat-2", &json!("news"));
    world.settle().await;
    for client in &others {
        assert_eq!(client.pushes("news"), [json!("news")]);
    }
    assert_eq!(world.incarnations(), before);
    assert_eq!(world.log.all().iter().filter(|seen| seen.contains("lost")).count(), 2);
    world.stop().await;
}

/// connector-1 sees chat-2 and not chat-1; everybody else sees all.
#[tokio::test(start_paused = true)]
async fn half_a_partition_costs_what_is_between_the_two_sides() {
    let world = World::start().await;
    let before = world.incarnations();
    let ann = world.member("connector-1", "ann", "chat-1").await;
    let bob = world.member("connector-1", "bob", "chat-2").await;
    world.unlink("connector-1", "chat-1");
    world.give_up("connector-1", "chat-1");
    world.give_up("chat-1", "connector-1");
    // The rest goes on meanwhile.
    world.push("chat-2", &json!("news"));
    world.settle().await;
    assert_eq!(bob.pushes("news"), [json!("news")]);
    let answer = ann.request("chat.roomHandler.ping", json!({})).await;
    assert_eq!(answer["code"], 500, "{answer}");
    world.link("connector-1", "chat-1");
    ann.end().await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(bob.request("chat.roomHandler.ping", json!({})).await, json!({}));
    assert_eq!(world.members("chat-2"), ["bob"]);
    assert_eq!(world.incarnations(), before);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_follows_under_the_same_id_hears_nothing_of_what_was_dropped_of_the_one_before() {
    let mut world = World::start().await;
    let _ann = world.member("connector-1", "ann", "chat-1").await;
    world.unlink("chat-1", "connector-1");
    world.give_up("chat-1", "connector-1");
    world.settle().await;
    assert_eq!(world.log.count("chat-1: lost ann"), 1);
    world.add("connector-1").await;
    world.link("chat-1", "connector-1");
    let ann = world.member("connector-1", "ann", "chat-1").await;
    for _ in 0..2 {
        world.unlink("chat-1", "connector-1");
        world.link("chat-1", "connector-1");
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    assert_eq!(ann.request("chat.roomHandler.ping", json!({})).await, json!({}));
    assert_eq!(world.members("chat-1"), ["ann"]);
    world.push("chat-1", &json!("news"));
    world.settle().await;
    assert_eq!(ann.pushes("news"), [json!("news")]);
    world.stop().await;
}

/// The backend has members at a frontend of which another process is there before its end was seen.
#[tokio::test(start_paused = true)]
async fn a_backend_that_begins_again_under_its_id_has_nothing_of_the_process_before() {
    let mut world = World::start().await;
    let ann = world.member("connector-1", "ann", "chat-1").await;
    world.add("chat-1").await;
    assert_eq!(world.app("connector-1").report().channel_copies, 0);
    assert_eq!(world.members("chat-1"), Vec::<String>::new());
    world.push("chat-1", &json!("news"));
    world.settle().await;
    assert_eq!(ann.pushes("news"), Vec::<Value>::new());
    assert_eq!(ann.request("chat.roomHandler.join", json!({})).await, json!({}));
    world.push("chat-1", &json!("news"));
    world.settle().await;
    assert_eq!(ann.pushes("news"), [json!("news")]);
    world.stop().await;
}
