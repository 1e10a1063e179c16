//! permessage-deflate on real sockets. The client frames by hand and compresses by the library alone.

mod connector_support;

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use connector_support::client::request;
use connector_support::{Client, Server, soon};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use pomelo_core::metrics::Dropped;
use pomelo_net::connector::Hybrid;
use pomelo_net::protocol::message::Message;
use pomelo_net::protocol::package::{MAX_BODY, Package, PackageKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const OFFER: &str = "permessage-deflate; client_max_window_bits";

/// A websocket client that shows what travels.
struct Raw {
    stream: TcpStream,
    input: BytesMut,
    packages: BytesMut,
    /// Whether the last message was compressed.
    compressed: bool,
}

impl Raw {
    /// Connects with this offer; gives the answer to it.
    async fn connect(address: SocketAddr, offer: &str) -> (Self, Option<String>) {
        let stream = soon(TcpStream::connect(address)).await.unwrap();
        let mut raw = Self { stream, input: BytesMut::new(), packages: BytesMut::new(), compressed: false };
        let upgrade = format!(
            "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: {offer}\r\n\r\n"
        );
        soon(raw.stream.write_all(upgrade.as_bytes())).await.unwrap();
        let end = loop {
            match raw.input.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => assert!(raw.read().await, "no answer to the upgrade"),
            }
        };
        let head = String::from_utf8(raw.input.split_to(end).to_vec()).unwrap();
        let field = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
        (raw, field.map(str::to_owned))
    }

    /// The same, up to the end of the handshake.
    async fn working(address: SocketAddr) -> Self {
        let (mut raw, answer) = Self::connect(address, OFFER).await;
        assert_eq!(
            answer.as_deref(),
            Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover")
        );
        raw.send(&Package::encode(PackageKind::Handshake, br#"{"sys":{}}"#).unwrap()).await;
        assert_eq!(raw.package().await.unwrap().kind, PackageKind::Handshake);
        raw.send(&Package::encode(PackageKind::HandshakeAck, b"").unwrap()).await;
        raw
    }

    async fn read(&mut self) -> bool {
        matches!(soon(self.stream.read_buf(&mut self.input)).await, Ok(1..))
    }

    /// Sends a message that is compressed.
    async fn send(&mut self, message: &[u8]) {
        self.frame(0xc2, &deflated(message)).await;
    }

    async fn frame(&mut self, first: u8, payload: &[u8]) {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        let bytes = [&[first, 0x80 | 126, length[0], length[1], 0, 0, 0, 0], payload].concat();
        soon(self.stream.write_all(&bytes)).await.unwrap();
    }

    /// The next package; none at the end.
    async fn package(&mut self) -> Option<Package> {
        loop {
            if let Some(package) = Package::decode(&mut self.packages, MAX_BODY).unwrap() {
                return Some(package);
            }
            while !self.take_frame() {
                if !self.read().await {
                    return None;
                }
            }
        }
    }

    fn take_frame(&mut self) -> bool {
        let (head, length) = match &self.input[..] {
            [_, 126, a, b, ..] => (4, usize::from(u16::from_be_bytes([*a, *b]))),
            [_, length @ 0..126, ..] => (2, usize::from(*length)),
            _ => return false,
        };
        if self.input.len() < head + length {
            return false;
        }
        let frame = self.input.split_to(head + length);
        self.compressed = frame[0] == 0xc2;
        match frame[0] {
            0x82 => self.packages.extend_from_slice(&frame[head..]),
            0xc2 => self.packages.extend_from_slice(&inflated(&frame[head..])),
            other => assert_eq!(other, 0x88, "a frame that no server of ours sends"),
        }
        true
    }

    async fn message(&mut self) -> Message {
        let package = self.package().await.expect("a message");
        assert_eq!(package.kind, PackageKind::Data, "{package:?}");
        Message::decode(package.body).unwrap()
    }
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 1000);
    let mut compress = Compress::new(Compression::best(), false);
    compress.compress_vec(bytes, &mut out, FlushCompress::Sync).unwrap();
    out.strip_suffix(&[0, 0, 0xff, 0xff]).unwrap().to_vec()
}

fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 << 20);
    let whole = [bytes, &[0, 0, 0xff, 0xff]].concat();
    Decompress::new(false).decompress_vec(&whole, &mut out, FlushDecompress::Sync).unwrap();
    out
}

/// JSON that gets shorter.
fn long(size: usize) -> String {
    format!("{:?}", "all that is said to everyone ".repeat(size / 29 + 1))
}

#[tokio::test]
async fn an_offer_is_declined_unless_deflate_is_switched_on() {
    let server = Server::start(Hybrid::new()).await;
    let (mut raw, answer) = Raw::connect(server.address, OFFER).await;
    assert_eq!(answer, None);
    raw.frame(0xc2, &deflated(b"x")).await;
    assert_eq!(raw.package().await, None);
    let server = Server::start(Hybrid::new().use_deflate()).await;
    let (_, answer) = Raw::connect(server.address, "permessage-deflate; server_max_window_bits=9").await;
    assert_eq!(answer, None);
}

#[tokio::test]
async fn long_messages_travel_compressed_and_short_ones_as_they_are() {
    let server = Server::start(Hybrid::new().use_deflate()).await;
    let mut raw = Raw::working(server.address).await;
    for (id, body) in [(1, "\"short\"".to_owned()), (2, long(300)), (3, long(60_000))] {
        raw.send(&request(id, "echo", &body)).await;
        let message = raw.message().await;
        assert_eq!((message.id, &message.body[..]), (id, body.as_bytes()));
        assert_eq!(raw.compressed, body.len() > 256, "{} bytes", body.len());
    }
    raw.send(&request(4, "push", &format!(r#"{{"route":"onText","body":{}}}"#, long(1000)))).await;
    assert_eq!((raw.message().await.body, raw.compressed), (Bytes::from(long(1000)), true));
}

#[tokio::test]
async fn clients_without_deflate_are_served_beside_those_with_it() {
    let server = Server::start(Hybrid::new().use_deflate()).await;
    let mut raw = Raw::working(server.address).await;
    let [mut tcp, mut websocket] = Client::both(server.address).await;
    for client in [&mut tcp, &mut websocket] {
        client.shake().await;
        assert_eq!(client.ask(1, "echo", &long(5000)).await, long(5000));
    }
    raw.send(&request(1, "echo", &long(5000))).await;
    assert_eq!(raw.message().await.body, long(5000));
}

#[tokio::test]
async fn a_bomb_ends_its_own_connection_and_no_other() {
    let server = Server::start(Hybrid::new().use_deflate().max_package(10_000)).await;
    let mut other = Raw::working(server.address).await;
    let mut bomber = Raw::working(server.address).await;
    bomber.send(&vec![4; 5_000_000]).await;
    let kick = bomber.package().await.unwrap();
    assert_eq!((kick.kind, bomber.package().await), (PackageKind::Kick, None));
    let mut nonsense = Raw::working(server.address).await;
    nonsense.frame(0xc2, &[0xff; 100]).await;
    assert_eq!(nonsense.package().await, None);
    assert_eq!(server.dropped(Dropped::BadInput), 2);
    other.send(&request(1, "echo", "7")).await;
    assert_eq!(other.message().await.body, "7");
}
