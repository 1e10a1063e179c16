//! Calls between servers.
//!
//! | file | noun |
//! |---|---|
//! | `target` | [`Target`]: where a call goes, its first argument |
//! | `call` | [`Call`]: a call on its way out |
//! | `reroute` | what was not queued, and may go to another server |
//! | `caller` | [`Caller`]: calls from a process that is no server |

mod call;
mod caller;
mod reroute;
mod target;

pub use self::call::{Call, Outgoing, RpcClient};
pub use self::caller::Caller;
pub(crate) use self::reroute::send_routed;
pub use self::target::{ALL, All, Destination, Each, Key, Mode, One, Target, To, key, to};
