//! What the connections of a port share.

use super::State;
use crate::protocol::handshake::Handshake;
use crate::protocol::websocket::UpgradeReader;

/// The default for [`Settings::max_package`]: far above what games and chats send, far below what hurts.
pub const MAX_PACKAGE: usize = 64 * 1024;
/// The default for [`Settings::max_first_package`]: a handshake with versions and a token fits many times.
pub const MAX_FIRST_PACKAGE: usize = 16 * 1024;

/// What the connections of a port share.
#[derive(Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The server's side of the handshake, with the dictionary and the protos that go with it.
    pub handshake: Handshake,
    /// The longest package body that a client may send, in bytes. Pomelo has no limit but the 16 MiB
    /// that a package can announce, and keeps what it announces.
    pub max_package: usize,
    /// The same until the handshake is done: strangers get less.
    pub max_first_package: usize,
    /// Whether websocket clients that offer permessage-deflate get it. False by default.
    #[cfg(feature = "deflate")]
    pub deflate: bool,
}

impl Settings {
    /// Settings with the default limits.
    pub fn new(handshake: Handshake) -> Self {
        Self {
            handshake,
            max_package: MAX_PACKAGE,
            max_first_package: MAX_FIRST_PACKAGE,
            #[cfg(feature = "deflate")]
            deflate: false,
        }
    }

    /// What reads the upgrade of a client.
    pub(super) fn upgrade_reader(&self) -> UpgradeReader {
        #[cfg(feature = "deflate")]
        if self.deflate {
            return UpgradeReader::deflating();
        }
        UpgradeReader::default()
    }

    pub(super) fn limit(&self, state: State) -> usize {
        match state {
            State::WaitHandshake => self.max_first_package.min(self.max_package),
            _ => self.max_package,
        }
    }
}
