//! Metrics: what is dropped, how long things take, and the report of a server.

mod drops;
mod latency;
mod snapshot;

pub use self::drops::{Counters, Dropped};
pub(crate) use self::latency::{MethodStats, ServerStats};
pub use self::snapshot::{LastError, MissingLink, Report, RouteReport};
