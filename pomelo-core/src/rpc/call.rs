//! A call on its way out.
//!
//! ```text
//!  app.rpc.chat.room_remote.add(target, …) ─▶ Call: target and arguments are taken, nothing is sent
//!     │ .await                                       │ .notify()
//!     ├─ router (a session or a key) ─▶ server       ├─ the same, in the caller's task if the router is ready at once
//!     ├─ question, with a deadline                   └─ a message that nobody answers
//!     └─ answer, or one error
//! ```
//!
//! What is promised: calls that one task makes to one server with the same first argument start there in that
//! order. Each ends once, by its answer, its deadline, or the loss of the link or the server; it never runs
//! twice, and one that was not queued may go to another server if a router decides again.

use std::future::{IntoFuture, poll_fn};
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::reroute::send_routed;
use super::target::{Destination, Mode, Target};
use crate::args::{ArgWriter, unpack};
use crate::metrics::Dropped;
use crate::peers::{Peers, Question, Unqueued, returned};
use crate::router::{RouteBy, RoutedMessage, Routers, Subject};
use crate::runtime::boundary::Site;
use crate::runtime::origin;
use crate::value::{Error, ErrorKind, Result, ServerId};
use crate::wire::envelope::{Message, Origin};

/// What carries the calls of a typed proxy: one type of server, seen from one server. `#[remote]` writes what
/// uses it.
#[derive(Clone)]
pub struct RpcClient {
    /// The routers of the calling server, and by them its way to others.
    routers: Arc<Routers>,
    /// The type that is called.
    server_type: &'static str,
}

impl RpcClient {
    /// Calls from the server whose routers these are to servers of a type.
    pub fn new(routers: &Arc<Routers>, server_type: &'static str) -> Self {
        Self { routers: routers.clone(), server_type }
    }

    /// Prepares a call: takes what it needs of `target` and encodes the arguments at once.
    pub fn call<O, T: Target>(
        &self,
        target: T,
        service: &'static str,
        method: &'static str,
        arg_count: u8,
        write: impl FnOnce(&mut ArgWriter) -> Result<()>,
    ) -> Call<O, T::Mode> {
        let mut args = ArgWriter::new(arg_count);
        let args = write(&mut args).map(|()| args.into_bytes());
        let outgoing = Outgoing {
            routers: self.routers.clone(),
            server_type: self.server_type,
            service,
            method,
            destination: target.destination(),
            args,
            timeout: None,
        };
        Call { outgoing, answer: PhantomData }
    }
}

/// An RPC call. It does nothing until it is `.await`ed or [`notify`](Self::notify)-ed.
///
/// It owns all it needs, so it can be spawned or joined with others. Dropping it, or the future it becomes,
/// abandons the answer; the callee isn't told.
///
/// ```
/// use std::time::Duration;
/// use pomelo::{Result, key, remote};
///
/// pomelo::servers! { battle: { remotes: [BattleRemote] } }
///
/// struct BattleRemote;
///
/// #[remote]
/// impl BattleRemote {
///     pub async fn score(battle: String) -> Result<usize> {
///         Ok(battle.len())
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<()> {
/// # let running = App::builder().servers(r#"{ "battle": [{ "id": "battle-1" }] }"#).start().await?;
/// # let app = running.app("battle-1").unwrap();
/// let battle = &app.rpc.battle.battle_remote;
/// let (one, other) = (battle.score(key("b7"), "b7"), battle.score(key("b12"), "b12"));
/// // Both are out at the same time.
/// let (one, other) = tokio::join!(one.timeout(Duration::from_secs(1)), other);
/// assert_eq!(one? + other?, 5);
/// # Ok(())
/// # }
/// ```
#[must_use = "an RPC call does nothing until it is `.await`ed or `.notify()`d"]
pub struct Call<O, M> {
    /// What is sent.
    outgoing: Outgoing,
    /// What comes back, `O`, and of how many, by `M`.
    answer: PhantomData<fn() -> (O, M)>,
}

impl<O, M> Call<O, M> {
    /// Sets how long the call may take, a router that has to ask somebody included; the default is the limit `rpc_timeout`,
    /// 30 s.
    ///
    /// Its answer may come later all the same; it is dropped then and counted.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.outgoing.timeout = Some(timeout);
        self
    }

    /// Sends the call and doesn't wait for an answer.
    ///
    /// A router that is asynchronous and not ready at once goes on in a task of its own, and the call with it; then it
    /// is no longer ordered before later ones.
    ///
    /// # Errors
    /// If the arguments can't be written, no server is found, or the server can't be reached; of a call to
    /// [`ALL`](super::target::ALL), if one of them can't be, after all others were told.
    ///
    /// That it returns `Ok` means that the call is on its way. What the method then returns, or that it
    /// fails, only its own server's log says.
    ///
    /// ```
    /// # use pomelo::{Result, key, remote};
    /// # pomelo::servers! { ranking: { remotes: [RankRemote] } }
    /// # struct RankRemote;
    /// # #[remote]
    /// # impl RankRemote {
    /// #     pub async fn won(uid: String) -> Result<()> { drop(uid); Ok(()) }
    /// # }
    /// /// The ranking may be a moment late.
    /// fn won(app: &App, winner: &str) -> Result<()> {
    ///     app.rpc.ranking.rank_remote.won(key(winner), winner).notify()
    /// }
    /// # fn main() {}
    /// ```
    pub fn notify(self) -> Result<()> {
        self.outgoing.notify()
    }
}

