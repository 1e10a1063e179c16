//! Methods: handlers and remotes, and how their parameters are found.
//!
//! Attributes write what is here, and by hand it is the same: a table of methods, and one function that runs
//! the method of a number. The numbers are the tables' own, and count from 0.

mod handler;
pub mod parameter;
mod remote;
mod table;

pub use self::handler::{FromApp, Handler, HandlerContract, Method};
pub use self::remote::{Contract, Inbound, IntoReply, Proxy, Remote};
pub use self::table::Table;
