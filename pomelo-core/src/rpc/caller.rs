//! Callers: a process that calls remotes and is no server.
//!
//! It is a thin user of [`Peers`]: it has links, a view of who is there, and a table of pending answers, but
//! no sessions, channels or methods. Nobody can call it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::args::{pack, unpack};
use crate::cluster::{Joined, LinkEvents, Member, Superseded, Transport};
use crate::peers::Peers;
use crate::runtime::{Runtime, Supervisor};
use crate::value::{Error, ErrorKind, Incarnation, Limits, Result, RouteTable, ServerId, ServerInfo};
use crate::wire::envelope::{Answer, Envelope, Message};

/// Calls the remotes of a cluster's servers from a process that is none of them, such as a login web or a
/// tool for game masters. It needs no `App`.
///
/// It is the client half of pomelo-rpc, with the cluster's links: where these have a secret, it needs that.
///
/// ```no_run
/// use pomelo::config::Config;
/// use pomelo::net::transport::{Tcp, TcpOptions};
/// use pomelo::rpc::Caller;
///
/// # async fn example() -> pomelo::Result<()> {
/// let config = Config::read("config", "production")?;
/// let links = Tcp::new(TcpOptions::default());
/// let caller = Caller::join(&links, "login-web-1", &config.servers).await?;
/// let users: Vec<String> = caller.call("chat-server-1", "chatRemote", "users", &("room1",)).await?;
/// # Ok(())
/// # }
/// ```
#[doc(alias = "rpcClient")]
pub struct Caller {
    /// Its way to the servers.
    peers: Arc<Peers>,
    /// A link was made, or a server has changed.
    changed: Arc<Notify>,
    /// How long a call may take, waiting for a link included.
    timeout: Duration,
}

impl Caller {
    /// Makes links to the servers of the list that have a `port`. `name` must be unique in the cluster. It
    /// doesn't wait for the links; a call does.
    ///
    /// # Errors
    /// As [`Transport::bind`].
    ///
    /// # Cancel safety
    /// Dropped before it has returned, it leaves nothing behind that calls could use; links that were made
    /// end.
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// # #[tokio::main]
    /// # async fn main() -> pomelo::Result<()> {
    /// use std::sync::Arc;
    /// use pomelo::net::transport::Memory;
    /// use pomelo::rpc::Caller;
    ///
    /// let memory = Memory::new();
    /// let builder = App::builder().transport(Arc::new(memory.clone()));
    /// let running = builder.servers(r#"{ "chat": [{ "id": "chat-1" }] }"#).start().await?;
    ///
    /// let servers = running.app("chat-1").expect("it is up").config().servers.clone();
    /// let caller = Caller::join(&memory, "tool-1", &servers).await?;
    /// assert_eq!(caller.servers(), ["chat-1"]);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn join(transport: &dyn Transport, name: &str, servers: &[Arc<ServerInfo>]) -> Result<Self> {
        let info: Arc<ServerInfo> = Arc::new(serde_json::from_value(json!({ "id": name }))?);
        let executor = Handle::current();
        let tasks = Supervisor::new(executor.clone(), &info.id, |_| {});
        let limits = Limits::default();
        let runtime = Runtime::new(info.clone(), limits, executor, tasks, None, RouteTable::default());
        let peers = Arc::new(Peers::new(runtime, Arc::default(), Arc::default()));
        peers.watch_deadlines();
        let member = Member {
            incarnation: peers.incarnation(),
            info,
            methods: Arc::default(),
            encodings: vec![],
            leaving: false,
            newcomer: false,
        };
        peers.view.expect(servers);
        let changed = Arc::new(Notify::new());
        let replies = Replies { peers: Arc::downgrade(&peers), changed: changed.clone() };
        let link_sender = transport.bind(member, Arc::new(replies)).await?;
        link_sender.expect(servers);
        // It is set once: the peers are new.
        let _ = peers.link_sender.set(link_sender);
        Ok(Self { peers, changed, timeout: Duration::from_secs(30) })
    }

    /// Sets how long a call may take, waiting for a link included; 30 s by default.
    ///
    /// ```
    /// # use pomelo::rpc::Caller;
    /// # fn example(caller: Caller) -> Caller {
    /// caller.timeout(std::time::Duration::from_secs(3))
    /// # }
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how many calls may wait for an answer from one server; more are `Overloaded` at once. 10,000 by default, as
    /// [`Limits::pending_calls`] of a server.
    #[must_use]
    pub fn pending_calls(self, limit: usize) -> Self {
        self.peers.pending.set_limit(limit);
        self
    }

    /// Calls a remote's method: `args` is a tuple of its arguments.
    ///
    /// Names are those of the wire: `RoomRemote` is `roomRemote`, and `query_entry` is `queryEntry`. The
    /// types are the caller's to know, as the proxies of `servers!` do.
    ///
    /// # Errors
    /// The method's own error with its code; or by [`kind`](Error::kind): `NoSuchMethod`, `Refused` if the
    /// server is stopping or the link breaks meanwhile, `Overloaded` also with more than
    /// [`pending_calls`](Self::pending_calls) out to that server, `Deadline`, also if there is no link until
    /// then.
    ///
    /// # Cancel safety
    /// Dropped before it was sent, it calls nothing. Dropped later, the call is abandoned: the method may
    /// run, the callee isn't told, and its reply is let go.
    pub async fn call<T: DeserializeOwned>(
        &self,
        server: &str,
        service: &str,
        method: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Result<T> {
        let (args, server) = (pack(args)?, ServerId::from(server));
        let deadline = Instant::now() + self.timeout;
        let linked = self.peers.tasks.by(deadline, self.linked(&server)).await;
        linked.map_err(|_| Error::of(ErrorKind::Deadline, format_args!("no link to {server} in time")))?;
        let number = self.peers.method(&server, service, method)?;
        let left = deadline.saturating_duration_since(Instant::now());
        unpack(&self.peers.call(&server, number, 0, args, left).await?)
    }

    /// The servers that there is a link to, sorted.
    pub fn servers(&self) -> Vec<ServerId> {
        let known = self.peers.view.known();
        let mut servers: Vec<_> = known.members().map(|member| member.info.id.clone()).collect();
        servers.sort();
        servers
    }

    /// Closes all links.
    ///
    /// # Cancel safety
    /// The links end also when it is dropped; what is queued may not be sent.
    pub async fn close(self) {
        if let Some(link_sender) = self.peers.link_sender.get() {
            link_sender.close().await;
        }
    }

    /// Waits for a link to a server.
    async fn linked(&self, server: &ServerId) {
        loop {
            let changed = self.changed.notified();
            if self.peers.view.known().member(server).is_some() {
                return;
            }
            changed.await;
        }
    }
}

