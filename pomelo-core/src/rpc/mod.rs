//! Calls between servers.

mod call;
mod caller;
mod reroute;
mod target;

pub use self::call::{Call, Outgoing, RpcClient};
pub use self::caller::Caller;
pub(crate) use self::reroute::send_routed;
pub use self::target::{ALL, All, Destination, Each, Key, Mode, One, Target, To, key, to};
