//! Transports, which carry envelopes between servers.

#[cfg(feature = "conformance")]
pub mod conformance;
mod memory;
mod tcp;

pub use memory::Memory;
pub use tcp::{Tcp, TcpOptions};
