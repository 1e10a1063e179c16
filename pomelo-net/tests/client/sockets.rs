//! The three layers against our server, over real sockets.

use std::time::Duration;

use pomelo_core::value::config::Config;
use pomelo_core::value::{Error, Result};
use pomelo_net::client::{
    Client, ClientError, ClientEvent, ClientOptions, ConnectError, Connection, ConnectionError,
    ConnectionOptions, Event, Reconnect, Wire, WireError,
};
use pomelo_net::connector::{Greeting, Hybrid};
use pomelo_net::protocol::package::PackageKind;
use serde_json::{Value, json};

use super::connector_support::{Server, soon, until};

/// The URLs of a server: by tcp and by websocket.
fn urls(server: &Server) -> [String; 2] {
    ["tcp", "ws"].map(|scheme| format!("{scheme}://{}", server.address))
}

/// Handlers with a schema for what `echo` takes and returns, one for a push, and numbers for all routes.
fn full() -> (Config, Hybrid) {
    let echo =
        json!({ "connector.entryHandler.echo": { "optional string name": 1, "optional uInt32 code": 2 } });
    let mut server = echo.clone();
    server["onMove"] = json!({ "required uInt32 x": 1 });
    let config = Config {
        dictionary: Some(json!(["onMove"])),
        server_protos: Some(server),
        client_protos: Some(echo),
        ..Config::default()
    };
    (config, Hybrid::new().heartbeat(Duration::from_secs(60)).use_dict().use_protobuf())
}

async fn full_server() -> Server {
    let (config, hybrid) = full();
    Server::start_with(config, [hybrid]).await
}

async fn next(events: &mut pomelo_net::client::Events) -> ClientEvent {
    soon(events.next()).await.expect("an event").expect("none is missed")
}

#[tokio::test]
async fn a_client_requests_notifies_and_hears_pushes() {
    let server = Server::start(Hybrid::new()).await;
    for url in urls(&server) {
        let client = soon(Client::connect(&url)).await.unwrap();
        let mut pushes = client.on::<Value>("onNews");
        let echoed: Value =
            client.request("connector.entryHandler.echo", &json!({ "a": [1, "é😀"] })).await.unwrap();
        assert_eq!(echoed, json!({ "a": [1, "é😀"] }));
        client
            .notify("connector.entryHandler.push", &json!({ "route": "onNews", "body": [7] }))
            .await
            .unwrap();
        assert_eq!(soon(pushes.next()).await.unwrap().unwrap(), json!([7]));
        let unknown = client.request::<Value>("connector.entryHandler.nothing", &json!({})).await;
        assert!(matches!(unknown, Err(ClientError::Code { code: 500, .. })), "{unknown:?}");
        client.close().await;
        assert!(soon(pushes.next()).await.is_none());
        until(|| server.sessions() == 0).await;
    }
}

#[tokio::test]
async fn many_requests_at_once_each_get_their_own_response() {
    let server = Server::start(Hybrid::new()).await;
    for url in urls(&server) {
        let client = soon(Client::connect(&url)).await.unwrap();
        let requests = (0..500).map(|number| {
            let client = &client;
            async move {
                let body = json!({ "number": number });
                client.request::<Value>("connector.entryHandler.echo", &body).await.unwrap() == body
            }
        });
        assert!(soon(futures::future::join_all(requests)).await.iter().all(|is_own| *is_own));
    }
}

#[tokio::test]
async fn routes_are_numbers_and_bodies_protobuf_where_the_server_says_so() {
    let server = full_server().await;
    for url in urls(&server) {
        let client = soon(Client::connect(&url)).await.unwrap();
        let mut moves = client.on::<Value>("onMove");
        let route = "connector.entryHandler.echo";
        let response = client.response(route, &json!({ "name": "ann" })).await.unwrap();
        assert_eq!(&response.body()[..], b"\x0a\x03ann");
        assert_eq!(response.decode::<Value>().unwrap(), json!({ "name": "ann" }));
        let refused = client.request::<Value>(route, &json!({ "code": 409 })).await;
        assert!(matches!(refused, Err(ClientError::Code { code: 409, .. })), "{refused:?}");
        let unfit = client.request::<Value>(route, &json!({ "name": 7 })).await;
        assert!(matches!(unfit, Err(ClientError::Send(_))), "{unfit:?}");
        client
            .notify("connector.entryHandler.push", &json!({ "route": "onMove", "body": { "x": 300 } }))
            .await
            .unwrap();
        assert_eq!(soon(moves.next()).await.unwrap().unwrap(), json!({ "x": 300 }));
    }
}

