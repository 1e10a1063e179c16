//! Connectors: where clients connect. [`Hybrid`] takes raw tcp and websocket on one port.
//!
//! A connector is a [`Socket`] times a [`Protocol`] times the one driver:
//!
//! | file | noun |
//! |---|---|
//! | `hybrid` | the connector that users configure: pomelo's protocol over tcp |
//! | `options`, `greeting`, `error` | what was configured, what a handshake hook gets, what can be wrong with it |
//! | `socket`, `tcp` | [`Socket`] and [`Listener`]: bytes in and out; those of tcp |
//! | `protocol`, `pomelo`, `format` | [`Protocol`]: the state machine of a connection; pomelo's, and the frames of pushes and responses |
//! | `driver` | the one task of a connection: reads, drives the protocol, hands messages to the session |
//! | `memory` | [`MemoryPorts`]: sockets and ports in memory, for tests |
//! | `sink` | the socket, as the driver reads and an [`Outbox`](pomelo_core::outbox::Outbox) writes it |
//! | `acceptor` | [`Acceptor`]: accepts the clients of a listener, and gives each connection a task |
//! | `connections`, `origin` | what connections have in common, and how many there may be; how many each address has |
//! | `wheel`, `alarm` | deadlines of all connections |
//!
//! # To add …
//! - another kind of socket, such as TLS: a [`Listener`] that gives [`Socket`]s, handed to the acceptor of a [`Hybrid`]
//!   ([`Hybrid::acceptor`]). Neither the driver nor a protocol is touched.
//! - a protocol, such as socket.io or MQTT: a [`Protocol`], a [`Format`](pomelo_core::wire::Format) for what it is pushed, and a
//!   [`Connector`](pomelo_core::frontend::Connector) that gives a listener to an [`Acceptor`].
//!
//! An idle connection has no timer and no read buffer: deadlines are numbers that one task per port looks at now and
//! then, and bytes are read into a buffer of the thread. What a connection is sent waits in its outbox, which the
//! server's flusher writes.
//!
//! permessage-deflate is declined unless [`Hybrid::use_deflate`] asks for it, and never has context takeover: that would
//! cost about 240 KiB a connection, and no compressed frame could be shared.

mod acceptor;
mod alarm;
mod connections;
mod driver;
mod error;
mod format;
mod greeting;
mod hybrid;
mod memory;
mod options;
mod origin;
mod pomelo;
mod protocol;
mod sink;
mod socket;
mod tcp;
mod wheel;

pub use self::acceptor::Acceptor;
pub use self::connections::ConnectionLimits;
pub use self::greeting::{ClientInfo, Greeting};
pub use self::hybrid::Hybrid;
pub use self::memory::{MemoryPorts, MemorySocket, MemoryStream};
pub use self::pomelo::Pomelo;
pub use self::protocol::{Closed, Event, Ignored, Message, Overdue, Protocol, RouteName, Timeout};
pub use self::socket::{Listener, Socket};
pub use crate::protocol::websocket::{Headers, Query};