impl<O: DeserializeOwned + Send + 'static, M: Mode> IntoFuture for Call<O, M> {
    type Output = Result<M::Output<O>>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    /// # Errors
    /// The method's own error with its code; or by [`kind`](crate::value::Error::kind): `NoServer`, `Refused`,
    /// `NoSuchMethod`, `Overloaded`, `Deadline`, `Panic`, `BadMessage`.
    fn into_future(self) -> Self::IntoFuture {
        M::run(self.outgoing)
    }
}

/// A call without the types of its answer.
#[doc(hidden)]
pub struct Outgoing {
    /// What chooses a server of the type.
    routers: Arc<Routers>,
    /// The type of server that is called.
    server_type: &'static str,
    /// The remote's name.
    service: &'static str,
    /// The method's name.
    method: &'static str,
    /// Which server or servers of the type.
    destination: Destination,
    /// The arguments as MessagePack, or why they can't be.
    args: Result<Bytes>,
    /// How long to wait for the reply; none for the server's default.
    timeout: Option<Duration>,
}

impl Outgoing {
    fn peers(&self) -> &Arc<Peers> {
        self.routers.peers()
    }

    /// The lane at the callee: calls with the same first argument start there in order.
    fn lane(&self) -> u64 {
        match &self.destination {
            Destination::Session(session) => session.id().serial,
            Destination::Key(key) => u64::from(crc32fast::hash(key.as_bytes())),
            Destination::Server(_) | Destination::All => 0,
        }
    }

    fn subject(&self) -> Option<Subject> {
        match &self.destination {
            Destination::Session(session) => Some(Subject::Session(session.clone())),
            Destination::Key(key) => Some(Subject::Key(key.clone())),
            Destination::Server(_) | Destination::All => None,
        }
    }

    fn route_by(&self, subject: Subject, args: Bytes) -> RouteBy {
        let message = RoutedMessage::Call { service: self.service, method: self.method, args };
        RouteBy { context: self.routers.context().clone(), subject, message }
    }

    /// The server that the router picks.
    async fn server(&self) -> Result<ServerId> {
        let no_subject = || Error::of(ErrorKind::NoServer, "a call to all servers has no single one");
        let by = self.route_by(self.subject().ok_or_else(no_subject)?, self.args()?);
        let site = Site::new(self.peers(), "router").calling(self.service, self.method);
        self.routers.route(self.server_type, by, site).await
    }

    pub(super) async fn one<O: DeserializeOwned>(mut self) -> Result<O> {
        let deadline = Instant::now() + self.timeout();
        let (server, question) = match &self.destination {
            Destination::Server(server) => {
                let server = server.clone();
                // It goes there or nowhere, so nobody needs them again.
                let args = std::mem::replace(&mut self.args, Ok(Bytes::new()))?;
                let question = self.question(&server, deadline, args)?;
                (server, question)
            }
            _ => self.sent(deadline, |server| self.question(server, deadline, self.args()?)).await?,
        };
        self.answer(&server, question).await
    }

