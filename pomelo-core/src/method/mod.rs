//! Methods: handlers and remotes, and how their parameters are found.

mod handler;
pub mod inject;
pub mod parameter;
mod remote;

pub use self::handler::{FromApp, Handler, HandlerContract, Method};
pub use self::remote::{Contract, Inbound, IntoReply, Proxy, Remote};
