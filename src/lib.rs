//! Distributed game and chat servers: NetEase's pomelo, made again for Rust.
//!
#![doc = include_str!("../docs/guide/00-introduction.md")]
#![doc = include_str!("../docs/guide/01-server.md")]
#![doc = include_str!("../docs/guide/02-client.md")]
#![doc = include_str!("../docs/guide/03-parameters.md")]
#![doc = include_str!("../docs/guide/04-state.md")]
#![doc = include_str!("../docs/guide/05-sessions.md")]
#![doc = include_str!("../docs/guide/06-errors.md")]
#![doc = include_str!("../docs/guide/07-remotes.md")]
#![doc = include_str!("../docs/guide/08-channels.md")]
#![doc = include_str!("../docs/guide/09-routing.md")]
#![doc = include_str!("../docs/guide/10-gate.md")]
#![doc = include_str!("../docs/guide/11-filters.md")]
#![doc = include_str!("../docs/guide/12-closing.md")]
#![doc = include_str!("../docs/guide/13-worlds.md")]
#![doc = include_str!("../docs/guide/14-configuration.md")]
#![doc = include_str!("../docs/guide/15-processes.md")]
#![doc = include_str!("../docs/guide/16-tests.md")]
#![doc = include_str!("../docs/guide/17-promises.md")]
//!
//! # Where to look
//!
//! | to find | look in |
//! |---|---|
//! | [`handler`], [`remote`], [`servers!`] | what you annotate, and the list of your servers |
//! | [`App`] | what handlers and remotes are lent; [`App::builder`] starts |
//! | [`app`], [`config`] | setting servers up, starting them, and what each may use |
//! | [`Session`], [`session`] | who is connected |
//! | [`channel`] | who gets a push |
//! | [`Request`], [`request`], [`filter`] | what a client sent, and what surrounds its handler |
//! | [`router`], [`rpc`], [`key`], [`to`], [`ALL`] | where messages and calls go |
//! | [`Error`], [`error`] | what can go wrong, and what a client gets to know of it |
//! | [`Event`], [`server`], [`metrics`] | what there is to know of a server |
//! | [`Hybrid`], [`net`] | connectors, transports, and the protocol by itself |
//! | `client` (feature `client`) | a client of such a server, for bots and tools |
//! | `testing` (feature `testing`) | the servers of a test, clients and sessions for it |
//! | [`master`] | a cluster of processes, as its operators see it |
//! | [`ext`] | writing a transport, a discovery, a connector or a codec |
//!
//! The directory `examples` has a program for each concept, in the order of learning; its README says what to learn from each.

#[doc(hidden)]
pub mod __private;
pub mod ext;
mod macros;
#[doc(hidden)]
pub mod renamed;

pub use pomelo_core::app::{App, Component};
pub use pomelo_core::event::Event;
pub use pomelo_core::request::Request;
pub use pomelo_core::router::pick;
pub use pomelo_core::rpc::{ALL, key, to};
pub use pomelo_core::session::Session;
pub use pomelo_core::value::{Error, Result};
pub use pomelo_net::connector::Hybrid;

pub use self::macros::{handler, remote, servers};

/// Administration: what operators ask servers, whom a master or a server lets in.
///
/// [`Configure::admin`](app::Configure::admin) adds modules of the application's own.
pub mod admin {
    pub use pomelo_core::server::AdminModule;
    pub use pomelo_core::value::Level;
    pub use pomelo_core::wire::envelope::{Ask, AskError};
}

/// The application: how its servers are set up, started and stopped.
pub mod app {
    pub use pomelo_core::app::{Builder, Cluster, Configure, Mount, Running, ServerType, Tick, Timer};
    pub use pomelo_core::method::Table;
    pub use pomelo_core::server::LostSessions;
}

/// Channels: who gets a push.
pub mod channel {
    pub use pomelo_core::channel::{Channel, ChannelGuard, Channels, Recipient};
}

