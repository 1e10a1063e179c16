//! Extensions that pomelo-rs knows nothing of, each made of one module of `pomelo::ext` only.
//!
//! | file | noun |
//! |---|---|
//! | `bus`, `post` | a transport: queues of bytes between the servers of a process, one for each direction of each pair |
//! | `roster` | a discovery: a list in memory |
//! | `lines` | a connector: clients within the process, a line for each frame |
//! | `hex` | a codec: JSON in hexadecimal digits |

mod bus;
mod hex;
mod lines;
mod post;
mod roster;

pub use bus::Bus;
pub use hex::Hex;
pub use lines::{Client, Lines};
pub use roster::Roster;

/// README's examples, compiled as somebody would have them in a project of their own.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;
