//! RFC 6455, the server's side: the upgrade, frames, and nothing of sockets.
//!
//! Written for two things that libraries don't offer: frames that are built once and shared by all who
//! receive them, and one reader for both framings of a port. The one extension is permessage-deflate,
//! with the feature `deflate` and where it is asked for; everywhere else an offer of it is not
//! answered, and every frame with a reserved bit is refused.
//!
//! | file | noun |
//! |---|---|
//! | `upgrade` | the HTTP request, which of them are let in, and the answer |
//! | `frame` | frames: headers, masks, close codes |
//! | `decoder` | frames of a client, put together to messages, within a limit |
//! | `deflate` | permessage-deflate, where it is compiled in |

mod decoder;
#[cfg(feature = "deflate")]
pub mod deflate;
mod frame;
mod upgrade;

pub use decoder::{FrameDecoder, Incoming, WebSocketError};
pub use frame::{Opcode, close, close_code, frame, header_length, put_header};
pub use upgrade::{
    Headers, MAX_FIELDS, MAX_HEAD, Origin, OriginError, Query, Upgrade, UpgradeReader, UpgradeRequest,
    UpgradeRules,
};
