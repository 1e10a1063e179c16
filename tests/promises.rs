//! Promises of channels, sessions and links when messages are late, lost or refused on the way.

#[path = "promises/channels.rs"]
mod channels;
#[path = "promises/connections.rs"]
mod connections;
#[path = "support/faulty.rs"]
mod faulty;
#[path = "promises/pairs.rs"]
mod pairs;
#[path = "promises/servers.rs"]
mod servers;
#[path = "promises/sessions.rs"]
mod sessions;
mod support;
#[path = "promises/world.rs"]
#[allow(missing_docs, unreachable_pub, reason = "it is seen in these tests only")]
mod world;
