//! Tests of connections: states, limits, and what is ignored.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use serde_json::{Value, json};

use super::{
    BodyEncoding, ClientMessage, CloseReason, Connection, Event, IgnoredReason, Settings, State, refusal,
};
use crate::protocol::dictionary::Dictionary;
use crate::protocol::handshake::{Handshake, HandshakeOptions};
use crate::protocol::message::{Message, MessageKind, MessageRoute};
use crate::protocol::outgoing::{self, Framing};
use crate::protocol::package::{Package, PackageError, PackageKind};
use crate::protocol::protobuf::Protos;
use crate::protocol::websocket::{self, Opcode, WebSocketError};

const SHAKE: &[u8] = br#"{"sys":{"type":"t","version":"1"}}"#;
const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A connection and what is on its way to it.
struct Peer {
    connection: Connection,
    input: BytesMut,
}

impl Peer {
    fn new() -> Self {
        Self::with(Some(Duration::from_secs(3)), |_| {})
    }

    fn with(heartbeat: Option<Duration>, change: impl FnOnce(&mut Settings)) -> Self {
        let protos = Protos::parse(&json!({}), &json!({ "a.b.proto": { "optional uInt32 v": 1 } })).unwrap();
        let options = HandshakeOptions {
            dictionary: Some(Arc::new(Dictionary::new(["a.b.c"], ["plain"]).unwrap())),
            protos: Some(Arc::new(protos)),
            heartbeat,
        };
        let mut settings = Settings::new(Handshake::new(options).unwrap());
        change(&mut settings);
        Self { connection: Connection::new(Arc::new(settings)), input: BytesMut::new() }
    }

    fn tcp() -> Self {
        let mut peer = Self::new();
        peer.send(PackageKind::Handshake, SHAKE);
        peer.send(PackageKind::HandshakeAck, b"");
        assert!(matches!(peer.event(), Some(Event::Handshake(_))));
        assert_eq!((peer.event().is_none(), peer.connection.wants_input()), (true, false));
        peer.connection.accept(None).unwrap();
        assert!(matches!(peer.event(), Some(Event::Working)));
        let sent = peer.sent();
        assert_eq!(sent.last().unwrap(), &outgoing::heartbeat(Framing::Tcp));
        peer
    }

    fn websocket() -> Self {
        let mut peer = Self::new();
        peer.input.extend_from_slice(UPGRADE);
        let (shake, ack) = (package(PackageKind::Handshake, SHAKE), package(PackageKind::HandshakeAck, b""));
        peer.message(&[shake, ack].concat());
        assert!(matches!(peer.event(), Some(Event::Handshake(_))));
        peer.connection.accept(None).unwrap();
        assert!(matches!(peer.event(), Some(Event::Working)));
        assert_eq!(peer.sent().len(), 3);
        peer
    }

    fn send(&mut self, kind: PackageKind, body: &[u8]) {
        self.input.extend_from_slice(&package(kind, body));
    }

    /// Sends one websocket message.
    fn message(&mut self, payload: &[u8]) {
        let mut frame = websocket::frame(Opcode::Binary, payload).to_vec();
        frame[1] |= 0x80;
        let head = frame.len() - payload.len();
        frame.splice(head..head, [0; 4]);
        self.input.extend_from_slice(&frame);
    }

    fn event(&mut self) -> Option<Event> {
        self.connection.poll_event(&mut self.input)
    }

    fn data(&mut self, body: &[u8]) -> Option<Event> {
        self.send(PackageKind::Data, body);
        self.event()
    }

    fn sent(&mut self) -> Vec<bytes::Bytes> {
        std::iter::from_fn(|| self.connection.poll_transmit()).collect()
    }

    /// The reason of the close that comes next, and what was sent with it.
    fn closed(&mut self) -> (CloseReason, Vec<bytes::Bytes>) {
        let Some(Event::Closed(reason)) = self.event() else { panic!("not closed") };
        assert_eq!(self.connection.state(), State::Closed);
        assert!(self.event().is_none());
        (reason, self.sent())
    }
}

