//! Tests of the client's end, on an in-memory pair with the server's end and on virtual time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use super::{
    CloseReason, Connection, Event, IgnoredReason, Known, MAX_REQUEST_ID, SendError, Settings, State,
};
use crate::protocol::connection as server;
use crate::protocol::dictionary::Dictionary;
use crate::protocol::handshake::{Handshake, HandshakeOptions, HandshakeRequest};
use crate::protocol::message::{MessageKind, RouteRef};
use crate::protocol::outgoing::{self, Framing};
use crate::protocol::package::{Package, PackageKind};
use crate::protocol::protobuf::Protos;

const INTERVAL: Duration = Duration::from_secs(3);

/// Both ends of a connection, the bytes between them, and a clock that stands still unless it is moved.
struct Pair {
    client: Connection,
    server: server::Connection,
    to_client: BytesMut,
    to_server: BytesMut,
    now: Instant,
    /// What the server saw of the client.
    requested: Vec<server::ClientMessage>,
    handshake: Option<HandshakeRequest>,
    beats: usize,
}

/// What a server of these tests has: a dictionary, schemas of both directions and heartbeats.
fn options() -> HandshakeOptions {
    let server = json!({ "onMove": { "required uInt32 x": 1 }, "area.areaHandler.where": { "optional string name": 1 } });
    let client = json!({ "area.areaHandler.move": { "required uInt32 x": 1 } });
    HandshakeOptions {
        heartbeat: Some(INTERVAL),
        dictionary: Some(Arc::new(Dictionary::new(["area.areaHandler.move"], ["onMove"]).unwrap())),
        protos: Some(Arc::new(Protos::parse(&server, &client).unwrap())),
    }
}

impl Pair {
    fn new(options: HandshakeOptions, settings: &Settings, known: Known) -> Self {
        let server = server::Settings::new(Handshake::new(options).unwrap());
        Self {
            client: Connection::new(settings, known).unwrap(),
            server: server::Connection::new(Arc::new(server)),
            to_client: BytesMut::new(),
            to_server: BytesMut::new(),
            now: Instant::now(),
            requested: Vec::new(),
            handshake: None,
            beats: 0,
        }
    }

    /// A pair whose handshake is done.
    fn open() -> Self {
        let mut pair = Self::new(options(), &Settings::new(), Known::default());
        assert_eq!(pair.settle().unwrap(), [Event::Ready { user: Value::Null }]);
        pair
    }

    /// Carries bytes until both sides are quiet; gives the events of the client.
    fn settle(&mut self) -> Result<Vec<Event>, CloseReason> {
        let mut events = Vec::new();
        loop {
            let before = events.len();
            self.to_server.extend(std::iter::from_fn(|| self.client.poll_transmit()).flatten());
            self.serve();
            while let Some(event) = self.client.poll_event(&mut self.to_client, self.now)? {
                events.push(event);
            }
            if events.len() == before && self.to_server.is_empty() && self.to_client.is_empty() {
                return Ok(events);
            }
        }
    }

    fn serve(&mut self) {
        while let Some(event) = self.server.poll_event(&mut self.to_server) {
            match event {
                server::Event::Handshake(request) => {
                    let user = request.user.get("token").cloned();
                    self.handshake = Some(request);
                    self.server.accept(user.as_ref()).unwrap();
                }
                server::Event::Message(message) => self.requested.push(message),
                server::Event::Heartbeat => self.beats += 1,
                server::Event::Working => {}
                other => panic!("{other:?}"),
            }
            self.send_back();
        }
        self.send_back();
    }

    fn send_back(&mut self) {
        self.to_client.extend(std::iter::from_fn(|| self.server.poll_transmit()).flatten());
    }

    /// Lets the clock go on to the client's next deadline.
    fn wait(&mut self) -> Result<Vec<Event>, CloseReason> {
        self.now = self.client.poll_timeout().expect("a deadline");
        self.client.handle_timeout(self.now)?;
        self.settle()
    }

    fn respond(&mut self, id: u64, body: &[u8]) -> Event {
        self.to_client.extend(outgoing::response(Framing::Tcp, id, body).unwrap());
        self.only_event()
    }

    fn push(&mut self, route: RouteRef<'_>, body: &[u8]) -> Event {
        self.to_client.extend(outgoing::push(Framing::Tcp, route, body).unwrap());
        self.only_event()
    }

    fn only_event(&mut self) -> Event {
        let events = self.settle().unwrap();
        let [event] = &events[..] else { panic!("{events:?}") };
        event.clone()
    }
}

