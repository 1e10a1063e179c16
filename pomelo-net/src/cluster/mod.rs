//! Discoveries that need no process of their own.
//!
//! | module | noun |
//! |---|---|
//! | `fixed` | [`StaticDiscovery`]: servers.json, and nothing that changes |
//!
//! The discovery of servers that have a master is `pomelo-master`'s.

#[cfg(feature = "conformance")]
pub mod conformance;
mod fixed;

pub use fixed::StaticDiscovery;
