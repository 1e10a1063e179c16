//! Methods: handlers and remotes, and how their parameters are found.

mod handler;
pub mod parameter;
mod remote;
mod table;

pub use self::handler::{FromApp, Handler, HandlerContract, Method};
pub use self::remote::{Contract, Inbound, IntoReply, Proxy, Remote};
pub use self::table::Table;
