//! Peers: the way from one server to the others, and back to itself.

mod ask;
mod busy;
mod owed;
mod pending;

pub(crate) use self::ask::{Unqueued, returned};
pub(crate) use self::busy::{Busy, Task};
pub(crate) use self::owed::Owed;
pub(crate) use self::pending::{Pending, Question, Waiter};
