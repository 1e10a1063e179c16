//! Calls between servers.

mod call;
mod caller;
mod jobs;
mod lanes;
mod owed;
mod pending;
mod reroute;
mod target;

pub use call::{Call, Outgoing, RpcClient};
pub use caller::Caller;
pub use target::{ALL, All, Destination, Each, Key, Mode, One, Target, To, key, to};

pub(crate) use lanes::{Job, Lanes};
pub(crate) use owed::Owed;
pub(crate) use pending::{Pending, Question, Waiter};
pub(crate) use reroute::send_routed;
