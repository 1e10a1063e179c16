//! Discoveries that need no process of their own.
//!
//! | module | noun |
//! |---|---|
//! | `fixed` | [`StaticDiscovery`]: servers.json, and nothing that changes |
//!
//! The discovery of servers that have a master is `pomelo-master`'s.

mod fixed;

pub use fixed::StaticDiscovery;
