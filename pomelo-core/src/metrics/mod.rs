//! Metrics: what is dropped, how long things take, and the report of a server.
//!
//! Counting costs a few nanoseconds a message, so that nothing has to be switched on; what is dropped is
//! counted by its reason, and what fails by its route.

mod drops;
mod latency;
mod snapshot;

pub use self::drops::{Counters, Dropped};
pub(crate) use self::latency::{MethodStats, ServerStats};
pub use self::snapshot::{LastError, MissingLink, Report, RouteReport};
