//! Routing: chooses the server of a type that handles a message.
//!
//! The default, [`ByUid`], and [`pick`] take a hash modulo the number of servers, as pomelo does. So when a server is added
//! to servers.json or taken out, nearly every user or room belongs elsewhere: of N servers that become N + 1, only one key
//! in N + 1 stays. A server that is down moves nothing, since it is still expected. Where what a server has in memory must
//! stay where it is, use [`ConsistentHash`]: a server that is added takes about 1/(N + 1) of the keys, and all others stay.
//!
//! | file | noun |
//! |---|---|
//! | `dispatch` | [`pick`] and [`crc32`]: pomelo's dispatcher |
//! | `types` | [`RoundRobin`], [`WeightedRoundRobin`], [`ConsistentHash`]: pomelo-rpc's router types |
//! | `load` | [`Random`], [`LeastActive`]: over the servers that are up |
//! | `routers` | [`Routers`]: which router is for which type of server |
//! | `unbound` | the warning where sessions without a user would all go to one server |

mod dispatch;
mod load;
mod routers;
mod types;
mod unbound;

pub use self::dispatch::{crc32, pick};
pub use self::load::{LeastActive, Random};
pub use self::routers::Routers;
pub use self::types::{ConsistentHash, RoundRobin, WeightedRoundRobin};

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::context::ServerContext;
use crate::session::Session;
use crate::value::{Error, ErrorKind, Fault, Result, Route, ServerId, ServerList, Uid};
use crate::wire::Body;

/// What a router decides by: the first argument of a call, or the session of a client's message, and what is sent.
///
/// ```
/// use pomelo::app::{Builder, Cluster};
/// use pomelo::{Result, pick};
///
/// fn routes<R: Cluster>(builder: Builder<R>) -> Builder<R> {
///     builder.route("area", |by, servers| match by.session().and_then(|session| session.get::<String>("area")) {
///         // Where the player was last.
///         Some(area) => Ok(area),
///         None => pick(by.key_or("serverId")?, servers).map(|server| server.id.to_string()),
///     })
/// }
/// ```
#[doc(alias = "routeParam")]
#[derive(Clone)]
pub struct RouteBy {
    /// The server that routes.
    pub(crate) context: Arc<ServerContext>,
    /// The session or key that it is routed by.
    pub(crate) subject: Subject,
    /// The message that is routed.
    pub(crate) message: RoutedMessage,
}

/// The route parameter.
#[derive(Clone)]
pub(crate) enum Subject {
    /// The session of a client's message, or a call's first argument.
    Session(Session),
    /// What [`key`](crate::rpc::key) was given.
    Key(Arc<str>),
}

/// What is being routed.
///
/// ```
/// use pomelo::router::{RouteBy, RoutedMessage};
///
/// /// Whether a message is worth the server with the most room.
/// fn is_heavy(by: &RouteBy) -> bool {
///     match by.message() {
///         RoutedMessage::Client { route, .. } => route.method() == "findMatch",
///         RoutedMessage::Call { method, args, .. } => *method == "simulate" || args.len() > 4096,
///         _ => false,
///     }
/// }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum RoutedMessage {
    /// A client's message, with its body undecoded.
    Client {
        /// Where the client sent it.
        route: Route,
        /// Its body.
        body: Body,
    },
    /// A remote call.
    Call {
        /// The remote's name on the wire.
        service: &'static str,
        /// The method's name on the wire.
        method: &'static str,
        /// The MessagePack array of its arguments.
        args: bytes::Bytes,
    },
}

impl RouteBy {
    /// The session, if the message comes from one.
    ///
    /// None where the call was made with [`key`](crate::rpc::key).
    pub fn session(&self) -> Option<&Session> {
        match &self.subject {
            Subject::Session(session) => Some(session),
            Subject::Key(_) => None,
        }
    }

    /// The key, if the call was made with [`key`](crate::rpc::key).
    ///
    /// None for messages of clients, which have a session.
    pub fn key(&self) -> Option<&str> {
        match &self.subject {
            Subject::Session(_) => None,
            Subject::Key(key) => Some(key),
        }
    }

    /// The user of the session, if it is bound.
    pub fn uid(&self) -> Option<Uid> {
        self.session().and_then(Session::uid)
    }

    /// The key, or else that setting of the session.
    ///
    /// # Errors
    /// If the session has no such setting.
    ///
    /// It is what a room or an area is mostly routed by: the remote that creates it is called with a key, and
    /// clients who are in it have the setting. A number is read as text.
    ///
    /// ```
    /// # use pomelo::app::{Builder, Cluster};
    /// # use pomelo::pick;
    /// # fn example<R: Cluster>(builder: Builder<R>) -> Builder<R> {
    /// builder.route("chat", |by, servers| pick(by.key_or("rid")?, servers))
    /// # }
    /// ```
    pub fn key_or(&self, setting: &str) -> Result<String> {
        match &self.subject {
            Subject::Key(key) => Ok(key.as_ref().to_owned()),
            Subject::Session(session) => session.text(setting).ok_or_else(|| {
                let why = format_args!("the session has no `{setting}` to route by");
                // Whoever isn't logged in has sent this too early.
                let fault = if session.uid().is_some() { Fault::Server } else { Fault::Client };
                Error::of(ErrorKind::NoServer, why).with_fault(fault)
            }),
        }
    }