/// Takes answers in; nobody calls this process.
struct Replies {
    peers: Weak<Peers>,
    changed: Arc<Notify>,
}

impl Replies {
    /// There is no link to that server any more: whoever waits for its answer can't get it.
    fn lost(&self, server: &ServerId, incarnation: Option<Incarnation>) {
        let Some(peers) = self.peers.upgrade() else { return };
        let known = peers.view.known();
        let incarnation = incarnation.or_else(|| known.member(server).map(|member| member.incarnation));
        if incarnation.and_then(|incarnation| peers.view.leave(server, incarnation)).is_none() {
            // It was not linked, or it is another process of it that is over.
            return;
        }
        for (seq, waiter) in peers.pending.remove_server(server) {
            let why = format_args!("the link to {server} broke");
            peers.settle(seq, waiter, Err(Error::of(ErrorKind::Refused, why)));
        }
    }
}

impl LinkEvents for Replies {
    fn receive(&self, from: &ServerId, envelope: Envelope) {
        let Some(peers) = self.peers.upgrade() else { return };
        match envelope.0 {
            Message::Reply { seq, result } => peers.complete(seq, result),
            Message::Barrier { seq } => peers.reply(from, seq, Ok(Answer::Done(0))),
            _ => tracing::debug!(%from, "a caller was sent something other than an answer"),
        }
    }

    /// There is nothing to settle with a process that holds nothing.
    fn greeting(&self, _: &Member) -> Envelope {
        Envelope::greeting()
    }

    fn joined(&self, member: Member) -> Result<(), Superseded> {
        let Some(peers) = self.peers.upgrade() else { return Ok(()) };
        if let Joined::Superseded(later) = peers.view.join(member) {
            return Err(Superseded(later));
        }
        self.changed.notify_waiters();
        Ok(())
    }

    fn unlinked(&self, server: &ServerId, _: usize) {
        self.lost(server, None);
    }

    fn left(&self, server: &ServerId, incarnation: Incarnation) {
        self.lost(server, Some(incarnation));
    }

    fn changed(&self, member: Member) {
        let Some(peers) = self.peers.upgrade() else { return };
        let known = peers.view.known();
        if known.member(&member.info.id).is_some_and(|known| known.incarnation == member.incarnation) {
            // It is the same process, so nothing ends by it.
            let _ = peers.view.join(member);
            self.changed.notify_waiters();
        }
    }
}