/// A client of pomelo's servers.
///
/// [`Client`](client::Client) is a handle, whose task keeps the connection: it goes through the gate, answers heartbeats, and comes back
/// when the connection was lost. [`Connection`](client::Connection) has no task, and works only while it is polled.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use pomelo::client::ClientOptions;
/// use serde_json::{Value, json};
///
/// let client = ClientOptions::new()
///     .gate("gate.gateHandler.queryEntry", json!({ "uid": "ann" }))
///     .connect("ws://127.0.0.1:3014")
///     .await?;
/// let mut said = client.on::<Value>("onChat");
/// let entered: Value = client.request("connector.entryHandler.enter", &json!({ "username": "ann", "rid": "r1" })).await?;
/// println!("{entered}, then {:?}", said.next().await);
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "client")]
pub mod client {
    pub use pomelo_net::client::{
        Agreement, AskError, BodyError, BoxedStream, ByteStream, Client, ClientError, ClientEvent,
        ClientOptions, CloseReason, ConnectError, Connection, ConnectionError, ConnectionOptions, Dial,
        DialTcp, Event, Events, IgnoredReason, Known, Missed, Push, PushError, Pushes, PushesOf, Reconnect,
        ReplyError, Response, SendError, ServerUrl, UrlError, Wire, WireError,
    };
}

/// Configuration: servers.json and its neighbours, and the bounds of a server.
pub mod config {
    pub use pomelo_core::value::Limits;
    pub use pomelo_core::value::config::{Config, ConfigError, Entry, Section};
}

/// Crons: what runs by the calendar.
#[cfg(feature = "crons")]
pub mod cron {
    pub use pomelo_core::app::CronReport;
    pub use pomelo_core::method::CronRun;

    pub use crate::macros::cron;
}

/// Errors: codes, kinds, whose fault they are, and how an application's own become [`Error`]s.
pub mod error {
    pub use pomelo_core::app::StartError;
    pub use pomelo_core::value::{ErrorCode, ErrorKind, Fault, OrErr, StdError};

    pub use crate::macros::ErrorCode;
}

/// Filters: what runs before and after handlers.
pub mod filter {
    pub use pomelo_core::filter::{
        Done, ErrorHandler, Filter, FilterFactory, GoOn, Serial, Time, Timeout, TooBusy, Verdict,
    };
}

/// Metrics: what is dropped, how long things take, and the report of a server.
pub mod metrics {
    pub use pomelo_core::metrics::{Counters, Dropped, LastError, MissingLink, Report, RouteReport};
}

/// Requests: their bodies and routes, and what a handler may take and return.
pub mod request {
    pub use pomelo_core::request::{FromMessage, IntoResponse, Raw};
    pub use pomelo_core::value::{Route, RouteError};
    pub use pomelo_core::wire::{Body, CustomEncoding, Encoding};
}

/// Routers: which server of a type handles a message.
///
/// The default, [`ByUid`](router::ByUid), and [`pick`] take a hash modulo the number of servers, as pomelo does. So when a server is
/// added to servers.json or taken out, nearly every user or room belongs elsewhere. Where what a server has in memory must stay
/// where it is, use [`ConsistentHash`](router::ConsistentHash).
pub mod router {
    pub use pomelo_core::router::{
        Asynchronous, ByUid, ConsistentHash, LeastActive, Random, RoundRobin, RouteBy, RoutedMessage, Router,
        Routing, WeightedRoundRobin, asynchronous, crc32,
    };
}

/// Calls between servers: where they go, and what they return.
pub mod rpc {
    pub use pomelo_core::method::{Contract, Inbound, Proxy};
    pub use pomelo_core::rpc::{
        All, Call, Caller, Destination, Each, Key, Mode, One, Outgoing, RpcClient, Target, To,
    };
}

/// Servers: their ids, what servers.json says of them, and what one knows of itself.
pub mod server {
    pub use pomelo_core::context::ServerContext;
    pub use pomelo_core::runtime::{NextTurn, Turn};
    pub use pomelo_core::server::Server;
    pub use pomelo_core::value::{ServerId, ServerInfo, ServerList};
}

/// Sessions: who is connected.
pub mod session {
    pub use pomelo_core::frontend::SessionService;
    pub use pomelo_core::session::BackendSessionService;
    pub use pomelo_core::value::{Incarnation, ParseSessionIdError, SessionId, Uid};
}

