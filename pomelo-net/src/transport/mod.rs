//! Transports, which carry envelopes between servers.
//!
//! | transport | links | for |
//! |---|---|---|
//! | [`Memory`] | none: an envelope is handed over in the sender's thread | servers of one process, tests |
//! | [`Tcp`] | one tcp connection for each pair of servers | a process for each server |
//!
//! What both promise, and whoever writes another one must: the order of what one server sends to another,
//! each envelope at most once, and an answer to `send` without waiting. `conformance` checks it, with the
//! feature of that name. Between two senders there is no order.

#[cfg(feature = "conformance")]
pub mod conformance;
mod memory;
mod tcp;

pub use memory::Memory;
pub use tcp::{Tcp, TcpOptions};
