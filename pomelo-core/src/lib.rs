//! A pomelo server: app, sessions, channels, handlers, remotes, filters and routing.
//!
//! No socket is opened here: connectors and transports are traits, which `pomelo-net` implements. Applications use
//! the facade, `pomelo`.
//!
//! The modules are floors, the lowest last. A module uses only those below its own; modules of one floor don't use each other.
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
