//! Dictionaries, handshakes, and a whole conversation.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pomelo_net::protocol::connection::{CloseReason, Connection, Event, Settings};
use pomelo_net::protocol::dictionary::Dictionary;
use pomelo_net::protocol::handshake::{Handshake, HandshakeOptions};
use pomelo_net::protocol::message::RouteRef;
use pomelo_net::protocol::outgoing::{self, Framing};
use pomelo_net::protocol::protobuf::Protos;
use pomelo_net::protocol::websocket;
use serde_json::{Value, json};

use super::{bytes, each};

/// The routes of the chat service's handlers, by server type.
fn handlers(server_types: &[&str]) -> Vec<String> {
    let all = [
        ("gate", "gateHandler.queryEntry"),
        ("connector", "entryHandler.enter"),
        ("chat", "chatHandler.send"),
    ];
    let listed = all.iter().filter(|(kind, _)| server_types.contains(kind));
    listed.map(|(kind, method)| format!("{kind}.{method}")).collect()
}

fn protos() -> Protos {
    let chat = json!({ "required string msg": 1, "required string from": 2, "required string target": 3 });
    Protos::parse(&json!({ "onChat": chat }), &json!({})).unwrap()
}

fn settings(is_gate: bool) -> Arc<Settings> {
    let dictionary = || Arc::new(Dictionary::new(handlers(&["gate", "connector", "chat"]), [""; 0]).unwrap());
    let options = HandshakeOptions {
        heartbeat: (!is_gate).then_some(Duration::from_secs(3)),
        dictionary: (!is_gate).then(dictionary),
        protos: Some(Arc::new(protos())),
    };
    Arc::new(Settings::new(Handshake::new(options).unwrap()))
}

#[test]
fn dictionaries_are_alike() {
    each("dictionary", 7, |name, vector| {
        let types: Vec<&str> =
            vector["server_types"].as_array().unwrap().iter().map(|kind| kind.as_str().unwrap()).collect();
        let user = Dictionary::user_routes(&vector["user_dictionary"]).unwrap();
        let dictionary = Dictionary::new(handlers(&types), user).unwrap();
        assert_eq!(dictionary.version().as_str(), vector["version"].as_str().unwrap(), "{name}");
        for (route, code) in vector["dict"].as_object().unwrap() {
            assert_eq!(dictionary.code(route).map(Value::from).as_ref(), Some(code), "{name}");
        }
        for (code, route) in vector["codeToRoute"].as_object().unwrap() {
            let ours = dictionary.route(code.parse().unwrap()).unwrap();
            assert_eq!(Some(ours.as_str()), route.as_str(), "{name}");
        }
        let (dict, code_to_route) = (&vector["dict"], &vector["codeToRoute"]);
        let dict_version = &vector["version"];
        let options = HandshakeOptions { dictionary: Some(Arc::new(dictionary)), ..Default::default() };
        let answer = Handshake::new(options).unwrap().accept(&Default::default(), None).unwrap();
        let sys = json!({ "dict": dict, "routeToCode": dict, "codeToRoute": code_to_route,
            "dictVersion": dict_version, "useDict": true });
        assert_eq!(answer[4..], *json!({ "code": 200, "sys": sys }).to_string().as_bytes(), "{name}");
    });
}

