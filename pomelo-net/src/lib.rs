//! Networking of pomelo: the client protocol, connectors for clients, and transports between servers.
//!
//! Without the feature `server` only [`protocol`] is built: bytes in, events and bytes out, with no runtime.
#![warn(unreachable_pub)]

pub mod protocol;

#[cfg(feature = "server")]
pub mod address;
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
#[cfg(feature = "server")]
pub mod transport;
