//! A transport that pomelo-rs knows nothing of, made of its public names only: queues of bytes between the servers of a
//! process, one for each direction of each pair. A bus between machines would look alike.

mod bus;
mod post;

pub use bus::Bus;

/// README's examples, compiled as somebody would have them in a project of their own.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;