fn package(kind: PackageKind, body: &[u8]) -> Vec<u8> {
    Package::encode(kind, body).unwrap().to_vec()
}

fn message(event: Option<Event>) -> ClientMessage {
    let Some(Event::Message(message)) = event else { panic!("no message: {event:?}") };
    message
}

fn ignored(event: Option<Event>) -> IgnoredReason {
    let Some(Event::Ignored(reason)) = event else { panic!("not ignored: {event:?}") };
    reason
}

#[test]
fn requests_and_notifies_come_with_their_route_by_name() {
    let mut peer = Peer::tcp();
    let request = message(peer.data(b"\x01\x07\x00\x01{}"));
    assert_eq!((request.id, request.route.as_str(), &request.body[..]), (Some(7), "a.b.c", &b"{}"[..]));
    let request = message(peer.data(b"\x00\x00\x03x.yhi"));
    assert_eq!((request.id, request.route.as_str(), &request.body[..]), (None, "x.y", &b"hi"[..]));
    assert_eq!(message(peer.data(b"\x03\x00\x01")).id, None);
    let high = message(peer.data(b"\x00\x80\x80\x80\x80\x08\x03x.y"));
    assert_eq!(high.id, Some(1 << 31));
}

#[test]
fn only_json_is_made_text() {
    let mut peer = Peer::tcp();
    let json = message(peer.data(b"\x02\x03x.y\"\xed\xa0\xbd\xed\xb8\x80\""));
    assert_eq!((json.encoding, &json.body[..]), (BodyEncoding::Json, "\"😀\"".as_bytes()));
    let proto = message(peer.data(b"\x02\x09a.b.proto\x08\xff\x01"));
    assert_eq!((proto.encoding, &proto.body[..]), (BodyEncoding::Protobuf, &b"\x08\xff\x01"[..]));
}

#[test]
fn what_has_no_handler_is_dropped_and_the_connection_stays() {
    let mut peer = Peer::tcp();
    assert_eq!(ignored(peer.data(b"\x01\x01\x00\x09")), IgnoredReason::UnknownRouteCode(9));
    assert_eq!(ignored(peer.data(b"\x00\x01\x00{}")), IgnoredReason::NoRoute);
    assert_eq!(ignored(peer.data(b"\x00\x01\x03abc")), IgnoredReason::RouteWithoutDot("abc".into()));
    assert_eq!(ignored(peer.data(b"\x01\x01\x00\x02")), IgnoredReason::RouteWithoutDot("plain".into()));
    assert_eq!(ignored(peer.data(b"\x04\x01{}")), IgnoredReason::NotForServers(MessageKind::Response));
    assert_eq!(ignored(peer.data(b"\x06\x03x.y")), IgnoredReason::NotForServers(MessageKind::Push));
    peer.send(PackageKind::HandshakeAck, b"");
    assert_eq!(ignored(peer.event()), IgnoredReason::UnexpectedAck);
    // As in pomelo, whatever is in it.
    for body in [SHAKE, b"", b"hello"] {
        peer.send(PackageKind::Handshake, body);
        assert_eq!(ignored(peer.event()), IgnoredReason::SecondHandshake);
    }
    assert!(peer.sent().is_empty());
    message(peer.data(b"\x00\x01\x03x.y"));
}

#[test]
fn what_comes_before_the_ack_is_dropped() {
    let mut peer = Peer::new();
    assert_eq!(ignored(peer.data(b"\x00\x01\x03x.y")), IgnoredReason::BeforeAck);
    peer.send(PackageKind::HandshakeAck, b"");
    assert_eq!(ignored(peer.event()), IgnoredReason::UnexpectedAck);
    peer.send(PackageKind::Handshake, SHAKE);
    assert!(matches!(peer.event(), Some(Event::Handshake(_))));
    peer.connection.accept(None).unwrap();
    peer.send(PackageKind::Heartbeat, b"");
    assert_eq!(ignored(peer.event()), IgnoredReason::BeforeAck);
    assert_eq!(ignored(peer.data(b"\x00\x01\x03x.y")), IgnoredReason::BeforeAck);
    assert_eq!(peer.sent().len(), 1);
    peer.send(PackageKind::HandshakeAck, b"");
    assert!(matches!(peer.event(), Some(Event::Working)));
}

