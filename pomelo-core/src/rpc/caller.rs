//! Calls from a process that is no server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::args::{pack, unpack};
use crate::cluster::{LinkEvents, LinkSender, Member, Superseded, Transport, Unsent};
use crate::peers::{Pending, Waiter};
use crate::value::{Error, ErrorKind, Incarnation, Limits, Result, ServerId, ServerInfo};
use crate::wire::envelope::{Answer, Envelope, Message, Origin};

/// Calls the remotes of a cluster's servers from a process that is none of them, such as a login web or a tool for game
/// masters. It needs no `App`.
///
/// ```no_run
/// # async fn example(transport: &dyn pomelo_core::cluster::Transport) -> pomelo_core::value::Result<()> {
/// use pomelo_core::value::config::Config;
/// use pomelo_core::rpc::Caller;
///
/// let config = Config::read("config", "production")?;
/// let caller = Caller::join(transport, "login-web-1", &config.servers).await?;
/// let users: Vec<String> = caller.call("chat-server-1", "chatRemote", "users", &("room1",)).await?;
/// # Ok(())
/// # }
/// ```
pub struct Caller {
    /// What its calls are sent by.
    link_sender: Arc<dyn LinkSender>,
    /// What the links tell: who is up, and the replies.
    state: Arc<State>,
    /// How long a call may take.
    timeout: Duration,
    /// Where timers of calls run, whichever thread calls.
    runtime: Handle,
}

struct State {
    link_sender: OnceLock<Weak<dyn LinkSender>>,
    pending: Pending,
    up: Mutex<HashMap<ServerId, Member>>,
    changed: Notify,
}

impl Caller {
    /// Makes links to the servers of the list that have a `port`. `name` must be unique in the cluster. It doesn't wait
    /// for the links; a call does.
    ///
    /// # Cancel safety
    /// There are no links when it is dropped.
    ///
    /// # Errors
    /// As [`Transport::bind`].
    pub async fn join(transport: &dyn Transport, name: &str, servers: &[Arc<ServerInfo>]) -> Result<Self> {
        let info: ServerInfo = serde_json::from_value(json!({ "id": name }))?;
        let member = Member {
            incarnation: Incarnation::begin(name),
            info: Arc::new(info),
            methods: Arc::default(),
            encodings: vec![],
            leaving: false,
            newcomer: false,
        };
        let state = Arc::new(State {
            link_sender: OnceLock::new(),
            pending: Pending::new(Limits::default().pending_calls),
            up: Mutex::default(),
            changed: Notify::new(),
        });
        let link_sender = transport.bind(member, Arc::new(Replies(state.clone()))).await?;
        // It is set once: the state is new.
        let _ = state.link_sender.set(Arc::downgrade(&link_sender));
        link_sender.expect(servers);
        Ok(Self { link_sender, state, timeout: Duration::from_secs(30), runtime: Handle::current() })
    }

    /// Sets how long a call may take, waiting for a link included; 30 s by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how many calls may wait for an answer from one server; more are `Overloaded` at once. 10,000 by default, as
    /// [`Limits::pending_calls`] of a server.
    #[must_use]
    pub fn pending_calls(self, limit: usize) -> Self {
        self.state.pending.set_limit(limit);
        self
    }

