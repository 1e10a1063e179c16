//! Channels whose joins, leaves and ends don't arrive.

use pomelo::metrics::Dropped;
use serde_json::{Value, json};

use crate::faulty::Fault;
use crate::support::{Client, soon, until};
use crate::world::World;

const NEWS: &str = "news";

/// A world with a channel that `ann` is in, and the clients of `ann` and `bob`.
async fn with_ann() -> (World, Client, Client) {
    let world = World::start().await;
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    world.chat().channels().create("room").add("ann", "connector-1").unwrap();
    push(&world, 0);
    assert_eq!(soon(ann.push(NEWS)).await, json!(0));
    (world, ann, bob)
}

fn push(world: &World, number: u32) {
    world.chat().channels().get("room").unwrap().push(NEWS, &number).unwrap();
}

fn lose(world: &World, what: &'static str, act: impl FnOnce()) {
    world.transport.set("chat-1", "connector-1", what, Fault::Lose);
    act();
    assert_eq!(world.transport.met(), 1, "{what} was not lost");
    world.transport.heal();
}

#[tokio::test]
async fn a_push_that_comes_before_a_join_it_counts_on_waits_for_the_membership() {
    let (world, ann, mut bob) = with_ann().await;
    let room = world.chat().channels().get("room").unwrap();
    lose(&world, "Join", || room.add("bob", "connector-1").unwrap());
    for number in 1..4 {
        push(&world, number);
    }
    for number in 1..4 {
        assert_eq!(soon(bob.push(NEWS)).await, json!(number));
        assert_eq!(soon(ann.push(NEWS)).await, json!(number));
    }
    assert_eq!(world.news(&mut bob).await, Vec::<Value>::new(), "something came twice");
}

#[tokio::test]
async fn a_join_after_one_that_was_lost_makes_the_frontend_ask_for_both() {
    let (world, mut ann, mut bob) = with_ann().await;
    let mut carl = world.user("carl").await;
    let room = world.chat().channels().get("room").unwrap();
    lose(&world, "Join", || room.add("bob", "connector-1").unwrap());
    room.add("carl", "connector-1").unwrap();
    push(&world, 1);
    for client in [&mut ann, &mut bob, &mut carl] {
        assert_eq!(soon(client.push(NEWS)).await, json!(1));
    }
}

#[tokio::test]
async fn a_leave_after_a_join_that_was_lost_makes_the_frontend_ask_for_the_membership() {
    let (world, mut ann, bob) = with_ann().await;
    let room = world.chat().channels().get("room").unwrap();
    lose(&world, "Join", || room.add("bob", "connector-1").unwrap());
    assert!(room.leave("ann", "connector-1"));
    push(&world, 1);
    assert_eq!(soon(bob.push(NEWS)).await, json!(1));
    assert_eq!(world.news(&mut ann).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_leave_that_was_lost_delivers_nothing_more_to_who_left() {
    let (world, mut ann, bob) = with_ann().await;
    let room = world.chat().channels().get("room").unwrap();
    room.add("bob", "connector-1").unwrap();
    lose(&world, "Leave", || assert!(room.leave("ann", "connector-1")));
    push(&world, 1);
    assert_eq!(soon(bob.push(NEWS)).await, json!(1));
    assert_eq!(world.news(&mut ann).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_frontend_asks_for_the_membership_each_time_that_it_misses_something() {
    let (world, mut ann, mut bob) = with_ann().await;
    let room = world.chat().channels().get("room").unwrap();
    for number in [1, 3, 5] {
        lose(&world, "Join", || room.add("bob", "connector-1").unwrap());
        push(&world, number);
        assert_eq!(soon(bob.push(NEWS)).await, json!(number));
        lose(&world, "Leave", || assert!(room.leave("bob", "connector-1")));
        push(&world, number + 1);
        assert_eq!(world.news(&mut bob).await, Vec::<Value>::new());
    }
    assert_eq!(world.news(&mut ann).await, (1..=6).map(Value::from).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_confirmed_push_that_waits_for_the_membership_says_who_was_not_reached() {
    let (world, ann, _bob) = with_ann().await;
    let room = world.chat().channels().get("room").unwrap();
    lose(&world, "Join", || room.add("nobody", "connector-1").unwrap());
    let missing = soon(room.push_confirmed(NEWS, &1)).await.unwrap();
    assert_eq!(missing, ["nobody"]);
    assert_eq!(soon(ann.push(NEWS)).await, json!(1));
}

#[tokio::test]
async fn the_end_of_a_channel_that_a_full_link_refused_is_told_later() {
    let (world, _ann, _bob) = with_ann().await;
    assert_eq!(world.connector().report().channel_copies, 1);
    world.transport.set("chat-1", "connector-1", "Drop", Fault::Full);
    assert!(world.chat().channels().destroy("room"));
    assert_eq!((world.transport.met(), world.connector().report().channel_copies), (1, 1));
    world.transport.heal();
    until(|| world.connector().report().channel_copies == 0).await;
}

#[tokio::test]
async fn copies_of_channels_that_ended_while_the_link_was_down_are_dropped_and_the_others_stay() {
    let (world, ann, _bob) = with_ann().await;
    let channels = world.chat().channels();
    channels.create("other").add("ann", "connector-1").unwrap();
    assert_eq!(world.connector().report().channel_copies, 2);
    world.transport.memory.cut("chat-1", "connector-1");
    assert!(channels.destroy("other"));
    world.transport.memory.mend("chat-1", "connector-1");
    until(|| world.connector().report().channel_copies == 1).await;
    push(&world, 1);
    assert_eq!(soon(ann.push(NEWS)).await, json!(1));
}

#[tokio::test]
async fn a_channel_without_members_leaves_nothing_at_the_frontend() {
    let (world, ann, bob) = with_ann().await;
    let room = world.chat().channels().get("room").unwrap();
    room.add("bob", "connector-1").unwrap();
    room.add("nobody", "connector-1").unwrap();
    for uid in ["ann", "bob", "nobody"] {
        assert!(room.leave(uid, "connector-1"));
    }
    ann.close().await;
    bob.close().await;
    until(|| world.connector().report().sessions == 0).await;
    until(|| world.connector().report().users == 0).await;
    assert_eq!(world.connector().report().channel_copies, 0);
    assert_eq!(world.chat().counters().dropped(Dropped::Unreachable), 0);
}
