//! Answers that can't be sent: an error that can takes their place.

use pomelo::error::ErrorKind;
use pomelo::to;
use serde_json::json;

use crate::faulty::Fault;
use crate::support::{soon, until};
use crate::world::{World, endless};

#[tokio::test]
async fn an_answer_that_is_too_long_for_the_link_is_an_error_at_once() {
    let world = World::with(endless).await;
    world.transport().set("chat-1", "connector-1", "Ok(Re", Fault::TooLong);
    let remote = &world.app("connector-1").rpc.chat.chat_remote;
    let error = soon(remote.text(to("chat-1"), 1_000).into_future()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadMessage);
    for part in ["chatRemote.text", "chat-1", "1003 bytes", "max_frame"] {
        assert!(error.message().contains(part), "{error}");
    }
    let ann = world.client().await;
    assert_eq!(soon(ann.request("chat.workHandler.echo", json!(1))).await["code"], 500);
    assert_eq!(world.dropped("chat-1", "unanswered"), 2);
    world.running.stop().await;
}

#[tokio::test]
async fn an_answer_that_finds_a_full_link_is_an_error_as_soon_as_there_is_room() {
    let world = World::with(endless).await;
    world.transport().set("chat-1", "connector-1", "Reply", Fault::Full);
    let remote = &world.app("connector-1").rpc.chat.chat_remote;
    let call = tokio::spawn(remote.echo(to("chat-1"), 1).into_future());
    let ann = world.client().await;
    let request = ann.send("chat.workHandler.echo", json!(2)).await;
    until(|| world.dropped("chat-1", "unanswered") == 2).await;
    // As long as the link is full they wait.
    until(|| world.transport().met() > 3).await;
    assert_eq!(world.pending("connector-1"), 2);
    world.transport().heal();
    let error = soon(call).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert!(error.message().contains("the link from chat-1 was full"), "{error}");
    assert_eq!(soon(ann.response(request)).await["code"], 500);
    assert_eq!((world.log().count("1"), world.log().count("2")), (1, 1));
    world.running.stop().await;
}

#[tokio::test]
async fn a_response_that_no_package_can_hold_is_an_error_to_its_client() {
    let world = World::start().await;
    let ann = world.client().await;
    let answer = ann.request("connector.entryHandler.text", json!(17 << 20)).await;
    assert_eq!(answer["code"], 500);
    assert_eq!(world.dropped("connector-1", "unanswered"), 1);
    assert_eq!(ann.request("connector.entryHandler.ping", json!({})).await, json!({}));
    world.running.stop().await;
}
