//! A call on its way out.

use std::future::IntoFuture;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use serde::de::DeserializeOwned;

use super::target::{Destination, Mode, Target};
use crate::app::Core;
use crate::boundary::Site;
use crate::envelope::Message;
use crate::error::{Error, ErrorKind, Result};
use crate::remote::{ArgWriter, unpack};
use crate::router::{RouteBy, RoutedMessage, Subject};
use crate::server::ServerId;

/// What carries the calls of a typed proxy: one type of server, seen from one server.
#[derive(Clone)]
pub struct RpcClient {
    core: Arc<Core>,
    server_type: &'static str,
}

impl RpcClient {
    /// Calls from the server `core` to servers of a type.
    pub fn new(core: &Arc<Core>, server_type: &'static str) -> Self {
        Self { core: core.clone(), server_type }
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
            core: self.core.clone(),
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
/// It owns all it needs, so it can be spawned or joined with others. Dropping it, or the future it becomes, abandons
/// the answer; the callee isn't told.
#[must_use = "an RPC call does nothing until it is `.await`ed or `.notify()`d"]
pub struct Call<O, M> {
    outgoing: Outgoing,
    answer: PhantomData<fn() -> (O, M)>,
}

impl<O, M> Call<O, M> {
    /// Sets how long to wait for the answer; the default is the setting `rpc_timeout`, 30 s.
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
    /// If the arguments can't be written, no server is found, or the server can't be reached.
    pub fn notify(self) -> Result<()> {
        self.outgoing.notify()
    }
}

impl<O: DeserializeOwned + Send + 'static, M: Mode> IntoFuture for Call<O, M> {
    type Output = Result<M::Output<O>>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    /// # Errors
    /// The method's own error with its code; or by [`kind`](crate::Error::kind): `NoServer`, `Refused`,
    /// `NoSuchMethod`, `Overloaded`, `Deadline`, `Panic`, `BadMessage`.
    fn into_future(self) -> Self::IntoFuture {
        M::run(self.outgoing)
    }
}

/// A call without the types of its answer.
#[doc(hidden)]
pub struct Outgoing {
    core: Arc<Core>,
    server_type: &'static str,
    service: &'static str,
    method: &'static str,
    destination: Destination,
    args: Result<Bytes>,
    timeout: Option<Duration>,
}

impl Outgoing {
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
        RouteBy { core: self.core.clone(), subject, message }
    }

    fn routing(&self) -> Site<'_> {
        Site::new(&self.core, "router").calling(self.service, self.method)
    }

    /// The one server that the call goes to.
    async fn server(&self, args: &Bytes) -> Result<ServerId> {
        match (&self.destination, self.subject()) {
            (Destination::Server(server), _) => Ok(server.clone()),
            (_, Some(subject)) => {
                let by = self.route_by(subject, args.clone());
                self.core.route(self.server_type, by, self.routing()).await
            }
            (_, None) => Err(Error::of(ErrorKind::NoServer, "a call to all servers has no single one")),
        }
    }

    pub(super) async fn one<O: DeserializeOwned>(self) -> Result<O> {
        let args = self.args.clone()?;
        let server = self.server(&args).await?;
        self.ask(server, args).await
    }

    pub(super) async fn each<O: DeserializeOwned>(self) -> Result<Vec<(ServerId, Result<O>)>> {
        let args = self.args.clone()?;
        let servers = self.core.servers(self.server_type);
        let calls = servers.iter().map(|server| {
            let (server, args, outgoing) = (server.id.clone(), args.clone(), &self);
            async move { (server.clone(), outgoing.ask(server, args).await) }
        });
        Ok(join_all(calls).await)
    }

    async fn ask<O: DeserializeOwned>(&self, server: ServerId, args: Bytes) -> Result<O> {
        let timeout = self.timeout.unwrap_or(self.core.limits.rpc_timeout);
        let method = self.core.method(&server, self.service, self.method)?;
        let returned = self.core.call(&server, method, self.lane(), args, timeout).await;
        let name = || format!("{}.{} at {server}", self.service, self.method);
        let bytes =
            returned.map_err(|e| if e.kind() == ErrorKind::Application { e } else { e.context(name()) })?;
        unpack(&bytes).map_err(|e| e.context(name()))
    }

    fn notify(self) -> Result<()> {
        let args = self.args.clone()?;
        let servers = match (&self.destination, self.subject()) {
            (Destination::Server(server), _) => vec![server.clone()],
            (_, None) => self.core.servers(self.server_type).iter().map(|server| server.id.clone()).collect(),
            (_, Some(subject)) => {
                let by = self.route_by(subject, args.clone());
                let executor = self.core.executor.clone();
                let mut sending = Box::pin(async move {
                    let server = self.core.route(self.server_type, by, self.routing()).await?;
                    self.tell(&server, args)
                });
                if let Some(sent) = (&mut sending).now_or_never() {
                    return sent;
                }
                executor.spawn(async move {
                    if let Err(error) = sending.await {
                        tracing::warn!(%error, "a notify was not sent");
                    }
                });
                return Ok(());
            }
        };
        servers.iter().try_for_each(|server| self.tell(server, args.clone()))
    }

    fn tell(&self, server: &ServerId, args: Bytes) -> Result<()> {
        let method = self.core.method(server, self.service, self.method)?;
        let call = Message::Call { seq: 0, method, lane: self.lane(), args };
        self.core.send(server, call).map_err(|reason| self.core.unsent(server, reason))
    }
}
