//! The cluster: who is in it, what carries envelopes between its servers, and what tells of them.

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
