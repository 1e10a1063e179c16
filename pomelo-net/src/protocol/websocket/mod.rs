//! RFC 6455, the server's side: the upgrade, frames, and nothing of sockets.
//!
//! Written for two things that libraries don't offer: frames that are built once and shared by all who
//! receive them, and one reader for both framings of a port. No extension is negotiated: an offer of
//! permessage-deflate is not answered, so every frame with a reserved bit is refused. Deflate would go
//! where [`put_header`] sets its first byte (RSV1) and where [`FrameDecoder`] hands out a message,
//! without context takeover, so that a compressed frame can still be shared.

mod decoder;
mod frame;
mod upgrade;

pub use decoder::{FrameDecoder, Incoming, WebSocketError};
pub use frame::{Opcode, close, close_code, frame, header_length, put_header};
pub use upgrade::{MAX_HEAD, Upgrade, UpgradeReader};
