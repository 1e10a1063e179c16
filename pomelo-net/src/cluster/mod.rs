//! Cluster membership from a fixed list, and the proofs by which servers, masters and operators know each other.
//!
//! | module | noun |
//! |---|---|
//! | `fixed` | [`StaticDiscovery`]: servers.json, and nothing that changes |
//! | [`secret`] | a shared [`Secret`](secret::Secret), and proofs that both sides know it |
//!
//! The discovery of servers that have a master is `pomelo-master`'s.

mod fixed;
pub mod secret;

pub use fixed::StaticDiscovery;
