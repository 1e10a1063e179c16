//! Upgrade requests.

use bytes::BytesMut;
use pomelo_fuzz::{Random, fuzz};
use pomelo_net::protocol::websocket::{MAX_HEAD, Upgrade, UpgradeReader, UpgradeRules};

pub(crate) const REQUESTS: [&[u8]; 4] = [
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    b"GET /a?token=%41&b HTTP/1.1\r\nHost: [::1]:80\r\nUpgrade: h2c, WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
      Origin: https://example.com\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: a, b\r\n\
      Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; server_max_window_bits=15\r\n\
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x82\x80",
    b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}",
];

/// The answer, and what was left of the input.
fn read(pieces: &[&[u8]]) -> (Option<Upgrade>, Vec<u8>) {
    let (mut reader, mut input, rules) = (UpgradeReader::default(), BytesMut::new(), UpgradeRules::default());
    for (at, piece) in pieces.iter().enumerate() {
        input.extend_from_slice(piece);
        if let Some(upgrade) = reader.read(&mut input, &rules) {
            let rest = [&input[..], &pieces[at + 1..].concat()].concat();
            return (Some(upgrade), rest);
        }
        assert!(input.len() < MAX_HEAD);
    }
    (None, input.to_vec())
}

fn check(random: &mut Random, input: &[u8]) {
    let pieces = random.pieces(input);
    assert_eq!(read(&[input]), read(&pieces));
}

#[test]
fn fuzz_upgrade() {
    fuzz("upgrade", &REQUESTS, check);
}
