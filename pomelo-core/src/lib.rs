//! A pomelo server: app, sessions, channels, handlers, remotes, filters and routing, and the traits by which
//! it is connected to a network.
//!
//! An application depends on the facade, the package `pomelo-rs` (library `pomelo`), which has the names of
//! this crate that an application uses; examples here import from there. Two kinds of crates depend on this
//! one:
//!
//! | who writes | needs of it |
//! |---|---|
//! | a transport, a discovery, a connector or a codec | the traits [`cluster::Transport`], [`cluster::Discovery`], [`frontend::Connector`] and [`wire::Codec`]; the facade has each with all that it takes in `pomelo::ext` |
//! | a library for many applications, such as filters or routers | [`server::Server`], [`context::ServerContext`], [`filter::Filter`], [`router::Router`], and no application's own type |
//!
//! No socket is opened here, and of tokio only `sync`, `time` and `rt` are used: connectors and transports
//! are traits, which `pomelo-net` implements.
//!
//! ```
//! use std::sync::Arc;
//! use pomelo_core::filter::{Filter, Verdict};
//! use pomelo_core::request::Request;
//! use pomelo_core::server::Server;
//! use pomelo_core::value::{Error, Result};
//!
//! /// A part of a library: tells a channel who is active.
//! pub fn announce(app: &Arc<Server>, channel: &str, uid: &str) -> Result<()> {
//!     app.channels().get(channel).map_or(Ok(()), |channel| channel.push("onActive", &uid))
//! }
//!
//! /// And a filter that any application may add: keeps those out whose session says that they are muted.
//! #[derive(Clone)]
//! pub struct NotMuted;
//!
//! impl Filter for NotMuted {
//!     async fn before(&self, request: &Request) -> Result<Verdict> {
//!         match request.session().get::<bool>("muted") {
//!             Some(true) => Err(Error::new(403, "muted")),
//!             _ => Ok(Verdict::Continue),
//!         }
//!     }
//! }
//! ```
//!
//! # A message's way
//!
//! ```text
//!  connector ─▶ ClientSession ─▶ dispatch: global filters, router
//!                                  ├─ here: filters, handler ─▶ answer
//!                                  └─ elsewhere: peers ─▶ link ─▶ dispatch there ─▶ Reply
//! ```
//!
//! # What is promised
//!
//! 1. Requests of one session are handled in the order in which they arrive, one at a time per server; those
//!    of different sessions run in parallel. What a handler has pushed of a session, later messages of it
//!    see.
//! 2. To one client, responses and pushes leave in the order in which a server submitted them. Between two
//!    servers there is no order.
//! 3. Members of a channel see its pushes in the order of the `push` calls.
//! 4. Calls that one task makes to one server with the same first argument start there in that order.
//! 5. Delivery is at most once, and nothing is lost silently: each call ends by an answer, an error or its
//!    deadline, and what is dropped is counted by its reason.
//! 6. One mistake of the application (a panic, a handler that hangs, a channel used within itself) costs one
//!    request. A slow or hostile client costs itself.
//! 7. A server that dies is noticed by its links, in seconds; calls to it fail at once, and its users leave
//!    all channels.
//!
//! # Modules
//!
//! The modules are floors, the lowest last. A module uses only those below its own; modules of one floor
//! don't use each other.
//!
//! | floor | modules |
//! |---|---|
//! | the application | [`app`] |
//! | one server, which owns the parts | [`server`] |
//! | how what arrived is run | [`dispatch`] |
//! | what an application's methods are | [`method`] |
//! | clients at their frontend, what surrounds a handler, calls | [`frontend`], [`filter`], [`rpc`] |
//! | what a handler gets, which server handles it, what listeners are told | [`request`], [`router`], [`event`] |
//! | who is connected, who gets a push, what the application may know of its server | [`session`], [`channel`], [`context`] |
//! | the way to other servers | [`peers`] |
//! | who is in the cluster; what a connection still has to send | [`cluster`], [`outbox`] |
//! | what runs tasks and the application's code | [`runtime`] |
//! | bytes; what there is to say of a server | [`wire`], [`metrics`] |
//! | arguments of calls, and of methods by reference | [`args`], [`inject`] |
//! | values | [`value`] |
#![warn(unreachable_pub)]

pub mod app;
pub mod args;
pub mod channel;
pub mod cluster;
pub mod context;
pub mod dispatch;
pub mod event;
pub mod filter;
pub mod frontend;
pub mod inject;
pub mod method;
pub mod metrics;
pub mod outbox;
pub mod peers;
pub mod request;
pub mod router;
pub mod rpc;
pub mod runtime;
pub mod server;
pub mod session;
pub mod value;
pub mod wire;