#[tokio::test]
async fn a_connection_reads_while_it_is_polled_and_the_next_needs_no_dictionary() {
    let server = full_server().await;
    for url in urls(&server) {
        let mut first = soon(Connection::connect(&url)).await.unwrap();
        let options = ConnectionOptions::new().known(first.known().clone());
        let mut second = soon(options.connect(&url)).await.unwrap();
        for connection in [&mut first, &mut second] {
            let body = json!({ "route": "onMove", "body": { "x": 1 } });
            let asked = connection.request("connector.entryHandler.push", &body).unwrap();
            // The order of a response and of its handler's push is not fixed.
            let (mut is_answered, mut is_moved) = (false, false);
            while !(is_answered && is_moved) {
                match soon(connection.next()).await.unwrap() {
                    Event::Response { id, .. } => is_answered = id == asked,
                    Event::Push { route, body } => {
                        let moved: Value = connection.decode(route.as_str(), &body).unwrap();
                        is_moved = (route.as_str(), &moved["x"]) == ("onMove", &json!(1));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        soon(first.close()).await;
        soon(second.close()).await;
        until(|| server.sessions() == 0).await;
    }
}

#[tokio::test]
async fn a_gate_says_where_to_connect_to() {
    let (gate, frontend) = (Server::start(Hybrid::new()).await, full_server().await);
    for url in urls(&gate) {
        let named = |port: Value| json!({ "code": 200, "host": "127.0.0.1", "port": port });
        let ask = |port| ClientOptions::new().gate("connector.entryHandler.echo", named(port));
        let port = frontend.address.port();
        let client = soon(ask(port.into()).connect(&url)).await.unwrap();
        let response =
            client.response("connector.entryHandler.echo", &json!({ "name": "ann" })).await.unwrap();
        assert_eq!(
            &response.body()[..],
            b"\x0a\x03ann",
            "that is how the frontend writes it, and not the gate"
        );
        until(|| gate.sessions() == 0 && frontend.sessions() == 1).await;
        client.close().await;
        until(|| frontend.sessions() == 0).await;
        let refused = soon(ask(Value::Null).connect(&url)).await.unwrap_err();
        assert!(refused.to_string().contains("names no host and port"), "{refused}");
    }
}

#[tokio::test]
async fn the_handshake_hook_gets_the_user_and_its_answer_comes_back() {
    async fn hook(greeting: Greeting) -> Result<Value> {
        match greeting.user["token"].as_str() {
            Some("t") => Ok(json!([greeting.sys.client_type, greeting.path, greeting.headers.get("cookie")])),
            _ => Err(Error::new(403, "no token")),
        }
    }
    let server = Server::start(Hybrid::new().handshake(hook)).await;
    let expected = [json!(["robot", "", null]), json!(["robot", "/play", "a=b"])];
    for (url, expected) in urls(&server).into_iter().zip(expected) {
        let options = ConnectionOptions::new().client("robot", "1").header("Cookie", "a=b");
        let client = ClientOptions::new().connection(options).user(json!({ "token": "t" }));
        let client = soon(client.connect(&format!("{url}/play"))).await.unwrap();
        assert_eq!(client.connected().await.unwrap(), expected);
        let refused = soon(Client::connect(&url)).await.unwrap_err();
        assert!(refused.to_string().contains("refuses the handshake with code 500"), "{refused}");
    }
}

#[tokio::test]
async fn a_kicked_client_is_told_why_and_stays_away() {
    let server = Server::start(Hybrid::new()).await;
    for url in urls(&server) {
        let client = soon(Client::connect(&url)).await.unwrap();
        let mut events = client.events();
        client.notify("connector.entryHandler.kick", &json!({ "reason": "twice" })).await.unwrap();
        let event = next(&mut events).await;
        assert!(matches!(&event, ClientEvent::Kicked { reason } if reason == "twice"), "{event:?}");
        let event = next(&mut events).await;
        assert!(matches!(event, ClientEvent::Disconnected { .. }), "{event:?}");
        assert!(soon(events.next()).await.is_none());
    }
}

#[tokio::test]
async fn a_client_comes_back_to_a_server_that_restarts() {
    for websocket in [false, true] {
        let mut server = full_server().await;
        let url = &urls(&server)[usize::from(websocket)];
        let soon_again =
            Reconnect::new().first(Duration::from_millis(20)).longest(Duration::from_millis(100));
        let client = soon(ClientOptions::new().reconnect(soon_again).connect(url)).await.unwrap();
        let (mut events, mut moves) = (client.events(), client.on::<Value>("onMove"));
        until(|| server.sessions() == 1).await;
        soon(server.shut_down()).await;
        let ClientEvent::Disconnected { reason } = next(&mut events).await else { panic!("no loss") };
        assert_eq!(reason.is_restart(), websocket, "{reason}");

        let (config, hybrid) = full();
        let again = Server::start_at(server.address.port(), config, hybrid).await;
        while !matches!(next(&mut events).await, ClientEvent::Connected { .. }) {}
        client
            .notify("connector.entryHandler.push", &json!({ "route": "onMove", "body": { "x": 2 } }))
            .await
            .unwrap();
        assert_eq!(soon(moves.next()).await.unwrap().unwrap(), json!({ "x": 2 }));
        assert_eq!(again.sessions(), 1);
    }
}

#[tokio::test]
async fn a_reader_that_never_reads_hinders_nobody() {
    let server = Server::start(Hybrid::new()).await;
    for url in urls(&server) {
        let client = soon(ClientOptions::new().queue(10).connect(&url)).await.unwrap();
        let mut texts = client.on::<String>("onText");
        client.notify("connector.entryHandler.flood", &json!({ "count": 2000, "size": 100 })).await.unwrap();
        // This session's requests are handled one after the other: it comes after all of them.
        client.request::<Value>("connector.entryHandler.echo", &json!({})).await.unwrap();
        let missed = soon(texts.next()).await.unwrap().unwrap_err();
        assert_eq!(missed.to_string(), "1990 were missed, since nobody took them in time");
        assert_eq!(soon(texts.next()).await.unwrap().unwrap().len(), 100);
    }
}

#[tokio::test]
async fn a_wire_sends_what_no_client_would() {
    let server = Server::start(Hybrid::new()).await;
    for url in urls(&server) {
        let mut wire = soon(Wire::connect(&url)).await.unwrap();
        wire.send_package(PackageKind::Handshake, br#"{"sys":{}}"#).await.unwrap();
        assert_eq!(soon(wire.read_package()).await.unwrap().kind, PackageKind::Handshake);
        wire.send_package(PackageKind::HandshakeAck, b"").await.unwrap();
        wire.send_package(PackageKind::Data, b"\x0e").await.unwrap();
        let kick = soon(wire.read_package()).await.unwrap();
        assert_eq!(kick.body, r#"{"reason":"broken message: unknown message type 7"}"#);
        let end = soon(wire.read_package()).await.unwrap_err();
        assert!(matches!(end, WireError::Closed { code: None | Some(1000) }), "{end}");
    }
    let mut connection = soon(Connection::connect(&urls(&server)[1])).await.unwrap();
    connection.send_raw(&b"\x09\0\0\0"[..]);
    let end = soon(connection.next()).await;
    assert!(matches!(end, Err(ConnectionError::Wire(WireError::Closed { .. }))), "{end:?}");
}

#[tokio::test]
async fn where_nobody_listens_or_no_websocket_is_wanted_the_error_says_so() {
    let server = Server::start(Hybrid::new().allowed_origins(["https://game.example.com"])).await;
    let [_, url] = urls(&server);
    let stranger = ConnectionOptions::new().header("Origin", "https://evil.example");
    let refused = soon(stranger.connect(&url)).await;
    assert!(matches!(refused, Err(ConnectError::Upgrade { status: 403, .. })), "{refused:?}");
    let crooked = ConnectionOptions::new().header("no field", "x");
    let refused = soon(crooked.connect(&url)).await;
    assert!(matches!(refused, Err(ConnectError::WebSocket { .. })), "{refused:?}");

    // A port that was just free; whoever has it since speaks no websocket.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = soon(Client::connect(&format!("ws://{free}"))).await.unwrap_err();
    let ClientError::Connect(error) = &refused else { panic!("{refused}") };
    assert!(matches!(&**error, ConnectError::Dial { .. }), "{error}");
    for (url, expected) in [("nowhere", "is no URL"), ("wss://127.0.0.1:1", "TLS needs")] {
        let refused = soon(Client::connect(url)).await.unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
    }
}
