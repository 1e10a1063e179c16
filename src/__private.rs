//! Names for the macros' output. Not for use by hand, but for what `servers!` writes.

pub use std::sync::Arc;

pub use bytes::Bytes;
pub use futures::future::BoxFuture;
pub use pomelo_core::app::{App, Cluster, Mount, Platform, ServerType};
pub use pomelo_core::args::{ArgReader, ArgWriter};
pub use pomelo_core::inject::{Context, Injected};
pub use pomelo_core::method::parameter::{
    AppParameter, FromArgument, FromField, FromOwnArgument, FromOwnMessage, FromReply, FromSharedArgument,
    FromSharedMessage, NoFields, SizeOf, ToArgument, ToOwnArgument, ToReply, ToSharedArgument,
};
pub use pomelo_core::method::{
    Contract, FromApp, Handler, HandlerContract, Inbound, IntoReply, Method, Proxy, Remote, Table,
};
#[cfg(feature = "crons")]
pub use pomelo_core::method::{Cron, CronContract, CronRun, IntoOutcome};
pub use pomelo_core::request::{FromMessage, IntoResponse, Request};
pub use pomelo_core::router::Routers;
pub use pomelo_core::rpc::{Call, RpcClient, Target};
pub use pomelo_core::value::{DerivedCode, Error, ErrorCode, ErrorKind, Fault, OfDisplay, OfError, Result};
pub use pomelo_core::wire::Body;
pub use pomelo_master::platform;
pub use serde;

/// What a cron answers.
#[cfg(feature = "crons")]
pub type Nothing = ();
