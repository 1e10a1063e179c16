//! One of two servers declares the other gone, which doesn't know.

use serde_json::json;

use crate::support::until;
use crate::world::World;

/// chat-1 gives connector-1 up, and meets it again.
fn give_up_and_meet(world: &World, server: &'static str, gone: &'static str) {
    world.unlink(server, gone);
    world.give_up(server, gone);
    world.link(server, gone);
}

#[tokio::test(start_paused = true)]
async fn a_frontend_that_a_backend_gave_up_closes_the_sessions_that_this_one_dropped_and_no_other() {
    let world = World::start().await;
    let before = world.incarnations();
    let ann = world.member("connector-1", "ann", "chat-1").await;
    let bob = world.user("connector-1", "bob", "chat-1").await;
    let eve = world.member("connector-1", "eve", "chat-2").await;
    let joe = world.member("connector-2", "joe", "chat-1").await;
    give_up_and_meet(&world, "chat-1", "connector-1");
    assert_eq!(ann.end().await, None, "a kick, after which published clients don't come back");
    until(|| world.log.count("chat-1: ann closed") == 1).await;
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    assert_eq!(world.log.count("chat-1: lost ann"), 1);
    assert_eq!(world.log.count("chat-1: ann closed"), 1, "a hook that ran runs again");
    for (name, client) in [("bob", &bob), ("eve", &eve), ("joe", &joe)] {
        assert_eq!(client.request("chat.roomHandler.ping", json!({})).await, json!({}), "{name}");
        assert_eq!(world.log.count(&format!("chat-1: lost {name}")), 0);
    }
    assert_eq!(world.incarnations(), before);
    world.push("chat-1", &json!("news"));
    world.push("chat-2", &json!("news"));
    world.settle().await;
    assert_eq!((joe.pushes("news"), eve.pushes("news")), (vec![json!("news")], vec![json!("news")]));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_a_frontend_gave_up_tells_it_everything_anew_and_nobody_notices() {
    let world = World::start().await;
    let before = world.incarnations();
    let ann = world.member("connector-1", "ann", "chat-1").await;
    assert_eq!(world.app("connector-1").report().channel_copies, 1);
    world.unlink("connector-1", "chat-1");
    world.give_up("connector-1", "chat-1");
    assert_eq!(world.app("connector-1").report().channel_copies, 0);
    world.link("connector-1", "chat-1");
    world.push("chat-1", &json!("news"));
    world.settle().await;
    assert_eq!(ann.pushes("news"), [json!("news")]);
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    assert_eq!(ann.request("chat.roomHandler.ping", json!({})).await, json!({}));
    assert_eq!(world.members("chat-1"), ["ann"]);
    assert_eq!(world.incarnations(), before);
    // The hook is still to run, once.
    ann.hang_up();
    until(|| world.log.count("chat-1: ann closed") == 1).await;
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    assert_eq!(world.log.count("chat-1: ann closed"), 1);
    world.stop().await;
}

/// The backend can't know that the session is closed: the frontend has forgotten whom to tell.
#[tokio::test(start_paused = true)]
async fn hooks_of_a_session_that_closed_while_its_frontend_had_given_the_backend_up_run_once_they_meet() {
    let world = World::start().await;
    let ann = world.member("connector-1", "ann", "chat-1").await;
    world.unlink("connector-1", "chat-1");
    world.give_up("connector-1", "chat-1");
    ann.hang_up();
    world.settle().await;
    assert_eq!(world.log.count("chat-1: ann closed"), 0);
    world.link("connector-1", "chat-1");
    until(|| world.log.count("chat-1: ann closed") == 1).await;
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn channels_destroyed_while_a_frontend_had_given_the_backend_up_are_forgotten_there() {
    let world = World::start().await;
    let ann = world.member("connector-1", "ann", "chat-1").await;
    world.unlink("connector-1", "chat-1");
    world.give_up("connector-1", "chat-1");
    assert!(world.app("chat-1").channels().destroy("room"));
    world.link("connector-1", "chat-1");
    world.push("chat-1", &json!("news"));
    world.settle().await;
    assert_eq!(ann.pushes("news"), Vec::<serde_json::Value>::new());
    assert_eq!(world.app("connector-1").report().channel_copies, 0);
    world.stop().await;
}

/// What is told by the greeting of a link that breaks at once is told by the next one, and settled once.
#[tokio::test(start_paused = true)]
async fn a_link_that_breaks_during_the_settlement_has_it_repeated_and_nothing_is_settled_twice() {
    use crate::faulty::Fault;

    let world = World::start().await;
    let (ann, bob) = (
        world.member("connector-1", "ann", "chat-1").await,
        world.user("connector-1", "bob", "chat-1").await,
    );
    // The answer to the greeting never arrives.
    world.transport.set("connector-1", "chat-1", "Settled", Fault::Lose);
    give_up_and_meet(&world, "chat-1", "connector-1");
    ann.end().await;
    assert_eq!(world.transport.met(), 1);
    let ann = world.member("connector-1", "ann", "chat-1").await;
    for _ in 0..3 {
        // It tells the same again, of which nothing is news: who is back is not lost once more.
        world.unlink("chat-1", "connector-1");
        world.link("chat-1", "connector-1");
        assert_eq!(world.app("connector-1").report().channel_copies, 1, "a copy that is good is dropped");
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    }
    assert_eq!(world.transport.met(), 4, "it is answered each time");
    world.transport.heal();
    world.unlink("chat-1", "connector-1");
    world.link("chat-1", "connector-1");
    assert_eq!(ann.request("chat.roomHandler.ping", json!({})).await, json!({}));
    assert_eq!(bob.request("chat.roomHandler.ping", json!({})).await, json!({}));
    assert_eq!(world.members("chat-1"), ["ann"]);
    assert_eq!(world.log.count("chat-1: ann closed"), 1);
    world.stop().await;
}
