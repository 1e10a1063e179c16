//! What a server and the master say to each other.

use std::sync::Arc;

use pomelo_core::cluster::Member;
use pomelo_core::report::Report;
use pomelo_core::server::{ServerId, ServerInfo};
use pomelo_core::session::Incarnation;
use serde::{Deserialize, Serialize};

/// A server speaks.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cluster::master) enum FromServer {
    /// The first message: what the server is.
    Register {
        member: Member,
        pid: u32,
        /// Servers that an earlier master told it to expect and servers.json doesn't name: a master that is new would
        /// not know them before they have registered too.
        added: Vec<Arc<ServerInfo>>,
    },
    /// It is another incarnation now, or something else of it changed.
    Update(Member),
    /// It is there.
    Beat,
    /// The answer to the [`ToServer::Ask`] of that number.
    Status { ask: u64, status: Status },
    /// This life of it is over.
    Goodbye,
}

/// What a server says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::cluster::master) struct Status {
    pub(in crate::cluster::master) report: Report,
    pub(in crate::cluster::master) rss_bytes: Option<u64>,
}

/// The master speaks.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cluster::master) enum ToServer {
    /// Who is expected: the whole list.
    Expect(Vec<Arc<ServerInfo>>),
    /// A server without a port is up, or something of it changed: for those who have none either.
    Up { member: Member },
    /// That life of a server is over.
    Gone { id: ServerId, incarnation: Incarnation },
    /// What is there to say of it?
    Ask { ask: u64 },
    /// It should drain and stop.
    Stop,
    /// It is there.
    Beat,
    /// The last message: why the server can't be one.
    Refused { reason: String },
}
