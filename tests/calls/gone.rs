//! Clients that are gone, and links that break while they ask.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::faulty::Fault;
use crate::support::until;
use crate::world::{World, endless};

#[tokio::test]
async fn clients_that_hang_up_make_room_for_others_at_once_and_nobody_works_for_them() {
    let world = World::with(|app| {
        endless(app);
        app.limits().pending_calls = 20;
    })
    .await;
    let bad = world.client().await;
    bad.send_all(vec![("chat.workHandler.wait", json!({})); 20]).await;
    until(|| world.pending("connector-1") == 20 && world.log().count("a request runs") == 1).await;
    let good = world.client().await;
    let refused = good.request("chat.workHandler.echo", json!(1)).await;
    assert!(refused["message"].as_str().unwrap().contains("pending_calls"), "{refused}");

    bad.close().await;
    // One question is out: chat-1 says when its hooks have run.
    until(|| world.pending("connector-1") <= 1).await;
    assert_eq!(good.request("chat.workHandler.echo", json!(2)).await, json!("chat-1"));
    // The one that runs ends; those that waited never begin.
    until(|| world.dropped("chat-1", "session_closed") == 19).await;
    world.open(20);
    until(|| world.dropped("connector-1", "late_reply") > 0).await;
    assert_eq!(world.log().count("a request runs"), 1);
    world.running.stop().await;
}

#[tokio::test]
async fn a_session_that_is_kicked_is_out_of_the_table_too_and_its_other_requests_are_not_begun() {
    let world = World::with(endless).await;
    let ann = world.user("ann").await;
    ann.send_all(vec![("chat.workHandler.wait", json!({})); 3]).await;
    until(|| world.log().count("a request runs") == 1).await;
    world.app("connector-1").sessions().kick("ann", Some("enough")).await;
    assert_eq!(ann.kicked().await, "enough");
    until(|| world.pending("connector-1") <= 1 && world.dropped("chat-1", "session_closed") == 2).await;
    world.open(1);
    world.running.stop().await;
}

/// What a transport does in its own thread: the queue of the link is closed, and the server is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_link_breaks_while_it_is_sent_is_answered_once() {
    let world = World::with(endless).await;
    let ann = world.client().await;
    let transport = world.transport().clone();
    let breaks = move || {
        let link_events = transport.link_events("connector-1");
        std::thread::spawn(move || link_events.unlinked(&"chat-1".into(), 0));
        // Long enough for the other thread to take the entry out; if it isn't, that is no fault either.
        std::thread::sleep(Duration::from_millis(100));
    };
    world.transport().set("connector-1", "chat-1", "Forward", Fault::Broken(Arc::new(breaks)));
    let id = ann.send("chat.workHandler.echo", json!(1)).await;
    assert_eq!(ann.response(id).await["code"], 500);
    world.transport().heal();
    let next = ann.send("connector.entryHandler.ping", json!({})).await;
    ann.response(next).await;
    assert_eq!(ann.responded(), [id, next]);
    assert_eq!(world.pending("connector-1"), 0);
    world.running.stop().await;
}
