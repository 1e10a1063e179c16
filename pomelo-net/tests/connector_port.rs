//! One port for raw tcp and websocket, and what strangers may do on it.

mod connector_support;

use connector_support::client::{SHAKE, request};
use connector_support::{Client, Server, millis, soon, until};
use pomelo_core::metrics::Dropped;
use pomelo_core::value::config::Config;
use pomelo_net::connector::Hybrid;
use pomelo_net::protocol::package::{Package, PackageKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const UPGRADE: &str = "GET /x HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

async fn drip(stream: &mut TcpStream, bytes: &[u8]) {
    stream.set_nodelay(true).unwrap();
    for byte in bytes {
        soon(stream.write_all(&[*byte])).await.unwrap();
        tokio::task::yield_now().await;
    }
}

/// All that comes until the end, whether that is a close or a reset.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    while let Ok(1..) = soon(stream.read_buf(&mut all)).await {}
    all
}

#[tokio::test]
async fn one_port_takes_tcp_and_websocket() {
    let server = Server::start(Hybrid::new()).await;
    for mut client in Client::both(server.address).await {
        client.shake().await;
        assert_eq!(client.ask(7, "echo", r#"{"a":1}"#).await, r#"{"a":1}"#);
    }
    until(|| server.sessions() == 0).await;
}

#[tokio::test]
async fn bytes_may_come_one_by_one() {
    let server = Server::start(Hybrid::new()).await;
    let mut tcp = TcpStream::connect(server.address).await.unwrap();
    drip(&mut tcp, &Package::encode(PackageKind::Handshake, SHAKE.as_bytes()).unwrap()).await;
    let mut head = [0; 4];
    soon(tcp.read_exact(&mut head)).await.unwrap();
    assert_eq!(head[0], 1);

    let mut web = TcpStream::connect(server.address).await.unwrap();
    drip(&mut web, UPGRADE.as_bytes()).await;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        assert_ne!(soon(web.read_buf(&mut answer)).await.unwrap(), 0);
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(!answer.contains("deflate"), "{answer}");
    // A masked heartbeat, before the handshake: it is ignored.
    drip(&mut web, b"\x82\x84\0\0\0\0\x03\0\0\0").await;
    drip(&mut web, b"\x88\x82\0\0\0\0\x03\xe8").await;
    assert_eq!(rest(&mut web).await, b"\x88\x02\x03\xe8");
}

#[tokio::test]
async fn everything_in_one_write_is_understood() {
    let server = Server::start(Hybrid::new()).await;
    let shake = Package::encode(PackageKind::Handshake, SHAKE.as_bytes()).unwrap();
    let ack = Package::encode(PackageKind::HandshakeAck, b"").unwrap();
    let all = [shake, ack, request(1, "echo", "{}"), request(2, "echo", "{}")];
    for mut client in Client::both(server.address).await {
        client.raw(all.concat()).await;
        assert_eq!(client.package().await.unwrap().kind, PackageKind::Handshake);
        assert_eq!((client.message().await.id, client.message().await.id), (1, 2));
    }
}

#[tokio::test]
async fn text_frames_are_taken_like_binary_ones() {
    let server = Server::start(Hybrid::new()).await;
    let mut client = Client::websocket(server.address).await;
    client.shake().await;
    let request = request(3, "echo", "{}");
    let text = String::from_utf8(request.to_vec()).unwrap();
    client.wire().queue_text(&text);
    client.wire().flush().await.unwrap();
    assert_eq!(client.message().await.id, 3);
}

#[tokio::test]
async fn a_get_without_upgrade_is_answered_and_closed() {
    let server = Server::start(Hybrid::new()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /favicon.ico HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let answer = String::from_utf8(rest(&mut stream).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    assert_eq!(server.dropped(Dropped::BadInput), 0);
}

#[tokio::test]
async fn garbage_is_closed_and_counted() {
    let server = Server::start(Hybrid::new()).await;
    for garbage in [&b"\x16\x03\x01\x02\x00\x01\x00"[..], &[0; 100_000], b"SSH-2.0-x\r\n", b"\x05\0\0\0"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let _ = stream.write_all(garbage).await;
        assert_eq!(rest(&mut stream).await, b"");
    }
    until(|| server.dropped(Dropped::BadInput) == 4).await;
    let mut client = Client::tcp(server.address).await;
    client.shake().await;
}

#[tokio::test]
async fn who_says_nothing_is_closed_at_the_handshake_deadline() {
    let server = Server::start(Hybrid::new().handshake_deadline(millis(300))).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(rest(&mut silent).await, b"");
    let mut half = TcpStream::connect(server.address).await.unwrap();
    half.write_all(&UPGRADE.as_bytes()[..20]).await.unwrap();
    assert_eq!(rest(&mut half).await, b"");
    for websocket in [false, true] {
        let mut client = Client::of_kind(websocket, server.address).await;
        client.greet(SHAKE).await;
        // No ack.
        client.end().await;
    }
    let mut client = Client::tcp(server.address).await;
    client.shake().await;
    tokio::time::sleep(millis(500)).await;
    client.ask(1, "echo", "{}").await;
}

#[tokio::test]
async fn a_package_above_the_limit_is_a_kick_and_a_close() {
    let server = Server::start(Hybrid::new().max_package(1000)).await;
    for mut client in Client::both(server.address).await {
        client.shake().await;
        assert_eq!(client.ask(1, "echo", &"x".repeat(900)).await.len(), 900);
        client.send(PackageKind::Data, &[0; 1001]).await;
        let reason = client.kicked().await;
        assert!(reason.contains("1001") || reason.contains("limit"), "{reason}");
    }
    until(|| server.sessions() == 0).await;
    assert_eq!(server.dropped(Dropped::BadInput), 2);
}

#[tokio::test]
async fn a_stranger_may_send_less() {
    let server = Server::start(Hybrid::new()).await;
    let mut client = Client::tcp(server.address).await;
    client.raw(&b"\x01\x01\0\x01"[..]).await;
    client.end().await;
    let mut client = Client::tcp(server.address).await;
    client.shake().await;
    let long = "x".repeat(1_000_000);
    assert_eq!(client.ask(1, "echo", &long).await, long);
}

#[tokio::test]
async fn over_the_limit_of_connections_they_are_closed_as_they_come() {
    let server = Server::start(Hybrid::new().max_connections(2)).await;
    let mut first = Client::tcp(server.address).await;
    first.shake().await;
    let mut second = Client::websocket(server.address).await;
    second.shake().await;
    let mut third = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(rest(&mut third).await, b"");
    assert_eq!(server.dropped(Dropped::TooManyConnections), 1);

    drop(first);
    until(|| server.sessions() == 1).await;
    soon(async {
        // The place is free once the server has seen the end.
        loop {
            let mut next = Client::tcp(server.address).await;
            next.raw(Package::encode(PackageKind::Handshake, SHAKE.as_bytes()).unwrap()).await;
            if next.package().await.is_some() {
                return;
            }
        }
    })
    .await;
    second.ask(1, "echo", "{}").await;
}

#[tokio::test]
async fn over_the_limit_of_an_address_connections_are_closed_as_they_come() {
    let server = Server::start(Hybrid::new().max_connections_per_address(2)).await;
    let from = |host: u8| async move {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, host], 0).into()).unwrap();
        soon(socket.connect(server.address)).await.unwrap()
    };
    let (first, _second) = (from(2).await, from(2).await);
    assert_eq!(rest(&mut from(2).await).await, b"");
    assert_eq!(server.dropped(Dropped::TooManyFromAddress), 1);
    let mut other = Client::tcp(server.address).await;
    other.shake().await;

    drop(first);
    // The place is free once the server has seen the end.
    soon(async {
        let hello = Package::encode(PackageKind::Handshake, SHAKE.as_bytes()).unwrap();
        loop {
            let mut next = from(2).await;
            let mut byte = [0];
            if next.write_all(&hello).await.is_ok() && matches!(next.read(&mut byte).await, Ok(1)) {
                return;
            }
        }
    })
    .await;
    other.ask(1, "echo", "{}").await;
}

#[tokio::test]
async fn a_frontend_may_have_two_connectors() {
    let plain = Hybrid::new();
    let short = Hybrid::new().use_dict().heartbeat(millis(1000));
    let server = Server::start_with(Config::default(), [plain, short]).await;
    let [plain, short] = server.addresses()[..] else { unreachable!() };
    let mut client = Client::tcp(plain).await;
    let answer = client.shake().await;
    assert!(answer["sys"].get("useDict").is_none() && answer["sys"].get("heartbeat").is_none());
    let mut other = Client::websocket(short).await;
    let answer = other.shake().await;
    assert_eq!((&answer["sys"]["useDict"], &answer["sys"]["heartbeat"]), (&true.into(), &1.into()));

    let push = r#"{"route":"connector.entryHandler.echo","body":{}}"#;
    client.request(1, "push", push).await;
    other.request(1, "push", push).await;
    let name = client.message().await.route.unwrap();
    let code = other.message().await.route.unwrap();
    assert!(format!("{name:?}").starts_with("Name") && format!("{code:?}").starts_with("Code"));
}

#[tokio::test]
async fn a_stopped_connector_takes_nobody_and_keeps_who_is_in() {
    let mut server = Server::start(Hybrid::new()).await;
    let mut client = Client::tcp(server.address).await;
    client.shake().await;
    server.stop().await;
    assert!(TcpStream::connect(server.address).await.is_err());
    client.ask(1, "echo", "{}").await;
}
