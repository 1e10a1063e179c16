//! The handshake: the client says what it is and knows, the server what it speaks.
//!
//! ```text
//!  client                                                       server
//!  Handshake {sys: {type, version, dictVersion?, …}, user?} ──▶
//!            ◀── Handshake {code: 200, sys: {heartbeat?, dict?, protos?, …}, user?}
//!  HandshakeAck ──▶
//!            ◀── a heartbeat, from which the client begins its own; messages flow
//! ```
//!
//! A code of 500 or 501 in place of 200 is the server's last word. A second handshake is ignored.

mod reply;
mod request;

pub use reply::{Handshake, HandshakeOptions};
pub(super) use reply::{Known, refusal};
pub use request::{HandshakeError, HandshakeRequest};