#[test]
fn every_heartbeat_is_answered() {
    let mut peer = Peer::tcp();
    for _ in 0..3 {
        peer.send(PackageKind::Heartbeat, b"");
        assert!(matches!(peer.event(), Some(Event::Heartbeat)));
        assert_eq!(peer.sent(), [outgoing::heartbeat(Framing::Tcp)]);
    }
}

#[test]
fn without_heartbeats_none_is_answered_as_in_pomelo() {
    let mut peer = Peer::with(None, |_| {});
    for (kind, body) in
        [(PackageKind::Handshake, SHAKE), (PackageKind::HandshakeAck, b""), (PackageKind::Heartbeat, b"")]
    {
        peer.send(kind, body);
    }
    assert!(matches!(peer.event(), Some(Event::Handshake(_))));
    peer.connection.accept(None).unwrap();
    assert!(matches!(peer.event(), Some(Event::Working)));
    assert!(matches!(peer.event(), Some(Event::Heartbeat)));
    assert_eq!(peer.sent().len(), 1, "the answer to the handshake, and nothing else");
}

#[test]
fn what_a_websocket_was_asked_for_by_comes_before_its_handshake() {
    let mut peer = Peer::with(None, |settings| settings.upgrade.keeps_request = true);
    peer.input.extend_from_slice(UPGRADE);
    peer.message(&package(PackageKind::Handshake, SHAKE));
    let Some(Event::Upgraded(request)) = peer.event() else { panic!("no upgrade") };
    assert_eq!((request.path.as_str(), request.headers.get("upgrade")), ("/", Some("websocket")));
    assert!(matches!(peer.event(), Some(Event::Handshake(_))));
}

#[test]
fn a_handshake_that_cannot_be_read_gets_500() {
    for body in [&b""[..], b"null", b"[]", b"{}", b"hello"] {
        let mut peer = Peer::new();
        peer.send(PackageKind::Handshake, body);
        let (reason, sent) = peer.closed();
        assert!(matches!(reason, CloseReason::BadHandshake(_)));
        assert_eq!(sent, [refusal(500)]);
    }
}

#[test]
fn the_application_may_refuse() {
    let mut peer = Peer::new();
    peer.input.extend_from_slice(UPGRADE);
    peer.message(&package(PackageKind::Handshake, SHAKE));
    assert!(matches!(peer.event(), Some(Event::Handshake(_))));
    peer.sent();
    peer.connection.refuse(501);
    let (reason, sent) = peer.closed();
    assert!(matches!(reason, CloseReason::Refused { code: 501 }));
    assert_eq!(sent, [outgoing::frame(Framing::WebSocket, refusal(501)), websocket::close(1000)]);
}

#[test]
fn an_answer_too_long_is_a_refusal() {
    let mut peer = Peer::new();
    peer.send(PackageKind::Handshake, SHAKE);
    assert!(matches!(peer.event(), Some(Event::Handshake(_))));
    let user = Value::from("x".repeat(1 << 24));
    assert!(matches!(peer.connection.accept(Some(&user)), Err(PackageError::TooLong { .. })));
    assert_eq!(peer.closed().1, [refusal(500)]);
}

#[test]
fn what_is_broken_is_closed_with_a_kick() {
    let mut cases = vec![
        (package(PackageKind::Data, b""), "broken message: the message is empty"),
        (package(PackageKind::Data, b"\x00\x01\x09a.b"), "broken message: the message ends inside its route"),
        (package(PackageKind::Data, b"\x0e"), "broken message: unknown message type 7"),
    ];
    cases.push((vec![4, 1, 0, 1], "broken package: a package of 65537 bytes exceeds the limit of 65536"));
    for (bytes, text) in cases {
        let mut tcp = Peer::tcp();
        tcp.input.extend_from_slice(&bytes);
        assert_eq!(tcp.closed().1, [outgoing::kick(Framing::Tcp, text).unwrap()]);
        let mut web = Peer::websocket();
        web.message(&bytes);
        let kick = outgoing::kick(Framing::WebSocket, text).unwrap();
        assert_eq!(web.closed().1, [kick, websocket::close(1000)]);
    }
}

