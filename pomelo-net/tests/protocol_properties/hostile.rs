//! Bytes of someone who means harm: no panic, nothing kept beyond the limits.

use bytes::{Bytes, BytesMut};
use pomelo_net::protocol::handshake::HandshakeRequest;
use pomelo_net::protocol::message::Message;
use pomelo_net::protocol::outgoing::Framing;
use pomelo_net::protocol::package::Package;
use pomelo_net::protocol::text;
use pomelo_net::protocol::websocket::{FrameDecoder, Incoming, MAX_HEAD, UpgradeReader, UpgradeRules};
use proptest::prelude::*;

use super::peer::{LIMIT, packages, run, stream};

fn noise() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..2000)
}

proptest! {
    #[test]
    fn noise_is_survived_by_every_reader(bytes in noise(), limit in 0_usize..1000) {
        let _ = text::decode(&bytes);
        let _ = HandshakeRequest::parse(&bytes);
        let _ = Message::decode(Bytes::from(bytes.clone()));
        let mut stream = BytesMut::from(&bytes[..]);
        while let Ok(Some(package)) = Package::decode(&mut stream, limit) {
            prop_assert!(package.body.len() <= limit);
        }
        let mut whole = Bytes::from(bytes.clone());
        while let Ok(Some(package)) = Package::decode_whole(&mut whole, limit) {
            prop_assert!(package.body.len() <= limit);
        }
        let mut head = BytesMut::from(&bytes[..]);
        let _ = UpgradeReader::default().read(&mut head, &UpgradeRules::default());
    }

    #[test]
    fn frames_keep_no_more_than_the_limit(bytes in noise(), limit in 0_usize..300) {
        let (mut frames, mut input) = (FrameDecoder::default(), BytesMut::from(&bytes[..]));
        while let Ok(Some(incoming)) = frames.decode(&mut input, limit) {
            if let Incoming::Message(message) = incoming {
                prop_assert!(message.len() <= limit);
            }
        }
    }

    #[test]
    fn a_connection_survives_noise(bytes in noise(), chunks in prop::collection::vec(1_usize..500, 1..5)) {
        run(&bytes, &chunks);
    }

    #[test]
    fn a_connection_survives_valid_input_that_was_changed(
        packages in packages(),
        websocket: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        end: prop::sample::Index,
        chunks in prop::collection::vec(1_usize..200, 1..5),
    ) {
        let framing = if websocket { Framing::WebSocket } else { Framing::Tcp };
        let mut bytes = stream(framing, &packages, [1, 2, 3, 4], &[]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(end.index(bytes.len()) + 1);
        run(&bytes, &chunks);
    }

    #[test]
    fn lengths_that_lie_make_nothing_grow(announced in LIMIT as u32 + 1..0x0100_0000, rest in noise()) {
        let header = announced.to_be_bytes();
        let bytes = [&[1], &header[1..], &rest].concat();
        let seen = run(&bytes, &[7]);
        prop_assert_eq!(seen.events.len(), 1);
        prop_assert!(seen.events[0].contains("TooLong"), "{:?}", seen.events);
    }

    #[test]
    fn ids_of_any_length_are_read_or_refused(continued in 0_usize..15, last in 0_u8..128) {
        let id = [vec![0xff; continued], vec![last]].concat();
        let read = Message::decode(Bytes::from([&[0][..], &id, b"\x03a.b{}"].concat()));
        let fits = continued < 9 || (continued == 9 && last <= 1);
        prop_assert_eq!(read.is_ok(), fits);
    }
}

#[test]
fn a_request_that_never_ends_is_answered() {
    let endless = [b"GET / HTTP/1.1\r\n".to_vec(), b"A: b\r\n".repeat(MAX_HEAD)].concat();
    let seen = run(&endless, &[1000]);
    assert!(seen.sent.starts_with(b"HTTP/1.1 431 "));
}