    pub(super) async fn each<O: DeserializeOwned>(self) -> Result<Vec<(ServerId, Result<O>)>> {
        self.args()?;
        let deadline = Instant::now() + self.timeout();
        let servers = self.routers.context().servers(self.server_type);
        let calls = servers.iter().map(|server| async {
            let asked = self.args().map_err(Unqueued::from);
            let answer = match asked.and_then(|args| self.question(&server.id, deadline, args)) {
                Ok(question) => self.answer(&server.id, question).await,
                Err(unqueued) => Err(unqueued.error),
            };
            (server.id.clone(), answer)
        });
        Ok(join_all(calls).await)
    }

    /// Sends the call by `send` where it goes; the deadline covers the router.
    async fn sent<T>(
        &self,
        deadline: Instant,
        send: impl Fn(&ServerId) -> Result<T, Unqueued>,
    ) -> Result<(ServerId, T)> {
        if let Destination::Server(server) = &self.destination {
            return Ok((server.clone(), send(server)?));
        }
        let mut sending = pin!(async {
            let server = self.server().await?;
            send_routed(server, send, || self.server()).await
        });
        match poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx))).await {
            Poll::Ready(sent) => sent,
            Poll::Pending => self.peers().tasks.by(deadline, sending).await.unwrap_or_else(|_| {
                let why = format_args!("{}.{} was not routed in time", self.service, self.method);
                Err(Error::of(ErrorKind::Deadline, why))
            }),
        }
    }

    /// The arguments, which are shared, or why they could not be written.
    fn args(&self) -> Result<Bytes> {
        self.args.clone()
    }

    fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(self.peers().limits.rpc_timeout)
    }

    fn question(&self, server: &ServerId, deadline: Instant, args: Bytes) -> Result<Question<'_>, Unqueued> {
        let method = self.peers().method(server, self.service, self.method)?;
        let (lane, origin) = (self.lane(), origin::current());
        let call = |seq| Message::Call { seq, method, lane, origin, args };
        let sent = self.peers().question(server, deadline, call);
        sent.map_err(|Unqueued { error, may_move }| Unqueued { error: self.at(server, error), may_move })
    }

    async fn answer<O: DeserializeOwned>(&self, server: &ServerId, question: Question<'_>) -> Result<O> {
        let answer = self.peers().answer(server, question).await;
        let bytes = answer.and_then(returned).map_err(|error| match error.kind() {
            ErrorKind::Application => error,
            _ => self.at(server, error),
        })?;
        unpack(&bytes).map_err(|error| self.at(server, error))
    }

    /// The error with what was called, and where.
    fn at(&self, server: &ServerId, error: Error) -> Error {
        error.context(format_args!("{}.{} at {server}", self.service, self.method))
    }

    fn notify(self) -> Result<()> {
        if let Destination::All = self.destination {
            return self.tell_all();
        }
        let (peers, deadline) = (self.peers().clone(), Instant::now() + self.timeout());
        let (service, method) = (self.service, self.method);
        let mut sending =
            Box::pin(async move { self.sent(deadline, |server| self.tell(server)).await.map(drop) });
        if let Some(sent) = (&mut sending).now_or_never() {
            return sent;
        }
        peers.executor.clone().spawn(async move {
            if let Err(mut error) = sending.await {
                peers.counters.add(Dropped::Undelivered);
                Site::new(&peers, "notify").calling(service, method).failed(&mut error);
            }
        });
        Ok(())
    }

    /// Tells every server that can be told.
    ///
    /// # Errors
    /// Who could not be, if anybody.
    fn tell_all(&self) -> Result<()> {
        self.args()?;
        let servers = self.routers.context().servers(self.server_type);
        let errors = servers.iter().filter_map(|server| self.tell(&server.id).err());
        let errors: Vec<Error> = errors.map(Error::from).collect();
        let Some(first) = errors.first() else { return Ok(()) };
        let all = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let why = format!("{} of {} servers were not told: {all}", errors.len(), servers.len());
        Err(Error::of(first.kind(), why))
    }

    fn tell(&self, server: &ServerId) -> Result<(), Unqueued> {
        let args = self.args()?;
        let method = self.peers().method(server, self.service, self.method)?;
        let call = Message::Call { seq: 0, method, lane: self.lane(), origin: Origin::Outside, args };
        self.peers().send(server, call).map_err(|reason| self.peers().unsent(server, reason))
    }
}
