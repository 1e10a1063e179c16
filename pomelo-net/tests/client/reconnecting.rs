//! The handle and its task when connections are lost, on virtual time.

use std::time::Duration;

use futures::FutureExt;
use pomelo_net::client::{Client, ClientError, ClientEvent, Events, Missed, PushError, Reconnect};
use pomelo_net::protocol::package::PackageKind;
use serde_json::{Value, json};

use super::scripted::{Listener, Scripted};

const URL: &str = "tcp://memory:1";

/// A client that is connected, its server, and what happens to its connection.
async fn connected(listener: &mut Listener, sys: &str) -> (Client, Scripted, Events) {
    let client = listener.options().reconnect(Reconnect::new().jitter(0.0)).start(URL).unwrap();
    let mut events = client.events();
    let server = listener.shake(sys).await;
    client.connected().await.unwrap();
    assert!(matches!(next(&mut events).await, ClientEvent::Connected { user: Value::Null }));
    (client, server, events)
}

async fn next(events: &mut Events) -> ClientEvent {
    events.next().await.expect("an event").expect("none is missed")
}

async fn disconnected(events: &mut Events) {
    let event = next(events).await;
    assert!(matches!(event, ClientEvent::Disconnected { .. }), "{event:?}");
}

/// A request that has been sent.
async fn asked<'a>(
    client: &'a Client,
    server: &mut Scripted,
) -> impl Future<Output = Result<Value, ClientError>> + 'a {
    let mut request = Box::pin(client.request::<Value>("a.b.c", &()));
    tokio::select! {
        biased;
        answer = &mut request => panic!("{answer:?}"),
        _ = server.message() => {}
    }
    request
}