    /// Calls a remote's method: `args` is a tuple of its arguments.
    ///
    /// # Cancel safety
    /// Dropped before it was sent, it calls nothing. Dropped later, the call is abandoned: the method may run, and its reply is
    /// let go.
    ///
    /// # Errors
    /// The method's own error with its code; or by [`kind`](Error::kind): `NoSuchMethod`, `Refused` if the server is stopping
    /// or the link breaks meanwhile, `Overloaded` also with more than [`pending_calls`](Self::pending_calls) out to that
    /// server, `Deadline`, also if there is no link until then.
    pub async fn call<T: DeserializeOwned>(
        &self,
        server: &str,
        service: &str,
        method: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Result<T> {
        let (args, server) = (pack(args)?, ServerId::from(server));
        let call = async {
            let member = self.linked(&server).await;
            if member.leaving {
                return Err(Error::of(ErrorKind::Refused, format_args!("{server} is stopping")));
            }
            let number = member.methods.number(service, method).ok_or_else(|| {
                let why = format!("{server} has no remote method {service}.{method}");
                Error::of(ErrorKind::NoSuchMethod, why)
            })?;
            let mut question = self.state.pending.add_task(&server)?;
            let (seq, origin) = (question.seq(), Origin::Outside);
            let message = Message::Call { seq, method: number, lane: 0, origin, args };
            self.link_sender.send(&server, Envelope(message)).map_err(|reason| unsent(&server, reason))?;
            match question.answer().await {
                Some(Ok(Answer::Returned(bytes))) => unpack(&bytes),
                Some(Err(error)) => Err(error),
                Some(Ok(_)) | None => Err(unsent(&server, Unsent::NoLink)),
            }
        };
        let late = || Error::of(ErrorKind::Deadline, format_args!("no answer from {server}"));
        let call = {
            // Whoever calls may be in a thread that belongs to no runtime.
            let _entered = self.runtime.enter();
            tokio::time::timeout(self.timeout, call)
        };
        call.await.unwrap_or_else(|_| Err(late()))
    }

    /// The servers that there is a link to, sorted.
    pub fn servers(&self) -> Vec<ServerId> {
        let mut servers: Vec<_> = self.state.up().keys().cloned().collect();
        servers.sort();
        servers
    }

    /// Closes all links.
    ///
    /// # Cancel safety
    /// The links end also when it is dropped; what is queued may not be sent.
    pub async fn close(self) {
        self.link_sender.close().await;
    }

    async fn linked(&self, server: &ServerId) -> Member {
        loop {
            let changed = self.state.changed.notified();
            if let Some(member) = self.state.up().get(server) {
                return member.clone();
            }
            changed.await;
        }
    }
}

fn unsent(server: &ServerId, reason: Unsent) -> Error {
    match reason {
        Unsent::Full => Error::of(ErrorKind::Overloaded, format_args!("the link to {server} is full")),
        Unsent::TooLong => Error::of(ErrorKind::BadMessage, "the arguments are too long"),
        Unsent::NoLink | Unsent::NoPort => {
            Error::of(ErrorKind::Refused, format_args!("the link to {server} broke"))
        }
    }
}

impl State {
    fn up(&self) -> MutexGuard<'_, HashMap<ServerId, Member>> {
        self.up.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Takes answers in; nobody calls this process.
struct Replies(Arc<State>);

impl LinkEvents for Replies {
    fn receive(&self, from: &ServerId, envelope: Envelope) {
        match envelope.0 {
            Message::Reply { seq, result } => {
                if let Some(Waiter::Task(task)) = self.0.pending.remove(seq) {
                    // Whoever asked may have stopped waiting.
                    let _ = task.send(result);
                }
            }
            Message::Barrier { seq } => {
                if let Some(link_sender) = self.0.link_sender.get().and_then(Weak::upgrade) {
                    let answer = Message::Reply { seq, result: Ok(Answer::Done(0)) };
                    // Who can't be told hears that the link broke.
                    let _ = link_sender.send(from, Envelope(answer));
                }
            }
            _ => tracing::debug!(%from, "a caller was sent something other than an answer"),
        }
    }

    /// There is nothing to settle with a process that holds nothing.
    fn greeting(&self, _: &Member) -> Envelope {
        Envelope::greeting()
    }

    fn joined(&self, member: Member) -> Result<(), Superseded> {
        self.0.up().insert(member.info.id.clone(), member);
        self.0.changed.notify_waiters();
        Ok(())
    }

    fn unlinked(&self, server: &ServerId, _: usize) {
        self.0.up().remove(server);
        // Their senders are dropped, which is how they learn of it.
        drop(self.0.pending.remove_server(server));
    }

    fn left(&self, server: &ServerId, _: Incarnation) {
        self.unlinked(server, 0);
    }

    fn changed(&self, member: Member) {
        if let Some(known) = self.0.up().get_mut(&member.info.id) {
            *known = member;
        }
        self.0.changed.notify_waiters();
    }
}
