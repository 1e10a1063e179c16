//! Calls between servers.

mod call;
mod caller;
mod lanes;
mod pending;
mod target;

pub use call::{Call, Outgoing, RpcClient};
pub use caller::Caller;
pub use target::{ALL, All, Destination, Each, Key, Mode, One, Target, To, key, to};

pub(crate) use lanes::{Job, Lanes};
pub(crate) use pending::{Pending, Waiter};
