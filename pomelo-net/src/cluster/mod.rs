//! Discoveries that need no process of their own.
//!
//! | module | noun |
//! |---|---|
//! | `fixed` | [`StaticDiscovery`]: servers.json, and nothing that changes |
//!
//! The discovery of servers that have a master is `pomelo-master`'s.
//!
//! | what a discovery tells | and what it leaves to others |
//! |---|---|
//! | who is expected (`expect`), which routers hash over | who is up: links see that |
//! | that a process is over (`gone`), if it knows | how long silence may last: the transport's patience |

#[cfg(feature = "conformance")]
pub mod conformance;
mod fixed;

pub use fixed::StaticDiscovery;
