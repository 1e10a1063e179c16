//! The handshake: the client says what it is and knows, the server what it speaks.

mod reply;
mod request;

pub use reply::{Handshake, HandshakeOptions};
pub(super) use reply::{Known, refusal};
pub use request::{HandshakeError, HandshakeRequest};
