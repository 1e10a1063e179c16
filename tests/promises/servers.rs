//! Servers that stop, and that come back.

use std::future::IntoFuture;
use std::time::Duration;

use pomelo::error::ErrorKind;
use pomelo::to;
use serde_json::json;

use crate::faulty::Fault;
use crate::support::{soon, until};
use crate::world::World;

#[tokio::test]
async fn a_server_that_stops_answers_what_was_sent_before_its_peers_heard_of_it() {
    let World { connector, chat, transport, gate, .. } = World::start().await;
    gate.0.add_permits(1);
    // The call is on its way when chat says that it stops.
    transport.set("connector-1", "chat-1", "", Fault::Hold);
    let remote = &connector.app("connector-1").unwrap().rpc.chat.chat_remote;
    let call = tokio::spawn(remote.echo(to("chat-1"), 7).into_future());
    until(|| transport.met() == 1).await;
    let app = connector.app("connector-1").unwrap();
    let late = async {
        until(|| app.servers("chat").is_empty()).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        transport.heal();
        assert_eq!(soon(call).await.unwrap().unwrap(), 7);
    };
    soon(async { tokio::join!(chat.stop(), late) }).await;
}

/// A server that changes twice at once: others must end up with the later change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_says_of_itself_is_told_in_the_order_of_its_changes() {
    let World { chat, transport, log, .. } = World::start().await;
    let told = log.clone();
    transport.on_announce(move |member| {
        if member.leaving {
            return told.note("leaving");
        }
        told.note("reload");
        // As long as another change might overtake this one.
        let began = std::time::Instant::now();
        while told.count("leaving") == 0 && began.elapsed() < Duration::from_millis(300) {
            std::thread::sleep(Duration::from_millis(1));
        }
        told.note("reloaded");
    });
    let app = chat.app("chat-1").unwrap().clone();
    let reloading = std::thread::spawn(move || app.reload(|_, _| {}));
    until(|| log.count("reload") == 1).await;
    soon(chat.stop()).await;
    reloading.join().unwrap().unwrap();
    let told: Vec<_> = log.all().into_iter().filter(|seen| !seen.contains(':')).collect();
    assert_eq!(told, ["reload", "reloaded", "leaving"]);
}

#[tokio::test]
async fn a_server_that_is_back_in_another_life_ends_what_was_of_the_one_before() {
    let world = World::start().await;
    let ann = world.user("ann").await;
    assert_eq!(ann.request("chat.roomHandler.join", json!({})).await, json!({}));
    let remote = &world.connector().rpc.chat.chat_remote;
    let call = tokio::spawn(remote.wait(to("chat-1")).into_future());
    until(|| world.log.count("call runs") == 1).await;
    assert_eq!(world.connector().report().channel_copies, 1);
    // Nobody hears the end of the first one: it is there again before.
    let again = world.chat_again().await;
    let error = soon(call).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(world.connector().report().channel_copies, 0);
    assert_eq!(world.log.count("connector-1: removed"), 1);
    let answer =
        soon(again.app("chat-1").unwrap().rpc.chat.chat_remote.echo(to("chat-1"), 3).into_future()).await;
    assert_eq!(answer.unwrap(), 3);
    assert_eq!(soon(remote.echo(to("chat-1"), 4).into_future()).await.unwrap(), 4);
}

#[tokio::test]
async fn a_frontend_that_is_back_in_another_life_has_none_of_the_members_of_the_one_before() {
    let world = World::start().await;
    let ann = world.user("ann").await;
    assert_eq!(ann.request("chat.roomHandler.join", json!({})).await, json!({}));
    assert_eq!(ann.request("chat.roomHandler.watch", json!({})).await, json!({}));
    let again = world.frontend("connector-1").await;
    until(|| world.log.count("chat-1: lost ann") == 1 && world.log.count("hook") == 1).await;
    assert!(world.chat().channels().get("room").unwrap().is_empty());
    again.stop().await;
}
