//! Tests of the test kit.

use std::time::Duration;

use pomelo_core::session::Session;
use pomelo_core::value::Result;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::alone::Alone;
use super::*;
use crate::client::ConnectionOptions;
use crate::connector::Hybrid;

/// A handler that needs nothing but its session.
async fn enter(session: &Session, name: &str) -> Result<()> {
    session.set("name", name);
    session.push_all().await?;
    session.bind(name).await
}

fn server() -> pomelo_core::app::Builder<Alone> {
    let heartbeat = Duration::from_secs(3);
    let connector = Hybrid::new().port(3010).heartbeat(heartbeat);
    Alone::builder(connector.handshake(|greeting| async move { Ok(json!({ "hello": greeting.user })) }))
}

#[tokio::test]
async fn a_handler_is_called_as_a_plain_function() {
    let session = session().await;
    enter(&session, "ann").await.unwrap();
    assert_eq!(session.uid().unwrap(), "ann");
    let next = session.at_next_message();
    assert_eq!((next.uid().unwrap().as_str(), next.get::<String>("name").unwrap().as_str()), ("ann", "ann"));
    assert_eq!(enter(&session, "bob").await.unwrap_err().message(), "session has already bind with ann");
}

#[tokio::test]
async fn a_session_without_a_client_keeps_what_it_is_sent() {
    let servers = start(server()).await.unwrap();
    let session = servers.session("connector-1");
    session.bind("ann").await.unwrap();
    let app = servers.app("connector-1");
    let room = app.channels().create("room");
    room.add("ann", "connector-1").unwrap();
    room.push("onChat", &json!({ "msg": "hello" })).unwrap();
    room.push("onChat", &json!({ "msg": "again" })).unwrap();
    assert_eq!(session.push("onChat").await, json!({ "msg": "hello" }));
    assert_eq!(session.push("onChat").await, json!({ "msg": "again" }));
    assert!(session.pushes("onChat").is_empty());
    assert_eq!(session.at(app).await.uid().unwrap(), "ann");

    session.kick(Some("enough")).await.unwrap();
    assert_eq!(session.end().await.as_deref(), Some("enough"));
}

#[tokio::test]
async fn a_session_that_hangs_up_runs_its_hooks() {
    let servers = start(server()).await.unwrap();
    let session = servers.session("connector-1");
    let (sender, closed) = tokio::sync::oneshot::channel();
    session
        .on_closed(|session| async move {
            let _ = sender.send(session.close_reason().map(str::to_owned));
            Ok(())
        })
        .await
        .unwrap();
    session.close().await;
    assert_eq!(closed.await.unwrap().as_deref(), Some("closed by the client"));
    assert!(servers.app("connector-1").sessions().is_empty());
}

#[tokio::test]
async fn a_client_says_who_it_is_and_is_pushed_to() {
    let servers = start(server()).await.unwrap();
    let options = ConnectionOptions::new().user(json!({ "token": "t" }));
    let client = servers.client_with("connector-1", &options).await;
    let app = servers.app("connector-1");
    assert_eq!(client.greeting(), json!({ "hello": { "token": "t" } }));
    app.channels().broadcast("connector", "onNews", &json!({ "n": 1 })).unwrap();
    assert_eq!(client.push("onNews").await, json!({ "n": 1 }));
    let refused = client.request("connector.entryHandler.nothing", json!({})).await;
    assert_eq!(refused["code"], 500);
    client.close().await;
}

#[tokio::test(start_paused = true)]
async fn an_hour_passes_at_once_and_heartbeats_go_on() {
    let servers = start(server()).await.unwrap();
    let client = servers.client("connector-1").await;
    let began = Instant::now();
    sleep(Duration::from_secs(3_600)).await;
    assert!(began.elapsed() >= Duration::from_secs(3_600));
    assert_eq!(servers.app("connector-1").sessions().len(), 1, "heartbeats kept it");

    client.set_lazy(true);
    sleep(Duration::from_secs(60)).await;
    assert!(servers.app("connector-1").sessions().is_empty(), "a client that is stuck is dropped");
}

#[tokio::test]
async fn servers_of_two_tests_listen_at_the_same_port() {
    let (first, second) = (start(server()).await.unwrap(), start(server()).await.unwrap());
    let (ann, bob) = (first.client("connector-1").await, second.client("connector-1").await);
    assert_eq!(first.app("connector-1").sessions().len(), 1);
    drop(first);
    assert_eq!(ann.end().await, None, "its server is gone");
    assert_eq!(bob.request("connector.x.y", json!({})).await["code"], 500);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "a push of onChat did not come within 60s")]
async fn what_does_not_come_is_named() {
    let session = session().await;
    session.push("onChat").await;
}

#[tokio::test]
#[should_panic(expected = "there is no server chat-1, but connector-1")]
async fn a_server_that_there_is_not_is_named() {
    let servers = start(server()).await.unwrap();
    servers.session("chat-1");
}
