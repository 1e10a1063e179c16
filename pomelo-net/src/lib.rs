//! Networking of pomelo: the client protocol, connectors for clients, transports between servers, and a client.
//!
//! An application gets all of it by the facade, the package `pomelo-rs` (library `pomelo`): `pomelo::Hybrid`
//! is the connector that it configures, and `pomelo::net` has the rest. Depend on this crate itself for one
//! of these:
//!
//! | to write | use |
//! |---|---|
//! | a client: a bot, a game of your own | `client`, with the feature of that name |
//! | tests of an application | `testing`, with the feature of that name |
//! | a proxy, a tool that reads traffic | [`protocol`]: bytes in, events and bytes out, with no runtime |
//! | a connector for another protocol, or over another kind of bytes, such as TLS | `connector`: `Socket`, `Protocol`, `Acceptor` |
//! | a transport or a discovery, and its tests | `transport::conformance`, `cluster::conformance`, with the feature `conformance` |
//! | a program whose servers are linked with others over tcp | `transport::Tcp`, and `link`, which has its parts without I/O |
//!
//! | feature | brings | default |
//! |---|---|---|
//! | `server` | connectors, transports, discoveries | yes |
//! | `client` | a client | no |
//! | `testing` | the test kit | no |
//! | `deflate` | permessage-deflate for websocket clients that offer it | no |
//! | `conformance` | the checks for implementors | no |
//!
//! Without features only [`protocol`] is built, and nothing of tokio:
//!
//! ```
//! use bytes::BytesMut;
//! use pomelo_net::protocol::package::{Package, PackageKind};
//!
//! let mut read = BytesMut::from(&b"\x03\0\0\0\x05\0\0\x11{\"reason\":\"kick\"}"[..]);
//! let kinds: Vec<PackageKind> =
//!     std::iter::from_fn(|| Package::decode(&mut read, 1024).ok().flatten().map(|package| package.kind)).collect();
//! assert_eq!(kinds, [PackageKind::Heartbeat, PackageKind::Kick]);
//! ```
#![warn(unreachable_pub)]

pub mod protocol;

#[cfg(feature = "server")]
pub mod address;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "server")]
pub mod cluster;
#[cfg(feature = "server")]
pub mod codec;
#[cfg(feature = "server")]
pub mod connector;
#[cfg(feature = "server")]
pub mod defaults;
#[cfg(feature = "server")]
pub mod link;
#[cfg(feature = "server")]
pub mod lobby;
#[cfg(feature = "server")]
pub mod port;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "server")]
pub mod transport;
