//! Connections without a task, on virtual time.

use std::time::Duration;

use pomelo_net::client::{
    AskError, CloseReason, ConnectError, Connection, ConnectionError, ConnectionOptions, Event, WireError,
};
use pomelo_net::protocol::package::PackageKind;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::scripted::{Listener, Scripted};

const URL: &str = "tcp://memory:1";

/// A connection and its server, which says this in `sys`.
async fn pair(sys: &str) -> (Connection, Scripted) {
    let mut listener = Listener::new();
    let options = ConnectionOptions::new().dial(listener.dialer()).backlog(2);
    let (connection, server) = tokio::join!(options.connect(URL), listener.shake(sys));
    (connection.unwrap(), server)
}

#[tokio::test(start_paused = true)]
async fn events_that_come_while_a_response_is_waited_for_are_kept_in_their_order() {
    let (mut connection, mut server) = pair("{}").await;
    let serve = async {
        let asked = server.message().await;
        server.push("onOne", "1").await;
        server.push("onTwo", "2").await;
        server.respond(asked.id, r#"{"ok":true}"#).await;
    };
    let (answer, ()) = tokio::join!(connection.ask::<Value>("a.b.c", &()), serve);
    assert!(matches!(answer, Err(AskError::Backlog(2))), "{answer:?}");
    for expected in ["onOne", "onTwo"] {
        let Event::Push { route, .. } = connection.next().await.unwrap() else { panic!() };
        assert_eq!(route.as_str(), expected);
    }
    let Event::Response { id, route, body } = connection.next().await.unwrap() else { panic!() };
    assert_eq!((id, route.as_str(), &body[..]), (1, "a.b.c", &br#"{"ok":true}"#[..]));
}

#[tokio::test(start_paused = true)]
async fn a_response_is_read_as_the_type_that_was_asked_for_or_given_back() {
    let (mut connection, mut server) = pair("{}").await;
    for (body, is_number) in [("7", true), (r#"{"code":500}"#, false)] {
        let serve = async {
            let asked = server.message().await;
            server.push("onOne", "1").await;
            server.respond(asked.id, body).await;
        };
        let (answer, ()) = tokio::join!(connection.ask::<u8>("a.b.c", &()), serve);
        match answer {
            Ok(number) => assert!(is_number && number == 7),
            Err(AskError::Body { body: found, .. }) => assert!(!is_number && found == body),
            Err(other) => panic!("{other}"),
        }
        assert!(matches!(connection.next().await, Ok(Event::Push { .. })));
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_comes_after_its_deadline_is_ignored() {
    let (mut connection, mut server) = pair("{}").await;
    let late = connection.ask::<Value>("a.b.c", &()).await;
    assert!(matches!(late, Err(AskError::Deadline { .. })), "{late:?}");
    let asked = server.message().await;
    server.respond(asked.id, "{}").await;
    assert!(matches!(connection.next().await, Ok(Event::Ignored(_))));
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_is_answered_one_interval_later() {
    let (mut connection, mut server) = pair(r#"{"heartbeat":3}"#).await;
    let serve = async {
        for _ in 0..3 {
            let before = Instant::now();
            server.beat().await;
            assert_eq!(server.read().await.kind, PackageKind::Heartbeat);
            assert!(before.elapsed() >= Duration::from_secs(3));
        }
        drop(server);
    };
    let (end, ()) = tokio::join!(connection.next(), serve);
    assert!(matches!(end, Err(ConnectionError::Wire(WireError::Closed { code: None }))), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_for_two_intervals_is_lost() {
    let (mut connection, _server) = pair(r#"{"heartbeat":3}"#).await;
    let lost = connection.next().await.unwrap_err();
    assert!(matches!(lost, ConnectionError::Ended(CloseReason::Silent { .. })), "{lost}");
    assert!(lost.may_reconnect());
    assert!(matches!(connection.next().await, Err(ConnectionError::Closed)), "and remains so");
}

#[tokio::test(start_paused = true)]
async fn a_server_is_not_silent_whose_packages_nobody_has_read() {
    let (mut connection, mut server) = pair(r#"{"heartbeat":3}"#).await;
    server.push("onOne", "1").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(matches!(connection.next().await, Ok(Event::Push { .. })));
}

#[tokio::test(start_paused = true)]
async fn what_was_queued_is_sent_before_a_close() {
    let (mut connection, mut server) = pair("{}").await;
    connection.notify("a.b.c", &json!({ "last": "words" })).unwrap();
    let (message, ()) = tokio::join!(server.message(), connection.close());
    assert_eq!(message.body, r#"{"last":"words"}"#);
    server.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_its_time_is_given_up() {
    let mut listener = Listener::new();
    let options = ConnectionOptions::new().dial(listener.dialer());
    let (refused, _server) = tokio::join!(options.connect(URL), listener.accept());
    assert!(matches!(refused, Err(ConnectError::Deadline { .. })), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_and_a_kick_are_told_apart() {
    for (kind, body) in
        [(PackageKind::Handshake, r#"{"code":501}"#), (PackageKind::Kick, r#"{"reason":"full"}"#)]
    {
        let mut listener = Listener::new();
        let options = ConnectionOptions::new().dial(listener.dialer());
        let serve = async {
            let mut server = listener.accept().await;
            server.package(kind, body.as_bytes()).await;
            server
        };
        let (refused, _server) = tokio::join!(options.connect(URL), serve);
        let Err(ConnectError::Connection(reason)) = refused else { panic!("{refused:?}") };
        match kind {
            PackageKind::Kick => assert_eq!(reason.kick_reason(), Some("full")),
            _ => assert!(
                matches!(reason, ConnectionError::Ended(CloseReason::Refused { code: 501, .. })),
                "{reason}"
            ),
        }
    }
}
