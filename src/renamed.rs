//! Names for imports that `docs/renames.txt` rewrote: what a list in braces named together, such as
//! `use pomelo::{App, ErrorKind}`, lives in several modules today. Each name's own path is in the documentation; nothing that is
//! written anew should import from here.

pub use pomelo_core::cluster::{LinkEvents as Inbox, LinkSender as Outlet, MembershipEvents as Watcher};
pub use pomelo_core::context::ServerContext as Core;
pub use pomelo_core::inject::{Context as Cx, Injected as Lend, Provider as Lender};
pub use pomelo_core::value::ServerList as Servers;
pub use pomelo_core::wire::Codec as SchemaCodec;
pub use pomelo_master::MasterDiscovery as Monitor;
pub use pomelo_net::cluster::StaticDiscovery as Static;

pub use crate::__private::{ArgReader, ArgWriter, IntoReply, Remote};
pub use crate::app::{Builder, Cluster, Configure, LostSessions, Mount, Running, ServerType, Table};
pub use crate::error::{ErrorCode, ErrorKind, Fault, OrErr, StdError};
pub use crate::ext::codec::Codecs;
pub use crate::ext::connector::{ClientSession, CloseMode, Flow, Frontend};
pub use crate::ext::discovery::{Discovery, Registration};
pub use crate::ext::transport::{Refused, Superseded, Transport, Unsent};
pub use crate::master::{
    Admin, AdminError, Master, MasterConfig, MasterLimits, MasterSetup, Only, Outcome, ServerState,
    ServerStatus, Which, run, troubles,
};
pub use crate::net::connector::{ClientInfo, Greeting, Headers, Query};
pub use crate::request::{Body, Encoding, FromMessage, IntoResponse, Raw};
pub use crate::router::{
    Asynchronous, ByUid, ConsistentHash, RoundRobin, RouteBy, RoutedMessage, Router, Routing,
    WeightedRoundRobin, asynchronous, crc32,
};
pub use crate::rpc::{
    All, Call, Caller, Contract, Destination, Each, Inbound, Key, Mode, One, Outgoing, Proxy, RpcClient,
    Target, To,
};
pub use crate::server::{ServerId, ServerInfo};
pub use crate::session::{
    BackendSessionService, Incarnation, ParseSessionIdError, SessionId, SessionService, Uid,
};
pub use crate::{
    ALL, App, Component, Error, Event, Hybrid, Request, Result, Session, app, channel, config, filter,
    handler, key, net, pick, remote, router, rpc, servers, session, to,
};
