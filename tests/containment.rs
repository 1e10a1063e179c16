//! Containment: a mistake in the application's code costs one call, wherever it is.

#[path = "containment/broadcasts.rs"]
mod broadcasts;
#[path = "containment/channels.rs"]
mod channels;
#[path = "containment/events.rs"]
mod events;
#[path = "support/log.rs"]
mod log;
#[path = "containment/panics.rs"]
mod panics;
#[path = "containment/starting.rs"]
mod starting;
mod support;
#[path = "containment/time.rs"]
mod time;
#[path = "containment/world.rs"]
#[allow(missing_docs, unreachable_pub, reason = "it is seen in these tests only")]
mod world;
