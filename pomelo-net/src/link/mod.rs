//! Links without I/O: what a link between two servers and a server's link to its master have in common.
//!
//! | module | noun |
//! |---|---|
//! | [`secret`] | a shared [`Secret`](secret::Secret), and proofs that both sides know it |
//! | [`handshake`] | two sides that prove it to each other: [`Hail`](handshake::Hail), [`Exchange`](handshake::Exchange) |
//! | [`frame`] | frames: a length, a tag, a body |
//! | [`liveness`] | who is silent for too long is lost: [`Hearing`](liveness::Hearing), [`Speaking`](liveness::Speaking) |
//! | [`patience`] | how long a peer without a link still counts as up: [`Patience`](patience::Patience) |
//!
//! Bytes and the time go in, frames and verdicts come out; sockets, tasks and clocks belong to the drivers:
//! [`Tcp`](crate::transport::Tcp) between servers, and `pomelo-master` between a master, its servers and its operators. Its tests run two sides over a network
//! that delays, splits, tears and corrupts, by a seed and a clock of their own.

pub mod frame;
pub mod handshake;
pub mod liveness;
pub mod patience;
pub mod secret;
#[cfg(test)]
mod tests;