/// A masked frame, as browsers send it.
fn masked(payload: &[u8]) -> Vec<u8> {
    let mut frame = websocket::frame(websocket::Opcode::Binary, payload).to_vec();
    let head = frame.len() - payload.len();
    frame[1] |= 0x80;
    frame[head..].iter_mut().zip([1, 2, 3, 4].into_iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    frame.splice(head..head, [1, 2, 3, 4]);
    frame
}

struct Peer {
    connection: Connection,
    input: BytesMut,
    framing: Framing,
}

impl Peer {
    fn new(settings: Arc<Settings>, framing: Framing) -> Self {
        let mut peer = Self { connection: Connection::new(settings), input: BytesMut::new(), framing };
        if framing == Framing::WebSocket {
            peer.input.extend_from_slice(
                b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            );
            assert!(peer.connection.poll_event(&mut peer.input).is_none());
            assert!(peer.connection.poll_transmit().unwrap().starts_with(b"HTTP/1.1 101"));
        }
        peer
    }

    /// Sends a package, returns what happened; handshakes are accepted.
    fn send(&mut self, package: &[u8]) -> Option<Event> {
        match self.framing {
            Framing::Tcp => self.input.extend_from_slice(package),
            Framing::WebSocket => self.input.extend_from_slice(&masked(package)),
        }
        let event = self.connection.poll_event(&mut self.input);
        if matches!(event, Some(Event::Handshake(_))) {
            self.connection.accept(None).unwrap();
        }
        event
    }

    fn expect_sent(&mut self, packages: &[u8], name: &str) {
        let sent = self.connection.poll_transmit().unwrap_or_default();
        assert_eq!(sent, outgoing::frame(self.framing, Bytes::copy_from_slice(packages)), "{name}");
    }
}

#[test]
fn handshakes_are_answered_alike() {
    each("handshake", 13, |name, vector| {
        let framing = if vector["transport"] == "tcp" { Framing::Tcp } else { Framing::WebSocket };
        let mut peer = Peer::new(settings(name.starts_with("gate")), framing);
        let event = peer.send(&bytes(&vector["request_hex"]));
        peer.expect_sent(&bytes(&vector["response_hex"]), name);
        let closes = matches!(event, Some(Event::Closed(CloseReason::BadHandshake(_))));
        assert_eq!(closes, vector["server_closes"] == true, "{name}");
        if closes && framing == Framing::WebSocket {
            assert_eq!(peer.connection.poll_transmit(), Some(websocket::close(1000)), "{name}");
        }
        assert_eq!(peer.connection.poll_transmit(), None, "{name}");
    });
}

/// Two clients of the chat service, through our connections: what they send is understood, and what the
/// service sent comes out of our encoders byte for byte.
#[test]
fn a_conversation_is_understood_and_repeated() {
    let settings = settings(false);
    let mut peers = HashMap::new();
    each("transcript", 30, |_, line| {
        let who = line["who"].as_str().unwrap();
        let peer = peers.entry(who).or_insert_with(|| Peer::new(settings.clone(), Framing::WebSocket));
        match line["dir"].as_str() {
            Some("client") => client_line(peer, line),
            Some("server") => server_line(peer, line),
            other => panic!("{other:?}"),
        }
    });
}

/// What a client of the transcript says, in chunks of one size: the events must not depend on it.
#[test]
fn a_conversation_is_understood_in_any_chunks() {
    for (who, framing) in [("vec1", Framing::WebSocket), ("vec2", Framing::WebSocket), ("vec1", Framing::Tcp)]
    {
        let mut said = Vec::new();
        each("transcript", 30, |_, line| {
            if line["who"] == who && line["dir"] == "client" {
                let package = bytes(&line["hex"]);
                said.extend(if framing == Framing::Tcp { package } else { masked(&package) });
            }
        });
        let whole = events(&said, said.len(), framing);
        assert!(whole.len() >= 5, "{whole:?}");
        for size in 1..100 {
            assert_eq!(events(&said, size, framing), whole, "{who} in chunks of {size}");
        }
    }
}

fn events(bytes: &[u8], size: usize, framing: Framing) -> Vec<String> {
    let mut peer = Peer::new(settings(false), framing);
    let mut events = Vec::new();
    for chunk in bytes.chunks(size) {
        peer.input.extend_from_slice(chunk);
        while let Some(event) = peer.connection.poll_event(&mut peer.input) {
            events.push(format!("{event:?}"));
            peer.connection.accept(None).unwrap();
        }
    }
    assert!(peer.input.is_empty());
    events
}

fn client_line(peer: &mut Peer, line: &Value) {
    let event = peer.send(&bytes(&line["hex"])).unwrap();
    let expected = &line["message"];
    match (line["package"].as_str().unwrap(), event) {
        ("handshake", Event::Handshake(_)) | ("ack", Event::Working) | ("heartbeat", Event::Heartbeat) => {}
        ("data", Event::Message(message)) => {
            assert_eq!(message.id, expected["id"].as_u64().filter(|id| *id != 0), "{line}");
            assert_eq!(message.body, bytes(&expected["body_hex"]), "{line}");
            let codes = &settings(false).handshake.options().dictionary.clone().unwrap();
            let code = codes.code(message.route.as_str()).map(Value::from);
            let route =
                if expected["route"].is_number() { code } else { Some(json!(message.route.as_str())) };
            assert_eq!(route.as_ref(), Some(&expected["route"]), "{line}");
            if message.route.as_str().ends_with(".constructor") {
                peer.connection.kick("attack");
            }
        }
        (_, event) => panic!("{event:?} by {line}"),
    }
}

fn server_line(peer: &mut Peer, line: &Value) {
    let expected = bytes(&line["hex"]);
    let message = &line["message"];
    let body = bytes(&message["body_hex"]);
    match message["type"].as_str() {
        Some("response") => {
            let id = message["id"].as_u64().unwrap();
            assert_eq!(outgoing::response(Framing::Tcp, id, &body).unwrap(), expected, "{line}");
        }
        Some("push") => {
            let route = message["route"].as_str().unwrap();
            let push = outgoing::push(Framing::Tcp, RouteRef::Name(route), &rewritten(route, &body)).unwrap();
            assert_eq!(push, expected, "{line}");
        }
        _ if line["closed"].is_number() => {
            let code = line["closed"].as_u64().unwrap() as u16;
            assert_eq!(peer.connection.poll_transmit(), Some(websocket::close(code)));
        }
        _ => peer.expect_sent(&expected, &line.to_string()),
    }
}

/// The body, read by its schema if it has one, and written again.
fn rewritten(route: &str, body: &[u8]) -> Vec<u8> {
    match protos().server().message(route) {
        Some(schema) => schema.encode(&schema.decode::<Value>(body).unwrap()).unwrap().to_vec(),
        None => body.to_vec(),
    }
}
