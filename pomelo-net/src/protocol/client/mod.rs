//! The client's end of the protocol, sans-IO: packages or bytes in, events and packages out, no clock.
//!
//! ```text
//!                handshake, code 200
//! WaitHandshake ─────────────────────▶ Working
//!       │  refused, kicked, broken        │  kicked, silent, broken, close()
//!       └─────────────────────────────────┴──▶ Closed
//! ```
//!
//! The driver of a socket does this, and nothing else needs to know the protocol:
//!
//! 1. send what [`Connection::poll_transmit`] gives; the first package is there from the start;
//! 2. hand each package that comes to [`Connection::handle`], or all bytes to [`Connection::poll_event`];
//! 3. call [`Connection::handle_timeout`] when [`Connection::poll_timeout`] is over;
//! 4. after an error, close the socket. There are no events any more.
//!
//! How long a server may take for its handshake, and for a response, is the driver's to limit.
//!
//! ```
//! use std::time::Instant;
//!
//! use pomelo_net::protocol::client::{Connection, Event, Known, Settings};
//! use pomelo_net::protocol::package::{Package, PackageKind};
//! use serde_json::{Value, json};
//!
//! let mut client = Connection::new(&Settings::new(), Known::default())?;
//! let hello = client.poll_transmit().expect("a handshake to send");
//! assert_eq!(hello[0], PackageKind::Handshake as u8);
//!
//! // What a server answers: it has heartbeats each three seconds, and a number for one route.
//! let reply = json!({ "code": 200, "sys": { "heartbeat": 3, "dict": { "chat.chatHandler.send": 1 } } });
//! let reply = Package { kind: PackageKind::Handshake, body: reply.to_string().into() };
//! assert!(matches!(client.handle(reply, Instant::now())?, Some(Event::Ready { .. })));
//! let _acknowledgement = client.poll_transmit();
//!
//! let id = client.request("chat.chatHandler.send", &json!({ "content": "hello" }))?;
//! let _request = client.poll_transmit();
//! let response = Package { kind: PackageKind::Data, body: (&b"\x04\x01{\"ok\":true}"[..]).into() };
//! let Some(Event::Response { id: answered, route, body }) = client.handle(response, Instant::now())? else { panic!() };
//! assert_eq!((answered, route.as_str()), (id, "chat.chatHandler.send"));
//! assert_eq!(client.decode::<Value>(route.as_str(), &body)?, json!({ "ok": true }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod agreement;
mod connection;
mod error;
mod event;
mod heartbeat;
mod known;
mod reply;
mod routes;
mod schemas;
mod settings;

pub use agreement::Agreement;
pub use connection::{Connection, MAX_REQUEST_ID, State};
pub use error::{BodyError, CloseReason, ReplyError, SendError};
pub use event::{Event, IgnoredReason};
pub use known::Known;
pub use settings::Settings;

#[cfg(test)]
mod tests;
