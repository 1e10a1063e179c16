//! Packages, messages and websocket frames.

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use pomelo_fuzz::{Random, fuzz};
use pomelo_net::protocol::message::{MAX_ROUTE, Message, MessageRoute};
use pomelo_net::protocol::package::{Package, PackageKind};
use pomelo_net::protocol::websocket::{self, FrameDecoder, Incoming, Opcode};

const LIMIT: usize = 1_000;

/// Messages of each kind: by name and by code, with long ids, compressed.
pub(crate) const MESSAGES: [&[u8]; 7] = [
    b"\x00\x01\x05a.b.c{\"a\":1}",
    b"\x01\x05\x00\x01{}",
    b"\x00\xff\xff\xff\xff\x0f\x05a.b.c{}",
    b"\x03\x00\x02\x08\x01",
    b"\x02\x03x.y\"\xed\xa0\xbd\xed\xb8\x80\"",
    b"\x04\x81\x01[1]",
    b"\x16\x06onChatgzip",
];

pub(crate) fn packages() -> Vec<Vec<u8>> {
    let data = MESSAGES.map(|message| (PackageKind::Data, message));
    let others = [
        (PackageKind::Handshake, &b"{\"sys\":{\"type\":\"t\",\"version\":\"1\"}}"[..]),
        (PackageKind::HandshakeAck, b""),
        (PackageKind::Heartbeat, b""),
        (PackageKind::Kick, b"{\"reason\":\"kick\"}"),
    ];
    let all = others.into_iter().chain(data);
    all.map(|(kind, body)| Package::encode(kind, body).unwrap().to_vec()).collect()
}

/// What a stream says, all at once and in pieces, which must be the same.
fn alike<T: Debug>(
    random: &mut Random,
    input: &[u8],
    mut read: impl FnMut(&mut Random, Vec<&[u8]>) -> T,
) -> T {
    let pieces = random.pieces(input);
    let (whole, parts) = (read(random, vec![input]), read(random, pieces));
    assert_eq!(format!("{whole:?}"), format!("{parts:?}"));
    whole
}

/// Feeds pieces to a decoder until it fails.
fn read_all<T: Debug, E: Debug>(
    pieces: Vec<&[u8]>,
    mut decode: impl FnMut(&mut BytesMut) -> Result<Option<T>, E>,
) -> (Vec<T>, Option<E>) {
    let (mut input, mut found) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match decode(&mut input) {
                Ok(Some(one)) => found.push(one),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}

#[test]
fn fuzz_package() {
    fuzz("package", &packages(), |random, input| {
        let (found, _) =
            alike(random, input, |_, pieces| read_all(pieces, |bytes| Package::decode(bytes, LIMIT)));
        let again: Vec<u8> =
            found.iter().flat_map(|one| Package::encode(one.kind, &one.body).unwrap()).collect();
        assert!(input.starts_with(&again));
        assert!(found.iter().all(|package| package.body.len() <= LIMIT));
        let mut whole = Bytes::copy_from_slice(input);
        let of_message: Vec<Package> =
            std::iter::from_fn(|| Package::decode_whole(&mut whole, LIMIT).ok().flatten()).collect();
        assert_eq!(of_message, found);
    });
}

#[test]
fn fuzz_message() {
    fuzz("message", &MESSAGES, |_, input| {
        let Ok(message) = Message::decode(Bytes::copy_from_slice(input)) else { return };
        let Ok(again) = message.encode() else {
            assert!(route_length(&message) > MAX_ROUTE);
            return;
        };
        assert_eq!(Message::decode(again).unwrap(), message);
    });
}

fn route_length(message: &Message) -> usize {
    match &message.route {
        Some(MessageRoute::Name(name)) => name.as_str().len(),
        _ => 0,
    }
}

#[test]
fn a_route_that_is_no_text_may_be_too_long_to_be_written_again() {
    // Each byte that is no UTF-8 is read as U+FFFD, which has three.
    let input = [&[0x02, 140][..], &[0xff; 140]].concat();
    let message = Message::decode(Bytes::from(input)).unwrap();
    assert_eq!(route_length(&message), 3 * 140);
    assert!(message.encode().is_err());
}

/// A client's frame: with a mask.
fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x11, 0, 0xfe, 7];
    let mut frame = websocket::frame(Opcode::Binary, payload).to_vec();
    let head = frame.len() - payload.len();
    (frame[0], frame[1]) = (first, frame[1] | 0x80);
    frame[head..].iter_mut().zip(MASK.into_iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    frame.splice(head..head, MASK);
    frame
}

pub(crate) fn client_frames() -> Vec<Vec<u8>> {
    let long = [b'x'; 300];
    let mut frames: Vec<Vec<u8>> = [
        (0x82, &b"binary"[..]),
        (0x81, b"text"),
        (0x02, b"begun, "),
        (0x00, b"gone on, "),
        (0x80, b"ended"),
        (0x89, b"ping"),
        (0x8a, b"pong"),
        (0x88, b"\x03\xe8bye"),
        (0x88, b""),
        (0x82, &long),
        // permessage-deflate: "Hello" of RFC 7692, 7.2.3.1.
        (0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00"),
    ]
    .map(|(first, payload)| client_frame(first, payload))
    .to_vec();
    frames.extend(packages().iter().map(|package| client_frame(0x82, package)));
    frames
}

#[test]
fn fuzz_websocket() {
    let decoders = [
        FrameDecoder::default as fn() -> FrameDecoder,
        #[cfg(feature = "deflate")]
        FrameDecoder::inflating,
    ];
    fuzz("websocket", &client_frames(), |random, input| {
        let decoder = *random.one_of(&decoders);
        let (found, _) = alike(random, input, |_, pieces| {
            let mut frames = decoder();
            read_all(pieces, |bytes| frames.decode(bytes, LIMIT))
        });
        for incoming in found {
            assert!(!matches!(&incoming, Incoming::Message(message) if message.len() > LIMIT));
            assert!(!matches!(&incoming, Incoming::Ping(payload) if payload.len() > 125));
        }
    });
}
