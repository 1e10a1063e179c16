//! Distributed game and chat servers: NetEase's pomelo, made again for Rust.
//!
//! Clients hold one long connection to a *frontend* server; their requests `serverType.handler.method` are routed to
//! handlers on *backend* servers; servers call each other by typed RPC; *channels* push to members wherever they are
//! connected. Every client that speaks pomelo's protocol connects unchanged.
//!
//! | to find | look in |
//! |---|---|
//! | [`handler`], [`remote`], [`servers!`] | what you annotate, and the list of your servers |
//! | [`App`] | what handlers and remotes are lent; [`App::builder`] starts |
//! | [`Session`], [`session`] | who is connected |
//! | [`channel`] | who gets a push |
//! | [`master`] | the processes of a cluster: starting, watching and stopping them |
//! | [`Hybrid`], [`net`] | connectors, transports, and the protocol by itself |
//! | [`core`](mod@core) | everything else, by its module |

mod macros;

pub use pomelo_core as core;
pub use pomelo_core::app::{App, Cluster, Component};
pub use pomelo_core::event::Event;
pub use pomelo_core::request::{Raw, Request};
pub use pomelo_core::router::pick;
pub use pomelo_core::rpc::{ALL, key, to};
pub use pomelo_core::session::Session;
pub use pomelo_core::value::{Error, ErrorCode, ErrorKind, OrErr, Result};
pub use pomelo_core::{channel, filter, router};
pub use pomelo_master as master;
pub use pomelo_net as net;
pub use pomelo_net::connector::Hybrid;

pub use self::macros::{ErrorCode, handler, remote, servers};

/// Sessions: who is connected.
pub mod session {
    pub use pomelo_core::frontend::SessionService;
    pub use pomelo_core::session::{BackendSessionService, Session};
    pub use pomelo_core::value::{Incarnation, ParseSessionIdError, SessionId, Uid};
}

/// What the macros' output names. Not for use by hand, but for what `servers!` writes.
#[doc(hidden)]
pub mod __private {
    pub use std::sync::Arc;

    pub use bytes::Bytes;
    pub use futures::future::BoxFuture;
    pub use pomelo_core::app::{App, Cluster, Mount, Platform, ServerType};
    pub use pomelo_core::args::{ArgReader, ArgWriter};
    pub use pomelo_core::inject::{Context, Injected};
    pub use pomelo_core::method::parameter::{
        FromArgument, FromField, FromOwnArgument, FromOwnMessage, FromSharedArgument, FromSharedMessage,
        NoFields, SizeOf, ToArgument, ToOwnArgument, ToSharedArgument,
    };
    pub use pomelo_core::method::{
        Contract, FromApp, Handler, HandlerContract, Inbound, IntoReply, Method, Proxy, Remote, Table,
    };
    pub use pomelo_core::request::{FromMessage, IntoResponse, Request};
    pub use pomelo_core::router::Routers;
    pub use pomelo_core::rpc::{Call, RpcClient, Target};
    pub use pomelo_core::value::{
        DerivedCode, Error, ErrorCode, ErrorKind, Fault, OfDisplay, OfError, Result,
    };
    pub use pomelo_core::wire::Body;
    pub use pomelo_master::platform;
    pub use serde;
}
