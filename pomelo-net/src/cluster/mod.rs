//! Who is in the cluster, and how servers, masters and operators prove to each other who they are.
//!
//! | module | noun |
//! |---|---|
//! | `fixed` | [`Static`]: servers.json, and nothing that changes |
//! | [`master`] | pomelo's master, the [`Monitor`](master::Monitor) of its servers, the [`Admin`](master::Admin) of its operators |
//! | [`secret`] | a shared [`Secret`](secret::Secret), and proofs that both sides know it |

mod fixed;
pub mod master;
pub mod secret;

pub use fixed::Static;