    /// What is sent.
    pub fn message(&self) -> &RoutedMessage {
        &self.message
    }

    /// The server that sends it.
    ///
    /// A router finds there what was inserted, and the settings of the server that it runs on.
    pub fn app(&self) -> &ServerContext {
        &self.context
    }
}

/// Decides which server of a type handles a message.
///
/// It sees every server that is *expected*, up or not, sorted by id, so that the death of one doesn't move
/// the sessions of the others; a message to one that is down fails at once. But first the router is asked
/// again, at most twice, since it may see by now that the server is leaving or gone: if it picks another one,
/// the message goes there. Closures `|by, servers| …` are routers.
///
/// One router is for messages of clients and for calls of `app.rpc`, and belongs to the server that sends.
/// Servers that shall agree on where a key belongs need the same one, and no state of their own in it.
///
/// ```
/// use pomelo::router::{RouteBy, Router, Routing};
/// use pomelo::server::ServerList;
/// use pomelo::{Error, pick};
///
/// /// Rooms with a shard in their name (`eu-…`) stay on servers of that shard.
/// struct BySharding;
///
/// impl Router for BySharding {
///     fn route(&self, by: RouteBy, servers: ServerList) -> Routing {
///         Routing::Now(by.key_or("rid").and_then(|room| {
///             let shard = room.split('-').next().unwrap_or_default();
///             let of_shard: ServerList =
///                 servers.iter().filter(|s| s.setting("shard").and_then(|s| s.as_str()) == Some(shard)).cloned().collect();
///             pick(&room, of_shard).map(Into::into).map_err(|_| Error::new(404, "no such shard"))
///         }))
///     }
/// }
/// ```
#[doc(alias = "route")]
pub trait Router: Send + Sync + 'static {
    /// Decides, at once or later.
    ///
    /// It runs within the deadline of the message or the call, and a panic in it costs that one.
    fn route(&self, by: RouteBy, servers: ServerList) -> Routing;
}

/// A router's decision.
pub enum Routing {
    /// It is known.
    ///
    /// Most decisions are: such a call is sent before `await` returns to the caller's task.
    Now(Result<ServerId>),
    /// It takes asking.
    Later(BoxFuture<'static, Result<ServerId>>),
}

impl<F, S> Router for F
where
    F: Fn(&RouteBy, &ServerList) -> Result<S> + Send + Sync + 'static,
    S: Into<ServerId>,
{
    fn route(&self, by: RouteBy, servers: ServerList) -> Routing {
        Routing::Now(self(&by, &servers).map(Into::into))
    }
}

/// A router that has to ask somebody: see [`asynchronous`].
pub struct Asynchronous<F>(F);

/// Makes a router of an asynchronous function `|by, servers| async move { … }`.
///
/// Messages of one session wait for it one after the other, so it should be fast, and remember what it was
/// told.
///
/// ```
/// use pomelo::app::{Builder, Cluster};
/// use pomelo::router::asynchronous;
///
/// # async fn home_of(uid: &str) -> pomelo::Result<String> { Ok(format!("area-{}", uid.len())) }
/// fn routes<R: Cluster>(builder: Builder<R>) -> Builder<R> {
///     builder.router("area", asynchronous(|by, _| async move {
///         let uid = by.uid().unwrap_or_else(|| "guest".into());
///         home_of(&uid).await
///     }))
/// }
/// ```
pub fn asynchronous<F, Fut, S>(router: F) -> Asynchronous<F>
where
    F: Fn(RouteBy, ServerList) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<S>> + Send + 'static,
    S: Into<ServerId>,
{
    Asynchronous(router)
}

impl<F, Fut, S> Router for Asynchronous<F>
where
    F: Fn(RouteBy, ServerList) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<S>> + Send + 'static,
    S: Into<ServerId>,
{
    fn route(&self, by: RouteBy, servers: ServerList) -> Routing {
        let decision = (self.0)(by, servers);
        Routing::Later(Box::pin(async move { decision.await.map(Into::into) }))
    }
}

/// pomelo's default: by the crc32 of the session's uid, or of the key; no uid counts as the empty text.
///
/// So all sessions that are not bound to a user go to the same server. Where there are several, that is logged at WARN once for each
/// type and server that routes.
///
/// Users must be bound before their messages are routed by it, or a type must have one server only.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByUid;

impl Router for ByUid {
    fn route(&self, by: RouteBy, servers: ServerList) -> Routing {
        let uid = by.uid();
        if uid.is_none() && servers.len() > 1 {
            unbound::meets(&by, &servers);
        }
        let key = by.key().or(uid.as_deref()).unwrap_or("");
        Routing::Now(pick(key, &servers).map(Into::into))
    }
}
