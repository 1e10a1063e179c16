//! Connections that are kicked or break while they are not read.

use std::net::SocketAddr;
use std::time::Duration;

use pomelo::net::protocol::message::{Message, MessageKind, MessageRoute};
use pomelo::net::protocol::package::{Package, PackageKind};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{narrow, until};
use crate::world::World;

/// A connection after its handshake.
async fn connect(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let hello = json!({ "sys": { "type": "test", "version": "1.0" }, "user": {} }).to_string();
    stream.write_all(&Package::encode(PackageKind::Handshake, hello.as_bytes()).unwrap()).await.unwrap();
    let _ = stream.read(&mut [0; 4096]).await.unwrap();
    stream.write_all(&Package::encode(PackageKind::HandshakeAck, b"").unwrap()).await.unwrap();
    stream
}

fn request(id: u64, route: &str, text: &str) -> bytes::Bytes {
    let route = Some(MessageRoute::Name(route.into()));
    let message =
        Message { kind: MessageKind::Request, id, route, body: json!(text).to_string().into(), gzip: false };
    Package::encode(PackageKind::Data, &message.encode().unwrap()).unwrap()
}

#[tokio::test]
async fn a_connection_that_breaks_while_its_session_is_not_read_closes_at_once() {
    let world = World::with(|app| {
        // A handler that is given up makes room, and then the socket is read.
        let limits = app.limits();
        (limits.queued_requests, limits.request_timeout) = (4, Duration::from_secs(3600));
    })
    .await;
    let mut stream = connect(world.connector.addresses("connector-1")[0]).await;
    // More than the session takes, so that its socket isn't read.
    for id in 1..20 {
        stream.write_all(&request(id, "connector.entryHandler.wait", "a")).await.unwrap();
    }
    until(|| world.log.count("a runs") == 1).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(world.connector().report().sessions, 1);
    // The other side resets the connection.
    stream.set_zero_linger().unwrap();
    drop(stream);
    until(|| world.connector().report().sessions == 0).await;
    assert_eq!(world.log.count("a ended"), 0, "the handler still waits");
}

#[tokio::test]
async fn who_is_kicked_gets_the_reason_and_not_all_that_was_queued() {
    let world = World::start().await;
    let slow = narrow(world.connector.addresses("connector-1")[0]).await;
    slow.request("connector.entryHandler.bind", json!("slow")).await;
    let room = world.chat().channels().create("room");
    room.add("slow", "connector-1").unwrap();
    let text = "x".repeat(16 << 10);
    let waiting = || world.connector().report().outbox_bytes;
    // Until the system takes no more, and then some.
    let mut pushed = 0;
    while waiting() < 400 << 10 {
        room.push("news", &text).unwrap();
        pushed += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    world.connector().sessions().kick("slow", Some("spam")).await;
    assert_eq!(slow.end().await.as_deref(), Some("spam"));
    let got = slow.pushes("news").len();
    assert!(got + 20 < pushed, "{got} of {pushed} came before the kick");
}