/// How bytes move: transports between servers, discoveries, what a connector tells of a client, and the protocol by itself.
pub mod net {
    pub use pomelo_net::protocol;

    /// Clusters: which servers there are.
    pub mod cluster {
        pub use pomelo_net::cluster::StaticDiscovery;
    }

    /// Connectors: what a handshake hook gets, and ports in memory for tests.
    pub mod connector {
        pub use pomelo_net::connector::{ClientInfo, Greeting, Headers, MemoryPorts, Query};
    }

    /// Links without I/O: the secret that servers share, handshakes, frames and liveness.
    pub mod link {
        pub use pomelo_net::link::{frame, handshake, liveness, patience, secret};
    }

    /// Transports: what carries messages between servers.
    pub mod transport {
        pub use pomelo_net::transport::{Memory, Tcp, TcpOptions};
    }
}

/// Masters: one process that starts, watches and stops the processes of a cluster, and how operators reach it.
pub mod master {
    pub use pomelo_master::{
        Admin, AdminError, Master, MasterConfig, MasterDiscovery, MasterLimits, MasterSetup, Only, Outcome,
        Replied, Reply, ServerState, ServerStatus, Which, run, troubles,
    };
}

/// The test kit (feature `testing`): an application's servers in memory, clients that talk to them, and sessions for calling handlers as
/// the plain functions that they are.
///
/// | to test | take |
/// |---|---|
/// | a handler by itself | [`session`](testing::session), and call it |
/// | a handler that uses its app, remotes, channels | [`start`](testing::start), then [`Servers::session`](testing::Servers::session) and [`Servers::app`](testing::Servers::app) |
/// | what players see, from the handshake on | [`start`](testing::start), then [`Servers::client`](testing::Servers::client) |
/// | what happens in an hour | `#[tokio::test(start_paused = true)]` (tokio's feature `test-util`), and any of these |
/// | what happens when a server dies | [`Running::crash_server`](app::Running::crash_server), which `Servers` has, too |
///
/// Everything runs in the test's process and touches neither ports nor a network, so tests run side by side. What a test waits for and
/// doesn't get is a panic that names it, after [`PATIENCE`](testing::PATIENCE).
///
/// ```
/// use pomelo::app::Builder;
/// use pomelo::{Hybrid, Result, Session, handler, testing};
/// use serde_json::json;
///
/// pomelo::servers! { connector: { handlers: [EntryHandler] } }
///
/// struct EntryHandler;
///
/// #[handler]
/// impl EntryHandler {
///     pub async fn enter(app: &App, session: &Session, name: String) -> Result<usize> {
///         session.bind(name.as_str()).await?;
///         let hall = app.channels().create("hall");
///         hall.add(name.as_str(), app.server_id())?;
///         hall.push("onEnter", &name)?;
///         Ok(hall.len())
///     }
/// }
///
/// /// The application, as `main` runs it.
/// fn application() -> Builder<Rpc> {
///     App::builder()
///         .servers(r#"{ "connector": [{ "id": "connector-1", "clientPort": 3010, "frontend": true }] }"#)
///         .configure("all", "connector", |app| app.connector(Hybrid::new()))
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
/// // In a #[tokio::test]:
/// let servers = testing::start(application()).await.unwrap();
///
/// // A handler is a function.
/// let session = servers.session("connector-1");
/// let app = servers.app("connector-1");
/// assert_eq!(EntryHandler::enter(app, &session, "ann".into()).await.unwrap(), 1);
///
/// // A client speaks the protocol.
/// let bob = servers.client("connector-1").await;
/// assert_eq!(bob.request("connector.entryHandler.enter", "bob").await, json!(2));
/// assert_eq!(bob.push("onEnter").await, json!("bob"));
/// assert_eq!(session.pushes("onEnter"), [json!("ann"), json!("bob")]);
/// # });
/// ```
#[cfg(feature = "testing")]
pub mod testing {
    pub use pomelo_core::runtime::WallClock;
    pub use pomelo_net::testing::{Client, PATIENCE, Servers, TestSession, session, start};
}