#[tokio::test(start_paused = true)]
async fn requests_in_flight_fail_at_once_and_later_ones_until_there_is_a_connection() {
    let mut listener = Listener::new();
    let (client, mut server, mut events) = connected(&mut listener, "{}").await;
    let request = asked(&client, &mut server).await;
    drop(server);
    let lost = request.await;
    assert!(matches!(lost, Err(ClientError::Disconnected { .. })), "{lost:?}");
    disconnected(&mut events).await;
    let early = client.request::<Value>("a.b.c", &()).now_or_never().expect("an answer at once");
    assert!(matches!(early, Err(ClientError::NotConnected)), "{early:?}");
    assert!(matches!(client.notify("a.b.c", &()).await, Err(ClientError::NotConnected)));
    assert!(!client.is_connected());

    assert!(matches!(next(&mut events).await, ClientEvent::Waiting { attempt: 1, .. }));
    let mut server = listener.shake("{}").await;
    assert!(matches!(next(&mut events).await, ClientEvent::Connected { .. }));
    let request = asked(&client, &mut server).await;
    server.respond(1, "[1]").await;
    assert_eq!(request.await.unwrap(), json!([1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_hears_that_there_is_a_connection_can_send_and_whoever_knows_hears_it_no_more() {
    let mut listener = Listener::new();
    for _ in 0..50 {
        let at_once = listener.options().reconnect(Reconnect::new().first(Duration::ZERO));
        let client = at_once.start(URL).unwrap();
        let mut server = listener.shake("{}").await;
        client.connected().await.unwrap();
        let mut events = client.events();
        let request = asked(&client, &mut server).await;
        drop(server);
        assert!(request.await.is_err());
        disconnected(&mut events).await;
        assert!(matches!(next(&mut events).await, ClientEvent::Waiting { .. }));
        let _server = listener.shake("{}").await;
        assert!(matches!(next(&mut events).await, ClientEvent::Connected { .. }));
        assert!(client.is_connected());
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_comes_back_after_waits_that_grow() {
    let mut listener = Listener::new();
    let (client, server, mut events) = connected(&mut listener, "{}").await;
    drop(server);
    disconnected(&mut events).await;
    for expected in [1, 2, 4] {
        let ClientEvent::Waiting { delay, .. } = next(&mut events).await else { panic!() };
        assert_eq!(delay, Duration::from_secs(expected));
        drop(listener.accept().await);
        assert!(matches!(next(&mut events).await, ClientEvent::Failed { .. }));
    }
    assert!(matches!(next(&mut events).await, ClientEvent::Waiting { attempt: 4, .. }));
    let server = listener.shake("{}").await;
    client.connected().await.unwrap();
    assert!(matches!(next(&mut events).await, ClientEvent::Connected { .. }));
    drop(server);
    disconnected(&mut events).await;
    let ClientEvent::Waiting { attempt: 1, delay } = next(&mut events).await else { panic!() };
    assert_eq!(delay, Duration::from_secs(1), "anew");
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_left_and_connected_to_again() {
    let mut listener = Listener::new();
    let (_client, _silent, mut events) = connected(&mut listener, r#"{"heartbeat":1}"#).await;
    let ClientEvent::Disconnected { reason } = next(&mut events).await else { panic!() };
    assert_eq!(reason.to_string(), "nothing came from the server for 2s");
    let _server = listener.shake("{}").await;
    assert!(matches!(next(&mut events).await, ClientEvent::Waiting { .. }));
    assert!(matches!(next(&mut events).await, ClientEvent::Connected { .. }));
}

#[tokio::test(start_paused = true)]
async fn after_a_kick_a_client_does_not_come_back() {
    let mut listener = Listener::new();
    let (client, mut server, mut events) = connected(&mut listener, "{}").await;
    let mut pushes = client.pushes();
    server.package(PackageKind::Kick, br#"{"reason":"twice"}"#).await;
    let ClientEvent::Kicked { reason } = next(&mut events).await else { panic!() };
    assert_eq!(reason, "twice");
    disconnected(&mut events).await;
    assert!(events.next().await.is_none() && pushes.next().await.is_none());
    let ClientError::Disconnected { reason } = client.connected().await.unwrap_err() else { panic!() };
    assert_eq!(reason.kick_reason(), Some("twice"));
    assert!(client.request::<Value>("a.b.c", &()).await.is_err());
    assert!(client.pushes().next().await.is_none(), "a stream that is opened later ends, too");
    client.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_gives_up_after_as_many_attempts_as_it_may_make() {
    let mut listener = Listener::new();
    let never = listener.options().reconnect(Reconnect::never());
    let (client, server) = tokio::join!(never.connect(URL), listener.shake("{}"));
    drop(server);
    let mut events = client.as_ref().unwrap().events();
    while events.next().await.is_some() {}
    let over = client.unwrap().connected().await.unwrap_err();
    assert!(matches!(over, ClientError::Disconnected { .. }), "{over}");

    let twice = listener.options().reconnect(Reconnect::new().attempts(2));
    let (client, server) = tokio::join!(twice.connect(URL), listener.shake("{}"));
    listener.shut();
    drop(server);
    let mut events = client.as_ref().unwrap().events();
    while events.next().await.is_some() {}
    let over = client.unwrap().connected().await.unwrap_err();
    assert!(matches!(over, ClientError::Connect(_)), "{over}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_closed_while_it_waits_is_over_at_once() {
    let mut listener = Listener::new();
    let (client, server, mut events) = connected(&mut listener, "{}").await;
    drop(server);
    disconnected(&mut events).await;
    client.close().await;
    assert!(matches!(client.connected().await, Err(ClientError::Closed)));
    assert!(matches!(next(&mut events).await, ClientEvent::Waiting { .. }));
    assert!(events.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_that_is_dropped_closes() {
    let mut listener = Listener::new();
    let (client, server, mut events) = connected(&mut listener, "{}").await;
    let other = client.clone();
    drop(client);
    assert!(other.is_connected());
    drop(other);
    server.end().await;
    disconnected(&mut events).await;
    assert!(events.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_lags_is_told_how_much_it_missed_and_hinders_no_request() {
    let mut listener = Listener::new();
    let client = listener.options().queue(3).start(URL).unwrap();
    let mut server = listener.shake("{}").await;
    client.connected().await.unwrap();
    let (mut all, mut numbers) = (client.pushes(), client.on::<u64>("onNumber"));
    for number in 1..=10 {
        server.push("onNumber", &number.to_string()).await;
        server.push("onOther", "{}").await;
    }
    let request = asked(&client, &mut server).await;
    server.respond(1, "{}").await;
    request.await.unwrap();
    let missed = numbers.next().await.unwrap();
    assert!(matches!(missed, Err(PushError::Missed(Missed(7)))), "{missed:?}");
    for expected in 8..=10 {
        assert_eq!(numbers.next().await.unwrap().unwrap(), expected);
    }
    assert_eq!(all.next().await.unwrap().unwrap_err(), Missed(17));
    let routes = [all.next().await, all.next().await, all.next().await];
    let routes = routes.map(|push| push.unwrap().unwrap().route().to_owned());
    assert_eq!(routes, ["onOther", "onNumber", "onOther"]);
}

#[tokio::test(start_paused = true)]
async fn a_push_that_is_something_else_is_an_error_and_the_next_one_comes() {
    let mut listener = Listener::new();
    let (client, mut server, mut events) = connected(&mut listener, "{}").await;
    let mut numbers = client.on::<u64>("onNumber");
    server.push("onNumber", "nonsense").await;
    server.send(bytes::Bytes::from_static(b"\x04\0\0\x03\x07\0\x09")).await;
    server.push("onNumber", "7").await;
    let Err(PushError::Body { push, .. }) = numbers.next().await.unwrap() else { panic!() };
    assert_eq!((push.route(), &push.body()[..]), ("onNumber", &b"nonsense"[..]));
    assert_eq!(numbers.next().await.unwrap().unwrap(), 7);
    assert!(
        matches!(next(&mut events).await, ClientEvent::Ignored(_)),
        "a route that is no number of the dictionary"
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_response_ends_by_its_deadline_and_makes_room() {
    let mut listener = Listener::new();
    let client = listener.options().max_requests(1).start(URL).unwrap();
    let mut server = listener.shake("{}").await;
    client.connected().await.unwrap();
    let request = asked(&client, &mut server).await;
    let refused = client.request::<Value>("a.b.c", &()).await;
    assert!(matches!(refused, Err(ClientError::TooManyRequests(1))), "{refused:?}");
    let late = request.await;
    assert!(matches!(late, Err(ClientError::Deadline { .. })), "{late:?}");
    let request = asked(&client, &mut server).await;
    server.respond(1, "1").await;
    server.respond(2, "2").await;
    assert_eq!(request.await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_response_with_a_code_is_an_error_that_has_it() {
    let mut listener = Listener::new();
    let (client, mut server, _) = connected(&mut listener, "{}").await;
    let request = asked(&client, &mut server).await;
    server.respond(1, r#"{"code":409,"why":"taken"}"#).await;
    let Err(ClientError::Code { code, response }) = request.await else { panic!() };
    assert_eq!((code, response.decode::<Value>().unwrap()["why"].as_str()), (409, Some("taken")));
}
