//! Networking of pomelo: the client protocol, connectors for clients, transports between servers, and a client.
//!
//! Without features only [`protocol`] is built: bytes in, events and bytes out, with no runtime. `server`, which is a default, has
//! connectors and transports, `client` a client, and
//! `testing` the test kit.
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
