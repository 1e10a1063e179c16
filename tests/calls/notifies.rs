//! Notifies: nobody waits for an answer, so what becomes of them is told at once, or counted.

use pomelo::error::ErrorKind;
use pomelo::{ALL, to};
use serde_json::json;

use crate::log::Log;
use crate::support::until;
use crate::world::{Parts, World};

#[tokio::test]
async fn a_notify_to_all_reaches_all_that_can_be_reached_and_names_the_others() {
    let world = World::start().await;
    world.transport().memory.cut("connector-1", "chat-1");
    let error = world.app("connector-1").rpc.chat.chat_remote.tell(ALL).notify().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    for part in ["1 of 3", "chat-1"] {
        assert!(error.message().contains(part), "{error}");
    }
    until(|| world.log().count("told") == 2).await;
    world.transport().memory.mend("connector-1", "chat-1");
    world.app("connector-1").rpc.chat.chat_remote.tell(ALL).notify().unwrap();
    until(|| world.log().count("told") == 5).await;
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notifies_that_a_full_lane_refuses_are_counted_those_of_clients_too() {
    let world = World::with(|app| (app.limits().lanes, app.limits().lane_queue) = (1, 2)).await;
    let remote = &world.app("connector-1").rpc.chat.chat_remote;
    let log = Log::start();
    let shut = world.parts.bolt.shut();
    remote.block(to("chat-1")).notify().unwrap();
    until(|| world.log().count("blocks") == 1).await;
    for _ in 0..10 {
        remote.tell(to("chat-1")).notify().unwrap();
    }
    until(|| world.dropped("chat-1", "lane_full") == 8).await;
    let refused =
        ["WARN", "a call without an answer was refused", "server=chat-1", "from=connector-1", "limit=2"];
    assert!(log.has(&refused), "{:#?}", log.lines());
    let ann = world.client().await;
    ann.notify("chat.workHandler.echo", json!(1));
    until(|| world.dropped("chat-1", "lane_full") == 9).await;
    assert_eq!(ann.request("chat.workHandler.echo", json!(1)).await["code"], 500);
    assert_eq!(world.dropped("chat-1", "lane_full"), 9, "a request is answered");
    drop(shut);
    until(|| world.log().count("told") == 2).await;
    world.running.stop().await;
}

#[tokio::test]
async fn a_notify_that_no_server_can_be_sent_any_more_is_counted() {
    let parts = Parts::new();
    let later = pomelo::router::asynchronous(|_, _| async {
        tokio::task::yield_now().await;
        Ok("chat-1")
    });
    let builder = parts.builder(|_| {}).router("chat", later);
    let mut world = World { running: builder.start().await.unwrap(), parts };
    world.running.crash_server("chat-1").await;
    // Its router takes a while, so that nobody is left to be told.
    world.app("connector-1").rpc.chat.chat_remote.tell(pomelo::key("a")).notify().unwrap();
    until(|| world.dropped("connector-1", "undelivered") == 1).await;
    let ann = world.client().await;
    ann.notify("chat.workHandler.echo", json!(1));
    until(|| world.dropped("connector-1", "undelivered") == 2).await;
    world.running.stop().await;
}
