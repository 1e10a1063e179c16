//! The test kit: an application's servers in memory, clients that talk to them, and sessions for calling handlers as the plain
//! functions that they are.
//!
//! | to test | take |
//! |---|---|
//! | a handler by itself | [`session`], and call it |
//! | a handler that uses its app, remotes, channels | [`start`], then [`Servers::session`] and [`Servers::app`] |
//! | what players see, from the handshake on | [`start`], then [`Servers::client`] |
//! | what happens in an hour | `#[tokio::test(start_paused = true)]` (tokio's feature `test-util`), and any of these |
//! | what happens when a server dies | [`Running::crash_server`](pomelo_core::app::Running::crash_server) |
//!
//! Everything runs in the test's process and touches neither ports nor a network, so tests run side by side. What a test waits for and
//! doesn't get is a panic that names it, after [`PATIENCE`].

mod alone;
mod client;
mod common;
mod dial;
mod driver;
mod received;
mod servers;
mod session;
#[cfg(test)]
mod tests;

pub use self::client::Client;
pub use self::common::PATIENCE;
pub use self::servers::{Servers, start};
pub use self::session::{TestSession, session};
