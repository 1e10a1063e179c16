//! The cluster: who is in it, what carries envelopes between its servers, and what tells of them.
//!
//! ```text
//!  Discovery ── expect, gone ──▶ View ◀── joined, left ── Transport's links
//!                                 │
//!             routers see who is expected      calls see who is up
//! ```
//!
//! So a registry that is away moves nobody, a server that dies moves no room, and a call to it fails at once.

mod discovery;
#[cfg(test)]
pub(crate) mod lossy;
pub(crate) mod pair;
mod transport;
mod view;

pub use self::discovery::{Control, Discovery, MembershipEvents, Registration};
pub use self::transport::{LinkEvents, LinkSender, Refused, Superseded, Transport, Unsent};
pub(crate) use self::view::{Joined, Known, View};
pub use self::view::{Member, MethodTable};