#[test]
fn an_unknown_package_or_a_kick_from_the_client_just_closes() {
    for bytes in [&[9, 0, 0, 0][..], &[5, 0, 0, 0]] {
        let mut tcp = Peer::tcp();
        tcp.input.extend_from_slice(bytes);
        assert!(tcp.closed().1.is_empty());
        let mut web = Peer::websocket();
        web.message(bytes);
        assert_eq!(web.closed().1, [websocket::close(1000)]);
    }
    let mut web = Peer::websocket();
    web.message(b"");
    assert!(matches!(web.closed().0, CloseReason::EmptyFrame));
}

#[test]
fn strangers_may_send_less() {
    let mut peer = Peer::new();
    peer.input.extend_from_slice(&[1, 0, 0x40, 1]);
    let (reason, sent) = peer.closed();
    assert!(matches!(reason, CloseReason::Package(PackageError::TooLong { length: 0x4001, .. })));
    assert!(sent.is_empty());
}

#[test]
fn websocket_control_frames_are_answered() {
    let mut peer = Peer::websocket();
    peer.input.extend_from_slice(b"\x89\x82\0\0\0\0hi\x8a\x80\0\0\0\0");
    peer.message(&package(PackageKind::Heartbeat, b"").repeat(2));
    peer.input.extend_from_slice(b"\x88\x82\0\0\0\0\x03\xe9");
    assert!(matches!(peer.event(), Some(Event::Ping)));
    assert_eq!(peer.sent(), [websocket::frame(Opcode::Pong, b"hi")]);
    assert!(matches!(peer.event(), Some(Event::Heartbeat)));
    assert!(matches!(peer.event(), Some(Event::Heartbeat)));
    assert_eq!(
        peer.sent(),
        [outgoing::heartbeat(Framing::WebSocket), outgoing::heartbeat(Framing::WebSocket)]
    );
    let (reason, sent) = peer.closed();
    assert!(matches!(reason, CloseReason::ByClient { code: Some(1001) }));
    assert_eq!(sent, [websocket::close(1001)]);
}

#[test]
fn a_broken_websocket_is_closed_with_the_code_of_the_rfc() {
    let mut peer = Peer::websocket();
    peer.input.extend_from_slice(b"\x82\x04\x03\0\0\0");
    let (reason, sent) = peer.closed();
    assert!(matches!(reason, CloseReason::WebSocket(WebSocketError::NotMasked)));
    assert_eq!(sent, [websocket::close(1002)]);
}

#[test]
fn plain_http_is_answered_and_closed() {
    let mut peer = Peer::new();
    peer.input.extend_from_slice(b"POST /x HTTP/1.1\r\nHost: x\r\n\r\n");
    let (reason, sent) = peer.closed();
    assert!(matches!(reason, CloseReason::Http { status: 405, .. }));
    assert!(sent[0].starts_with(b"HTTP/1.1 405 "));
}

#[test]
fn a_kick_by_the_application_names_its_reason() {
    let mut peer = Peer::websocket();
    peer.connection.kick("attack");
    peer.connection.kick("again");
    peer.send(PackageKind::Heartbeat, b"");
    let (reason, sent) = peer.closed();
    assert!(matches!(reason, CloseReason::Kicked { reason } if reason == "attack"));
    assert_eq!(sent, [outgoing::kick(Framing::WebSocket, "attack").unwrap(), websocket::close(1000)]);
}

#[test]
fn a_message_shares_the_memory_it_was_read_into() {
    let mut peer = Peer::tcp();
    let route = Some(MessageRoute::Name("x.y".into()));
    let body = bytes::Bytes::from(vec![b'z'; 1000]);
    let bytes = Message { kind: MessageKind::Notify, id: 0, route, body, gzip: false }.encode().unwrap();
    peer.send(PackageKind::Data, &bytes);
    let start = peer.input.as_ptr() as usize;
    let body = message(peer.event()).body;
    assert!((start..start + 2000).contains(&(body.as_ptr() as usize)));
}
