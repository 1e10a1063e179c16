//! A pomelo server: app, sessions, channels, handlers, remotes, filters and routing.
//!
//! No socket is opened here: connectors and transports are traits, which `pomelo-net` implements. Applications use
//! the facade, `pomelo`.
//!
//! | to find | look in |
//! |---|---|
//! | how servers are put together and run | [`app`], [`config`], [`limits`] |
//! | what answers clients, and other servers | [`handler`], [`remote`], [`message`], [`filter`] |
//! | who is connected | [`session`] |
//! | who gets a push | [`channel`], [`outbox`] |
//! | which server handles what | [`route`], [`router`], [`cluster`], [`discovery`] |
//! | what there is to say of a server | [`report`], [`counters`], [`throttle`] |
//! | names and addresses of machines | [`host`] |
//! | calls between servers | [`rpc`], [`transport`] |
//! | what a misspelt name was meant to be | [`spelling`] |
#![warn(unreachable_pub)]

pub mod app;
mod boundary;
pub mod channel;
pub mod cluster;
pub mod codec;
pub mod config;
pub mod connector;
pub mod counters;
pub mod discovery;
pub mod envelope;
pub mod error;
mod failure;
mod fault;
pub mod filter;
pub mod handler;
mod handling;
pub mod host;
pub mod lend;
pub mod limits;
pub mod message;
pub mod outbox;
mod pair;
mod panics;
#[doc(hidden)]
pub mod parameter;
pub mod remote;
pub mod report;
pub mod route;
pub mod router;
pub mod rpc;
pub mod server;
pub mod session;
mod span;
pub mod spelling;
pub mod supervisor;
mod tally;
pub mod throttle;
pub mod transport;

pub use app::{App, Cluster, Core};
pub use error::{Error, ErrorCode, ErrorKind, OrErr, Result};
pub use handler::{FromApp, Handler, HandlerContract};
pub use message::{Raw, Request};
pub use remote::{Contract, Inbound, Remote};
pub use session::Session;
