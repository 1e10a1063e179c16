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
