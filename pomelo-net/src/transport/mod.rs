//! What carries envelopes between servers.

mod memory;

pub use memory::Memory;
