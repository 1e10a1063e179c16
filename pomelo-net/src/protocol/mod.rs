//! The client protocol, sans-IO: bytes in, events and bytes out.
//!
//! Nothing here opens a socket, reads a clock or awaits. A connector reads bytes, hands them to a
//! [`connection::Connection`], acts on its events and writes what it wants sent; deadlines are the
//! connector's. The other end is [`client`]. Facts about the wire are those of the published pomelo packages (pomelo 2.2.7,
//! pomelo-protocol 0.1.6, pomelo-protobuf 0.4.0), from bytes that they produced; where we differ,
//! the item's doc says so.
//!
//! | layer | module |
//! |---|---|
//! | raw stream or HTTP, states, limits | [`connection`] |
//! | the client's end | [`client`] |
//! | RFC 6455, server side | [`websocket`] |
//! | `type, length, body` | [`package`] |
//! | requests, notifies, responses, pushes | [`message`], [`outgoing`] |
//! | first contact | [`handshake`], [`dictionary`], [`version`] |
//! | bodies | [`text`], [`protobuf`] |
//! | bytes | [`reader`], [`varint`] |
//!
//! Bytes of a peer never panic and never make anything grow beyond a limit: the lints below keep
//! the panicking forms out, and every length is checked before anything is allocated for it.
//!
//! A whole connection, without a socket:
//!
//! ```
//! use std::sync::Arc;
//! use bytes::BytesMut;
//! use pomelo_net::protocol::connection::{Connection, Event, Settings};
//! use pomelo_net::protocol::handshake::{Handshake, HandshakeOptions};
//! use pomelo_net::protocol::message::{MessageHead, MessageKind, RouteRef};
//! use pomelo_net::protocol::outgoing::{self, Framing};
//! use pomelo_net::protocol::package::{Package, PackageKind};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = Arc::new(Settings::new(Handshake::new(HandshakeOptions::default())?));
//! let mut server = Connection::new(settings);
//!
//! // What a client sends first.
//! let hello = Package::encode(PackageKind::Handshake, br#"{"sys":{"type":"test","version":"1"}}"#)?;
//! let mut input = BytesMut::from(&hello[..]);
//! assert!(matches!(server.poll_event(&mut input), Some(Event::Handshake(_))));
//! server.accept(None)?;
//! assert!(server.poll_transmit().is_some());
//!
//! // Then it acknowledges the answer, and asks for something.
//! let ack = Package::encode(PackageKind::HandshakeAck, b"")?;
//! let route = Some(RouteRef::Name("chat.chatHandler.send"));
//! let head = MessageHead { kind: MessageKind::Request, id: 1, route, gzip: false };
//! let request = outgoing::message(Framing::Tcp, &head, br#"{"msg":"hi"}"#)?;
//! input.extend_from_slice(&[&ack[..], &request].concat());
//! assert!(matches!(server.poll_event(&mut input), Some(Event::Working)));
//! let Some(Event::Message(message)) = server.poll_event(&mut input) else { panic!("a request came") };
//! assert_eq!((message.id, message.route.as_str()), (Some(1), "chat.chatHandler.send"));
//! # Ok(())
//! # }
//! ```
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

pub mod client;
pub mod connection;
pub mod dictionary;
pub mod handshake;
pub(crate) mod js;
pub mod message;
pub mod outgoing;
pub mod package;
pub mod protobuf;
pub mod reader;
pub mod text;
pub mod varint;
pub mod version;
pub mod websocket;