fn push(route: &str, body: &'static [u8]) -> Event {
    Event::Push { route: route.into(), body: Bytes::from_static(body) }
}

fn package(kind: PackageKind, body: &str) -> Package {
    Package { kind, body: Bytes::copy_from_slice(body.as_bytes()) }
}

#[test]
fn a_client_says_what_it_is_and_gets_the_servers_answer() {
    let mut settings = Settings::new();
    (settings.client_type, settings.client_version) = ("test".to_owned(), "7".to_owned());
    settings.user = json!({ "token": "t" });
    let mut pair = Pair::new(options(), &settings, Known::default());
    assert_eq!(pair.client.state(), State::WaitHandshake);
    assert!(matches!(pair.client.request("a.b.c", &json!({})), Err(SendError::NotOpen)));
    assert_eq!(pair.settle().unwrap(), [Event::Ready { user: json!("t") }]);
    let request = pair.handshake.unwrap();
    assert_eq!(
        (request.client_type.as_deref(), request.client_version.as_deref()),
        (Some("test"), Some("7"))
    );
    assert_eq!((request.dict_version, request.proto_version), (None, None));
    assert_eq!((pair.client.state(), pair.server.state()), (State::Working, server::State::Working));
    let agreement = pair.client.agreement();
    assert_eq!((agreement.heartbeat(), agreement.user()), (Some(INTERVAL), &json!("t")));
}

#[test]
fn routes_of_the_dictionary_travel_as_numbers_both_ways() {
    let mut pair = Pair::open();
    pair.client.request("area.areaHandler.move", &json!({ "x": 300 })).unwrap();
    let sent = pair.client.poll_transmit().unwrap();
    assert_eq!(sent, &b"\x04\0\0\x07\x01\x01\0\x01\x08\xac\x02"[..], "number 1, and protobuf");
    pair.to_server.extend(sent);
    assert_eq!(pair.push(RouteRef::Code(2), b"\x08\x07"), push("onMove", b"\x08\x07"));
    assert_eq!(pair.push(RouteRef::Name("onMove"), b"\x08\x07"), push("onMove", b"\x08\x07"));
    assert_eq!(pair.requested[0].route.as_str(), "area.areaHandler.move");
    let unknown = pair.push(RouteRef::Code(9), b"{}");
    assert_eq!(unknown, Event::Ignored(IgnoredReason::UnknownRouteCode(9)));
}

