//! Connections of clients: what a server sends is read by all layers, and survived.

use std::time::Instant;

use bytes::BytesMut;
use pomelo_fuzz::fuzz;
use pomelo_net::protocol::client::{Connection, Event, Known, Settings, State};
use pomelo_net::protocol::package::{Package, PackageKind};
use serde_json::{Value, json};

const LIMIT: usize = 2000;

/// What servers send: handshakes with and without a dictionary and schemas, and what may come after them.
fn samples() -> Vec<Vec<u8>> {
    let point = json!({ "x": { "option": "required", "type": "sInt32", "tag": 1 }, "__messages": {}, "__tags": { "1": "x" } });
    let moved = json!({ "at": { "option": "repeated", "type": "Point", "tag": 1 }, "__messages": { "Point": point } });
    let sys = json!({
        "heartbeat": 3, "dict": { "a.b.c": 1, "onMove": 2 }, "dictVersion": "d", "useDict": true,
        "protos": { "server": { "onMove": moved, "a.b.c": {} }, "client": {}, "version": "p" }, "useProto": true,
    });
    let package = |kind, body: &[u8]| Package::encode(kind, body).unwrap().to_vec();
    let shake = |reply: Value| package(PackageKind::Handshake, reply.to_string().as_bytes());
    let full = shake(json!({ "code": 200, "sys": sys, "user": { "a": [1, "é"] } }));
    let after = [
        package(PackageKind::Heartbeat, b""),
        package(PackageKind::Data, b"\x04\x01{\"code\":200}"),
        package(PackageKind::Data, b"\x07\0\x02\x0a\x02\x08\x05"),
        package(PackageKind::Data, b"\x06\x06onMove\x0a\x02\x08\x05"),
        package(PackageKind::Data, b"\x06\x05onAdd{\"user\":\"\\ud83d\"}"),
        package(PackageKind::Data, b"\x00\x01\x03a.b"),
        package(PackageKind::HandshakeAck, b""),
        package(PackageKind::Kick, br#"{"reason":"too slow"}"#),
    ];
    let mut samples: Vec<_> = after.map(|package| [full.clone(), package].concat()).into();
    samples.push(shake(json!({ "code": 501 })));
    samples.push(shake(json!({ "code": 200 })));
    samples
}

/// What happened on a connection, and what was sent; bodies are read as far as they can be.
fn run(pieces: &[&[u8]]) -> (Vec<String>, Vec<u8>) {
    let mut settings = Settings::new();
    settings.max_package = LIMIT;
    let (mut client, mut input) = (Connection::new(&settings, Known::default()).unwrap(), BytesMut::new());
    let (mut events, mut now) = (Vec::new(), Instant::now());
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match client.poll_event(&mut input, now) {
                Ok(None) => break,
                Ok(Some(event)) => {
                    events.push(format!("{event:?}, {:?}", read(&client, &event)));
                    if matches!(event, Event::Ready { .. }) {
                        client.request("a.b.c", &json!({ "x": 1 })).unwrap();
                    }
                }
                Err(reason) => events.push(reason.to_string()),
            }
        }
        if client.state() == State::Closed {
            break;
        }
        assert!(input.len() <= LIMIT + 4, "{} bytes wait", input.len());
    }
    for _ in 0..3 {
        now = client.poll_timeout().unwrap_or(now);
        if let Err(reason) = client.handle_timeout(now) {
            events.push(reason.to_string());
        }
    }
    (events, std::iter::from_fn(|| client.poll_transmit()).flatten().collect())
}

fn read(client: &Connection, event: &Event) -> Option<Value> {
    match event {
        Event::Response { route, body, .. } | Event::Push { route, body } => {
            client.decode(route.as_str(), body).ok()
        }
        _ => None,
    }
}

#[test]
fn fuzz_client() {
    fuzz("client", &samples(), |random, input| {
        let pieces = random.pieces(input);
        assert_eq!(run(&[input]), run(&pieces));
    });
}
