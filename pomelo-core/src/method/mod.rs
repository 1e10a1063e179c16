//! Methods: handlers, remotes and crons, and how their parameters are found.
//!
//! Attributes write what is here, and by hand it is the same: a table of methods, and one function that runs
//! the method of a number. The numbers are the tables' own, and count from 0.

#[cfg(feature = "crons")]
mod cron;
mod handler;
pub mod parameter;
mod remote;
mod table;

#[cfg(feature = "crons")]
pub use self::cron::{Cron, CronContract, CronRun, IntoOutcome};
pub use self::handler::{FromApp, Handler, HandlerContract, Method};
pub use self::remote::{Contract, Inbound, IntoReply, Proxy, Remote};
pub use self::table::Table;
