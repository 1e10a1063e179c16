//! Round trips: whatever is written can be read, however it arrives.

use bytes::{Bytes, BytesMut};
use pomelo_net::protocol::dictionary::Dictionary;
use pomelo_net::protocol::message::{Message, MessageKind, MessageRoute, RouteRef};
use pomelo_net::protocol::outgoing::Framing;
use pomelo_net::protocol::package::{Package, PackageKind};
use pomelo_net::protocol::reader::Reader;
use pomelo_net::protocol::websocket::{FrameDecoder, Incoming};
use pomelo_net::protocol::{text, varint};
use proptest::prelude::*;

use super::peer::{client_message, packages, run, stream};

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..400)
}

fn routes() -> impl Strategy<Value = MessageRoute> {
    let name = "[a-zé聊😀.]{0,40}".prop_map(|name| MessageRoute::Name(name.into()));
    prop_oneof![any::<u16>().prop_map(MessageRoute::Code), name]
}

fn messages() -> impl Strategy<Value = Message> {
    let kinds = prop_oneof![
        Just(MessageKind::Request),
        Just(MessageKind::Notify),
        Just(MessageKind::Response),
        Just(MessageKind::Push),
    ];
    (kinds, any::<u64>(), routes(), bodies(), any::<bool>()).prop_map(|(kind, id, route, body, gzip)| {
        let has_id = matches!(kind, MessageKind::Request | MessageKind::Response);
        let route = (kind != MessageKind::Response).then_some(route);
        Message { kind, id: if has_id { id } else { 0 }, route, body: body.into(), gzip }
    })
}

/// As pomelo's browser client encodes: each UTF-16 unit by itself.
fn cesu8(text: &str) -> Vec<u8> {
    let unit = |unit: u16| match unit {
        0..0x80 => vec![unit as u8],
        0x80..0x800 => vec![0xc0 | (unit >> 6) as u8, 0x80 | (unit & 0x3f) as u8],
        _ => vec![0xe0 | (unit >> 12) as u8, 0x80 | (unit >> 6 & 0x3f) as u8, 0x80 | (unit & 0x3f) as u8],
    };
    text.encode_utf16().flat_map(unit).collect()
}

proptest! {
    #[test]
    fn varints(value: u64) {
        let mut out = BytesMut::new();
        varint::put(&mut out, value);
        prop_assert_eq!(out.len(), varint::length(value));
        prop_assert_eq!(varint::read(&mut Reader::new(&out)), Ok(value));
    }

    #[test]
    fn text_of_both_kinds_of_client(text: String) {
        prop_assert_eq!(text::decode(text.as_bytes()), text.as_str());
        let browser = cesu8(&text);
        prop_assert_eq!(text::decode(&browser), text.as_str());
    }

    #[test]
    fn packages_in_any_chunks(
        bodies in prop::collection::vec(bodies(), 0..6),
        chunks in prop::collection::vec(1_usize..50, 1..8),
    ) {
        let stream: Vec<u8> =
            bodies.iter().flat_map(|body| Package::encode(PackageKind::Data, body).unwrap()).collect();
        let (mut input, mut rest, mut read) = (BytesMut::new(), &stream[..], Vec::new());
        for size in chunks.iter().cycle() {
            let (chunk, later) = rest.split_at((*size).min(rest.len()));
            input.extend_from_slice(chunk);
            rest = later;
            while let Some(package) = Package::decode(&mut input, 400).unwrap() {
                read.push(package.body.to_vec());
            }
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(read, bodies);
        let mut frame = Bytes::from(stream);
        while Package::decode_whole(&mut frame, 400).unwrap().is_some() {}
        prop_assert!(frame.is_empty());
    }

    #[test]
    fn messages_of_every_kind(message in messages()) {
        let written = message.encode().unwrap();
        prop_assert_eq!(written.len(), message.head().length() + message.body.len());
        prop_assert_eq!(Message::decode(written).unwrap(), message);
    }

    #[test]
    fn dictionaries(
        handlers in prop::collection::btree_set("[a-zé\u{ff00}😀.]{1,12}", 0..30),
        user in prop::collection::vec("[a-c]{1,2}", 0..20),
    ) {
        let dictionary = Dictionary::new(handlers.iter(), user.iter()).unwrap();
        let reversed = Dictionary::new(handlers.iter().rev(), user.iter()).unwrap();
        prop_assert_eq!(dictionary.version(), reversed.version());
        for route in handlers.iter().chain(&user) {
            let code = dictionary.code(route).unwrap();
            prop_assert_eq!(dictionary.route(code).unwrap().as_str(), route);
            prop_assert_eq!(dictionary.compress(route), RouteRef::Code(code));
        }
        prop_assert_eq!(dictionary.route((handlers.len() + user.len() + 1) as u16), None);
    }

    #[test]
    fn websocket_messages_in_any_frames_and_chunks(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70_000), 0..4),
        mask: [u8; 4],
        cuts in prop::collection::vec(0_usize..300, 0..4),
        chunks in prop::collection::vec(1_usize..9000, 1..8),
    ) {
        let stream: Vec<u8> = bodies.iter().flat_map(|body| client_message(mask, body, &cuts)).collect();
        let (mut frames, mut input, mut rest) = (FrameDecoder::default(), BytesMut::new(), &stream[..]);
        let (mut read, mut pings) = (Vec::new(), 0);
        for size in chunks.iter().cycle() {
            let (chunk, later) = rest.split_at((*size).min(rest.len()));
            input.extend_from_slice(chunk);
            rest = later;
            while let Some(incoming) = frames.decode(&mut input, 70_000).unwrap() {
                match incoming {
                    Incoming::Message(message) => read.push(message.to_vec()),
                    Incoming::Ping(_) => pings += 1,
                    other => prop_assert!(false, "{:?}", other),
                }
            }
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(pings, bodies.len() * cuts.len());
        prop_assert_eq!(read, bodies);
    }

    #[test]
    fn a_connection_says_the_same_in_any_chunks(
        packages in packages(),
        websocket: bool,
        mask: [u8; 4],
        cuts in prop::collection::vec(0_usize..20, 0..3),
        chunks in prop::collection::vec(1_usize..40, 1..8),
    ) {
        let framing = if websocket { Framing::WebSocket } else { Framing::Tcp };
        let bytes = stream(framing, &packages, mask, &cuts);
        let at_once = run(&bytes, &[bytes.len()]);
        prop_assert!(at_once.events.len() >= 2);
        prop_assert_eq!(&run(&bytes, &chunks), &at_once);
        prop_assert_eq!(&run(&bytes, &[1]), &at_once);
    }
}