#[test]
fn bodies_with_a_schema_are_protobuf_and_others_are_json() {
    let mut pair = Pair::open();
    let moved = pair.client.request("area.areaHandler.move", &json!({ "x": 1 })).unwrap();
    pair.client.notify("area.areaHandler.say", &json!({ "x": 1 })).unwrap();
    let asked = pair.client.request("area.areaHandler.where", &json!({})).unwrap();
    assert_eq!(pair.settle().unwrap(), []);
    let seen: Vec<_> = pair.requested.iter().map(|message| (message.id, message.encoding)).collect();
    let (json, protobuf) = (server::BodyEncoding::Json, server::BodyEncoding::Protobuf);
    assert_eq!(seen, [(Some(moved), protobuf), (None, json), (Some(asked), json)]);

    let decode = |pair: &Pair, event: Event| -> Value {
        let (Event::Response { route, body, .. } | Event::Push { route, body }) = event else { panic!() };
        pair.client.decode(route.as_str(), &body).unwrap()
    };
    let response = pair.respond(asked, b"\x0a\x03ann");
    assert_eq!(decode(&pair, response), json!({ "name": "ann" }));
    let response = pair.respond(moved, br#"{"ok":1.0}"#);
    assert_eq!(decode(&pair, response), json!({ "ok": 1 }));
    let moved = pair.push(RouteRef::Code(2), b"\x08\x07");
    assert_eq!(decode(&pair, moved), json!({ "x": 7 }));
    let said = pair.push(RouteRef::Name("onSay"), b"\"cut \\ud83d\"");
    assert_eq!(decode(&pair, said), json!("cut \u{fffd}"));
    let empty = pair.push(RouteRef::Name("onSay"), b"");
    assert_eq!(decode(&pair, empty), Value::Null);

    let refused = pair.client.request("area.areaHandler.move", &json!({})).unwrap_err();
    assert!(refused.to_string().contains("required field x is missing"), "{refused}");
    assert!(pair.client.decode::<Value>("onMove", b"\x10\x01").is_err());
    assert!(pair.client.decode::<u8>("onSay", b"-1").is_err());
    assert_eq!(pair.client.decode_borrowed::<&str>("onSay", b"\"hi\"").unwrap(), "hi");
}

#[test]
fn a_second_connection_reuses_what_the_first_was_told() {
    let first = Pair::open();
    let known = first.client.known().clone();
    assert!(known.dictionary_version().is_some() && known.proto_version().is_some());
    let mut second = Pair::new(options(), &Settings::new(), known.clone());
    second.to_server.extend(std::iter::from_fn(|| second.client.poll_transmit()).flatten());
    second.serve();
    let answer = String::from_utf8_lossy(&second.to_client).into_owned();
    assert!(answer.contains("useDict") && !answer.contains("onMove"), "{answer}");
    second.settle().unwrap();
    assert_eq!(second.push(RouteRef::Code(2), b"\x08\x07"), push("onMove", b"\x08\x07"));
    assert_eq!(second.client.decode::<Value>("onMove", b"\x08\x07").unwrap(), json!({ "x": 7 }));
    // A gate that has neither takes nothing away.
    let mut gate = Pair::new(HandshakeOptions::default(), &Settings::new(), known);
    gate.settle().unwrap();
    assert_eq!(gate.client.known().dictionary_version(), second.client.known().dictionary_version());
    assert!(gate.client.decode::<Value>("onMove", b"\x08\x07").is_err(), "there it is not protobuf");
}

#[test]
fn heartbeats_are_answered_one_interval_later_as_long_as_both_are_there() {
    let mut pair = Pair::open();
    for beats in 1..4 {
        let before = pair.now;
        assert_eq!(pair.wait().unwrap(), []);
        assert_eq!((pair.now - before, pair.beats), (INTERVAL, beats));
    }
}

#[test]
fn a_server_that_is_silent_for_two_intervals_is_lost() {
    let mut pair = Pair::open();
    pair.now += INTERVAL;
    pair.client.handle_timeout(pair.now).unwrap();
    assert!(pair.client.poll_transmit().is_some(), "a heartbeat, which gets no answer");
    pair.now += INTERVAL - Duration::from_millis(1);
    pair.client.handle_timeout(pair.now).unwrap();
    assert_eq!(pair.push(RouteRef::Name("onSay"), b"1"), push("onSay", b"1"), "data counts");
    let lost = pair.wait().unwrap_err();
    assert!(matches!(lost, CloseReason::Silent { silence } if silence == 2 * INTERVAL), "{lost}");
    assert_eq!((pair.client.state(), pair.client.poll_timeout()), (State::Closed, None));
}

#[test]
fn a_kick_says_why_and_ends_all() {
    let mut pair = Pair::open();
    pair.client.request("a.b.c", &json!({})).unwrap();
    pair.settle().unwrap();
    pair.server.kick("too slow");
    pair.send_back();
    let kicked = pair.client.poll_event(&mut pair.to_client, pair.now).unwrap_err();
    assert_eq!(kicked.to_string(), "kicked: too slow");
    assert_eq!((pair.client.state(), pair.client.waiting()), (State::Closed, 0));
    assert!(matches!(pair.client.notify("a.b.c", &json!({})), Err(SendError::NotOpen)));
    let late = pair.client.handle(package(PackageKind::Kick, ""), pair.now);
    assert_eq!(late.unwrap(), None);
    for (body, expected) in [("", ""), ("{}", ""), ("nonsense", ""), (r#"{"reason":7}"#, "7")] {
        let mut client = Connection::new(&Settings::new(), Known::default()).unwrap();
        let kicked = client.handle(package(PackageKind::Kick, body), pair.now).unwrap_err();
        assert!(matches!(kicked, CloseReason::Kicked { reason } if reason == expected), "{body}");
    }
}

#[test]
fn a_refusal_has_its_code() {
    for (body, expected) in [
        (r#"{"code":501,"user":{"why":"old"}}"#, 501),
        (r#"{"code":500}"#, 500),
        ("{}", 500),
        (r#"{"code":"200"}"#, 500),
    ] {
        let mut client = Connection::new(&Settings::new(), Known::default()).unwrap();
        let refused = client.handle(package(PackageKind::Handshake, body), Instant::now()).unwrap_err();
        let CloseReason::Refused { code, user } = refused else { panic!("{refused}") };
        assert_eq!((code, user.is_object()), (expected, expected == 501), "{body}");
    }
}

#[test]
fn responses_find_their_requests_in_any_order_and_once() {
    let mut pair = Pair::open();
    let [first, second, third] =
        ["a.b.one", "a.b.two", "a.b.three"].map(|route| pair.client.request(route, &json!({})).unwrap());
    pair.client.forget(third);
    pair.settle().unwrap();
    for (id, route) in [(second, "a.b.two"), (first, "a.b.one")] {
        let expected = Event::Response { id, route: route.into(), body: Bytes::from_static(b"{}") };
        assert_eq!(pair.respond(id, b"{}"), expected);
    }
    for id in [first, third, 77] {
        assert_eq!(pair.respond(id, b"{}"), Event::Ignored(IgnoredReason::UnknownRequest(id)));
    }
    assert_eq!(pair.client.waiting(), 0);
}

#[test]
fn ids_begin_anew_and_skip_those_that_wait() {
    let mut pair = Pair::open();
    assert_eq!(pair.client.request("a.b.c", &json!({})).unwrap(), 1);
    pair.client.last_id = MAX_REQUEST_ID - 1;
    assert_eq!(pair.client.request("a.b.c", &json!({})).unwrap(), MAX_REQUEST_ID);
    assert_eq!(pair.client.request("a.b.c", &json!({})).unwrap(), 2, "1 still waits");
}

#[test]
fn what_only_clients_send_is_ignored() {
    let (mut pair, now) = (Pair::open(), Instant::now());
    let mut ignored = |package| match pair.client.handle(package, now).unwrap() {
        Some(Event::Ignored(reason)) => reason,
        other => panic!("{other:?}"),
    };
    let ack = ignored(package(PackageKind::HandshakeAck, ""));
    assert_eq!(ack, IgnoredReason::Package(PackageKind::HandshakeAck));
    let second = ignored(package(PackageKind::Handshake, r#"{"code":500}"#));
    assert_eq!(second, IgnoredReason::Package(PackageKind::Handshake));
    let request = ignored(package(PackageKind::Data, "\0\x01\x01a"));
    assert_eq!(request, IgnoredReason::NotForClients(MessageKind::Request));
    let mut early = Connection::new(&Settings::new(), Known::default()).unwrap();
    let push = early.handle(package(PackageKind::Data, "\x06\x01a"), now).unwrap();
    assert_eq!(push, Some(Event::Ignored(IgnoredReason::BeforeHandshake)));
}

#[test]
fn a_server_that_breaks_the_protocol_ends_the_connection() {
    let handshakes = ["", "[]", "nonsense", r#"{"code":200,"sys":{"dict":{"a":70000}}}"#]
        .into_iter()
        .chain([r#"{"code":200,"sys":{"protos":{"server":{"onChat":7}}}}"#])
        .map(|body| (false, package(PackageKind::Handshake, body)));
    let messages = ["", "\x07\0", "\x0e", "\x04"].map(|body| (true, package(PackageKind::Data, body)));
    for (open, package) in handshakes.chain(messages) {
        let mut client = match open {
            true => Pair::open().client,
            false => Connection::new(&Settings::new(), Known::default()).unwrap(),
        };
        let broken = client.handle(package.clone(), Instant::now());
        assert!(broken.is_err(), "{package:?}: {broken:?}");
        assert_eq!(client.state(), State::Closed);
    }
    let mut settings = Settings::new();
    settings.max_package = 100;
    for bytes in [&[9, 0, 0, 0][..], &[1, 0, 0, 101]] {
        let mut client = Connection::new(&settings, Known::default()).unwrap();
        let broken = client.poll_event(&mut BytesMut::from(bytes), Instant::now());
        assert!(matches!(broken, Err(CloseReason::Package(_))));
    }
}

#[test]
fn an_interval_that_makes_no_sense_is_none() {
    for interval in ["0", "-1e300", "1e300", "null"] {
        let mut client = Connection::new(&Settings::new(), Known::default()).unwrap();
        let reply = format!(r#"{{"code":200,"sys":{{"heartbeat":{interval}}}}}"#);
        client.handle(package(PackageKind::Handshake, &reply), Instant::now()).unwrap();
        client.handle(package(PackageKind::Heartbeat, ""), Instant::now()).unwrap();
        assert_eq!(client.poll_timeout(), None, "{interval}");
    }
}

#[test]
fn a_server_without_sys_is_served_in_json() {
    let mut client = Connection::new(&Settings::new(), Known::default()).unwrap();
    let ready = client.handle(package(PackageKind::Handshake, r#"{"code":200}"#), Instant::now()).unwrap();
    assert_eq!(ready, Some(Event::Ready { user: Value::Null }));
    let body: HashMap<String, u8> = client.decode("onChat", b"{}").unwrap();
    assert!(body.is_empty());
}
