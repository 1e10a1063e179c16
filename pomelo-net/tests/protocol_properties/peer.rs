//! A connection that is fed bytes in any chunks, and what it says and sends.

use std::sync::Arc;

use bytes::BytesMut;
use pomelo_net::protocol::connection::{Connection, Event, Settings};
use pomelo_net::protocol::dictionary::Dictionary;
use pomelo_net::protocol::handshake::{Handshake, HandshakeOptions};
use pomelo_net::protocol::outgoing::Framing;
use pomelo_net::protocol::package::{Package, PackageKind};
use pomelo_net::protocol::protobuf::Protos;
use pomelo_net::protocol::websocket::{self, Opcode};
use proptest::prelude::*;
use serde_json::json;

pub(crate) const LIMIT: usize = 500;
const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

pub(crate) fn settings() -> Arc<Settings> {
    let protos = Protos::parse(&json!({}), &json!({ "a.b.p": { "optional uInt32 v": 1 } })).unwrap();
    let options = HandshakeOptions {
        dictionary: Some(Arc::new(Dictionary::new(["a.b.c", "a.b.p"], ["onChat"]).unwrap())),
        protos: Some(Arc::new(protos)),
        ..Default::default()
    };
    let mut settings = Settings::new(Handshake::new(options).unwrap());
    (settings.max_package, settings.max_first_package) = (LIMIT, LIMIT);
    Arc::new(settings)
}

/// What a run looked like: its events and all the bytes that were sent.
#[derive(Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) events: Vec<String>,
    pub(crate) sent: Vec<u8>,
}

/// Feeds `bytes` in chunks of these sizes, over and over; handshakes are accepted.
///
/// # Panics
/// If the connection keeps more than its limit waiting, or goes on after it closed.
pub(crate) fn run(bytes: &[u8], chunks: &[usize]) -> Run {
    let mut connection = Connection::new(settings());
    let mut run = Run { events: Vec::new(), sent: Vec::new() };
    let (mut input, mut rest) = (BytesMut::new(), bytes);
    for size in chunks.iter().copied().cycle() {
        let (chunk, later) = rest.split_at(size.clamp(1, rest.len().max(1)).min(rest.len()));
        input.extend_from_slice(chunk);
        rest = later;
        while let Some(event) = connection.poll_event(&mut input) {
            run.events.push(format!("{event:?}"));
            match event {
                Event::Handshake(_) => connection.accept(None).unwrap(),
                Event::Closed(_) => assert!(!connection.wants_input()),
                _ => {}
            }
            run.sent.extend(std::iter::from_fn(|| connection.poll_transmit()).flatten());
        }
        run.sent.extend(std::iter::from_fn(|| connection.poll_transmit()).flatten());
        if rest.is_empty() || !connection.wants_input() {
            return run;
        }
        let most = if connection.framing().is_none() { websocket::MAX_HEAD } else { LIMIT + 100 };
        assert!(input.len() <= most, "{} bytes wait", input.len());
    }
    run
}

/// One frame of a client.
pub(crate) fn client_frame(first: u8, mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut frame = websocket::frame(Opcode::Binary, payload).to_vec();
    let head = frame.len() - payload.len();
    (frame[0], frame[1]) = (first, frame[1] | 0x80);
    frame[head..].iter_mut().zip(mask.into_iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    frame.splice(head..head, mask);
    frame
}

/// One message of a client, in frames of the given sizes, with a ping before each continuation.
pub(crate) fn client_message(mask: [u8; 4], payload: &[u8], cuts: &[usize]) -> Vec<u8> {
    let (mut bytes, mut rest, mut opcode) = (Vec::new(), payload, 2);
    for cut in cuts {
        let (part, later) = rest.split_at((*cut).min(rest.len()));
        bytes.extend(client_frame(opcode, mask, part));
        bytes.extend(client_frame(0x89, mask, b"ping"));
        (rest, opcode) = (later, 0);
    }
    bytes.extend(client_frame(0x80 | opcode, mask, rest));
    bytes
}

/// Packages of a client, mostly well-formed, beginning with a handshake and an ack.
pub(crate) fn packages() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let shake = r#"{"sys":{"type":"t","version":"1"},"user":{"a":[1,"é"]}}"#;
    let start = [(PackageKind::Handshake, shake), (PackageKind::HandshakeAck, "")]
        .map(|(kind, body)| Package::encode(kind, body.as_bytes()).unwrap().to_vec());
    prop::collection::vec(package(), 0..12).prop_map(move |more| start.iter().cloned().chain(more).collect())
}

fn package() -> impl Strategy<Value = Vec<u8>> {
    let message = prop_oneof![
        Just(&b"\x01\x05\x00\x01{\"a\":1}"[..]),
        Just(&b"\x00\xff\xff\xff\xff\x0f\x05a.b.c{}"[..]),
        Just(&b"\x03\x00\x02\x08\x01"[..]),
        Just(&b"\x02\x03x.y\"\xed\xa0\xbd\xed\xb8\x80\""[..]),
        Just(&b"\x02\x03xyz"[..]),
    ];
    let kind = prop_oneof![
        6 => Just(PackageKind::Data),
        3 => Just(PackageKind::Heartbeat),
        1 => Just(PackageKind::HandshakeAck),
    ];
    let body =
        prop_oneof![4 => message.prop_map(<[u8]>::to_vec), 1 => prop::collection::vec(any::<u8>(), 0..60)];
    (kind, body).prop_map(|(kind, body)| {
        let body = if kind == PackageKind::Data { body } else { Vec::new() };
        Package::encode(kind, &body).unwrap().to_vec()
    })
}

/// The bytes of a whole connection that sends these packages.
pub(crate) fn stream(framing: Framing, packages: &[Vec<u8>], mask: [u8; 4], cuts: &[usize]) -> Vec<u8> {
    match framing {
        Framing::Tcp => packages.concat(),
        Framing::WebSocket => {
            let messages = packages.iter().map(|package| client_message(mask, package, cuts));
            std::iter::once(UPGRADE.to_vec()).chain(messages).collect::<Vec<_>>().concat()
        }
    }
}
