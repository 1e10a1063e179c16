//! Protocol settings, shared by the connections of a port.

use super::State;
use crate::protocol::handshake::Handshake;
use crate::protocol::websocket::UpgradeRules;

/// The default for [`Settings::max_package`]: far above what games and chats send, far below what hurts.
pub const MAX_PACKAGE: usize = 64 * 1024;
/// The default for [`Settings::max_first_package`]: a handshake with versions and a token fits many times.
pub const MAX_FIRST_PACKAGE: usize = 16 * 1024;

/// What the connections of a port share.
///
/// ```
/// use pomelo_net::protocol::connection::Settings;
/// use pomelo_net::protocol::handshake::{Handshake, HandshakeOptions};
///
/// let mut settings = Settings::new(Handshake::new(HandshakeOptions::default())?);
/// settings.max_package = 1024;
/// # Ok::<(), pomelo_net::protocol::package::PackageError>(())
/// ```
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
    /// Which websocket clients are let in, and what is kept of their upgrade.
    pub upgrade: UpgradeRules,
}

impl Settings {
    /// Settings with the default limits.
    pub fn new(handshake: Handshake) -> Self {
        Self {
            handshake,
            max_package: MAX_PACKAGE,
            max_first_package: MAX_FIRST_PACKAGE,
            upgrade: UpgradeRules::default(),
        }
    }

    /// Whether clients are asked for heartbeats; else none is answered, as in pomelo.
    pub(super) fn answers_heartbeats(&self) -> bool {
        self.handshake.options().heartbeat.is_some()
    }

    pub(super) fn limit(&self, state: State) -> usize {
        match state {
            State::WaitHandshake => self.max_first_package.min(self.max_package),
            _ => self.max_package,
        }
    }
}
