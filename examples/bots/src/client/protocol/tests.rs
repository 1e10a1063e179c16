//! Tests of the bots' half of the protocol.

use super::*;

const NOW: fn() -> Instant = Instant::now;

/// A client that has had its handshake.
fn ready(sys: Value) -> Protocol {
    let mut client = Protocol::new().unwrap();
    client.poll_transmit().unwrap();
    let greeting = json!({ "code": 200, "sys": sys }).to_string();
    let event = client.handle(package(PackageKind::Handshake, greeting.as_bytes()), NOW()).unwrap();
    assert_eq!(event, Some(Event::Ready));
    assert_eq!(client.poll_transmit().unwrap(), &[2, 0, 0, 0][..], "the acknowledgement");
    client
}

fn package(kind: PackageKind, body: &[u8]) -> Package {
    Package { kind, body: Bytes::copy_from_slice(body) }
}

fn sent(client: &mut Protocol) -> Message {
    let mut bytes = client.poll_transmit().expect("a package");
    let package = Package::decode_whole(&mut bytes, 1000).unwrap().unwrap();
    Message::decode(package.body).unwrap()
}

#[test]
fn greets_first() {
    let mut client = Protocol::new().unwrap();
    let mut bytes = client.poll_transmit().unwrap();
    assert_eq!(Package::decode_whole(&mut bytes, 1000).unwrap().unwrap().kind, PackageKind::Handshake);
    assert_eq!(client.poll_transmit(), None);
}

#[test]
fn sends_a_route_by_its_number_if_there_is_one() {
    let mut client = ready(json!({ "dict": { "chat.chatHandler.send": 300 } }));
    assert_eq!(client.request("chat.chatHandler.send", &json!({})).unwrap(), 1);
    assert_eq!(client.request("gate.gateHandler.queryEntry", &json!({ "uid": 1 })).unwrap(), 2);
    assert_eq!(sent(&mut client).route, Some(MessageRoute::Code(300)));
    let second = sent(&mut client);
    assert_eq!(second.route, Some(MessageRoute::Name("gate.gateHandler.queryEntry".into())));
    assert_eq!((second.kind, second.id, &second.body[..]), (MessageKind::Request, 2, &br#"{"uid":1}"#[..]));
}

#[test]
fn knows_a_push_by_number_and_by_name() {
    let mut client = ready(json!({ "dict": { "onChat": 7 } }));
    for body in [&b"\x07\0\x07{}"[..], b"\x06\x06onChat{}"] {
        let event = client.handle(package(PackageKind::Data, body), NOW()).unwrap();
        assert_eq!(event, Some(Event::Push { route: "onChat".into(), body: Bytes::from_static(b"{}") }));
    }
    let refused = client.handle(package(PackageKind::Data, b"\x07\0\x08{}"), NOW());
    assert!(matches!(refused, Err(ClientError::UnknownRoute(8))));
}

#[test]
fn reads_a_push_by_its_schema_and_else_as_json() {
    let chat = json!({ "msg": { "option": "required", "type": "string", "tag": 1 } });
    let client = ready(json!({ "protos": { "server": { "onChat": chat }, "client": {}, "version": "v" } }));
    let by_schema: Value = client.decode("onChat", b"\x0a\x02hi").unwrap();
    assert_eq!(by_schema, json!({ "msg": "hi" }));
    let as_json: Value = client.decode("onAdd", br#"{"user":"ann"}"#).unwrap();
    assert_eq!(as_json, json!({ "user": "ann" }));
}

#[test]
fn answers_a_heartbeat_one_interval_later() {
    let (mut client, now) = (ready(json!({ "heartbeat": 3 })), NOW());
    assert_eq!(client.poll_timeout(), None);
    client.handle(package(PackageKind::Heartbeat, b""), now).unwrap();
    let due = client.poll_timeout().unwrap();
    assert_eq!(due, now + Duration::from_secs(3));
    client.handle_timeout(due - Duration::from_millis(1));
    assert_eq!(client.poll_transmit(), None);
    client.handle_timeout(due);
    assert_eq!((client.poll_transmit(), client.poll_timeout()), (Some(HEARTBEAT), None));
}

#[test]
fn says_why_it_was_refused_or_kicked() {
    let mut client = Protocol::new().unwrap();
    let refused = client.handle(package(PackageKind::Handshake, br#"{"code":501}"#), NOW());
    assert!(matches!(refused, Err(ClientError::Refused(501))));
    let kicked = client.handle(package(PackageKind::Kick, br#"{"reason":"too slow"}"#), NOW());
    assert_eq!(kicked.unwrap_err().to_string(), "kicked: too slow");
}

#[test]
fn a_server_that_breaks_the_protocol_is_an_error_and_no_panic() {
    let mut client = ready(json!({ "heartbeat": -1e300 }));
    for (kind, body) in [
        (PackageKind::Handshake, &b"{}"[..]),
        (PackageKind::HandshakeAck, b""),
        (PackageKind::Data, b""),
        (PackageKind::Data, b"\0\x01\0"),
        (PackageKind::Data, b"\x07\0"),
    ] {
        assert!(client.handle(package(kind, body), NOW()).is_err(), "{kind:?} {body:?}");
    }
}
