//! The tcp transport between servers of several processes: who is let in, what a link that is full, silent or broken
//! costs, and what becomes of sessions and channels meanwhile.

#[path = "links/addresses.rs"]
mod addresses;
#[path = "links/admission.rs"]
mod admission;
#[path = "links/batches.rs"]
mod batches;
#[path = "links/broken.rs"]
mod broken;
#[path = "links/callers.rs"]
mod callers;
#[path = "links/full.rs"]
mod full;
#[path = "links/hostile.rs"]
mod hostile;
#[path = "support/log.rs"]
#[allow(missing_docs, unreachable_pub, reason = "it is seen in these tests only")]
mod log;
#[path = "links/ports.rs"]
mod ports;
#[path = "links/proxy.rs"]
mod proxy;
#[path = "links/restart.rs"]
mod restart;
#[path = "links/silent.rs"]
mod silent;
#[path = "links/strangers.rs"]
mod strangers;
mod support;
#[cfg(unix)]
#[path = "links/suspended.rs"]
mod suspended;
#[path = "links/twice.rs"]
mod twice;
#[path = "links/world.rs"]
#[allow(missing_docs, unreachable_pub, reason = "it is seen in these tests only")]
mod world;
