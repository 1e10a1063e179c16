//! Constants: what one thing costs, as `measure.mjs` has measured it; they are in `constants.json`, with how each run went.

use serde::Deserialize;

/// CPU time is in microseconds, memory in bytes; a *delivery* is a message at one member.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Constants {
    /// A client's heartbeat and its answer, at the frontend.
    pub heartbeat_us: f64,
    /// A client's request at the frontend: read, forwarded, its answer sent.
    pub request_us: f64,
    /// An envelope with a push that comes to a frontend, whatever the number of its members.
    pub envelope_in_us: f64,
    /// A message for one member: queued and written, mostly alone in its write.
    pub delivery_us: f64,
    /// A request at the backend: read, handled, pushed to a channel, answered.
    pub push_us: f64,
    /// An envelope with a push that a backend sends to a frontend.
    pub envelope_out_us: f64,
    /// A server that does nothing, a second.
    pub server_us_a_second: f64,
    /// What a link costs each of its two servers a second while it says nothing but that it is there.
    pub link_beat_us: f64,
    /// User memory of a connection at its frontend.
    pub frontend_bytes_a_connection: f64,
    /// User memory that a frontend takes once, when its first clients come.
    pub frontend_bytes_a_server: f64,
    /// A member of a channel at the backend, with its part of the channel.
    pub backend_bytes_a_member: f64,
    /// What a backend takes once, when its first rooms are made.
    pub backend_bytes_a_server: f64,
    /// The system's memory for a connection that waits, at the frontend.
    pub kernel_bytes_a_connection: f64,
    /// A request that is forwarded and its answer, between two servers.
    pub request_bytes: f64,
    /// An envelope with a push.
    pub push_bytes: f64,
    /// What a link carries in a second to say that it is there, both ways.
    pub link_bytes_a_second: f64,
}

impl Constants {
    /// Those of `constants.json`.
    ///
    /// # Errors
    /// If the file that was compiled in isn't what it should be.
    pub fn measured() -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct File {
            constants: Constants,
        }
        serde_json::from_str::<File>(include_str!("../constants.json")).map(|file| file.constants)
    }
}
