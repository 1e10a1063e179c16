//! Where clients connect: raw tcp and websocket on one port.
//!
//! | file | noun |
//! |---|---|
//! | `hybrid` | the connector that users configure |
//! | `options`, `greeting`, `error` | what was configured, what a handshake hook gets, what can be wrong with it |
//! | `listen`, `port`, `origin` | accepting; what the connections of a port share; how many each address has |
//! | `driver` | the one task of a connection: reads, drives the protocol, hands messages to the session |
//! | `line`, `format` | the writing side: the socket for an [`Outbox`](pomelo_core::outbox::Outbox), the frames |
//! | `wheel`, `alarm` | deadlines of all connections |
//!
//! An idle connection has no timer and no read buffer: deadlines are numbers that one task per port looks at now and
//! then, and bytes are read into a buffer of the thread. What a connection is sent waits in its outbox, which the
//! server's flusher writes.
//!
//! permessage-deflate is declined unless [`Hybrid::use_deflate`] asks for it, and never has context takeover: that would
//! cost about 240 KiB a connection, and no compressed frame could be shared.

mod alarm;
mod driver;
mod error;
mod format;
mod greeting;
mod hybrid;
mod line;
mod listen;
mod options;
pub(crate) mod origin;
mod port;
mod wheel;

pub use crate::protocol::websocket::{Headers, Query};
pub use greeting::{ClientInfo, Greeting};
pub use hybrid::Hybrid;
