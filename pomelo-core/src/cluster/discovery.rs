//! Discoveries: the trait of what tells a server of the others, such as servers.json, pomelo's master, a registry.
//!
//! Two traits are the other side of it, the server's: [`MembershipEvents`], who is in the cluster, which every discovery tells, and
//! [`Control`], what operators do to a server, for a discovery that operators work through.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::{BoxFuture, ready};

use super::transport::Refused;
use super::view::Member;
use crate::metrics::{MissingLink, Report};
use crate::value::{Error, ErrorKind, Incarnation, Result, ServerId, ServerInfo};
use crate::wire::envelope::{Ask, AskError};

/// Knows which servers the cluster is made of.
///
/// It says who is *expected*; who is up is seen by the links of the [`Transport`](super::transport::Transport), but for
/// servers that can have no link. So servers that know each other go on working while it is away.
///
/// `pomelo_net::cluster::conformance` has the checks that every discovery must pass.
///
/// ```
/// use std::sync::Arc;
/// use futures::future::{BoxFuture, ready};
/// use pomelo::ext::discovery::{Discovery, Member, MembershipEvents, Registration, Result, ServerInfo};
///
/// /// A cluster that is whatever the program was told: nobody comes or goes.
/// struct Told(Vec<Arc<ServerInfo>>);
///
/// impl Discovery for Told {
///     fn register(
///         &self,
///         _: Member,
///         events: Arc<dyn MembershipEvents>,
///     ) -> BoxFuture<'_, Result<Arc<dyn Registration>>> {
///         events.expect(self.0.clone());
///         Box::pin(ready(Ok(Arc::new(Place) as Arc<dyn Registration>)))
///     }
/// }
///
/// struct Place;
///
/// impl Registration for Place {
///     fn update(&self, _: Member) {}
///
///     fn leave(&self) -> BoxFuture<'_, ()> {
///         Box::pin(ready(()))
///     }
/// }
///
/// # use pomelo_doc::App;
/// # #[tokio::main]
/// # async fn main() -> Result<()> {
/// # let builder = App::builder().servers(r#"{ "chat": [{ "id": "chat-1" }] }"#);
/// let running = builder.discovery(Arc::new(Told(vec![]))).start().await?;
/// assert!(running.app("chat-1").is_some());
/// # Ok(())
/// # }
/// ```
pub trait Discovery: Send + Sync + 'static {
    /// Makes a server known, and tells `events` of the cluster until the registration is left.
    ///
    /// It returns once `events` has been told whom to expect. What can't be reached then is retried in the
    /// background, and said in the log.
    ///
    /// # Cancel safety
    /// A server that stops while it registers drops this: nothing may stay registered then, and `watcher` is told nothing more.
    ///
    /// # Errors
    /// If the cluster refuses the server, such as for a wrong token.
    fn register(
        &self,
        member: Member,
        events: Arc<dyn MembershipEvents>,
    ) -> BoxFuture<'_, Result<Arc<dyn Registration>>>;

    /// As [`register`](Self::register), which it is unless operators work through this discovery: then they stop the server and
    /// look at it by `control`.
    ///
    /// # Cancel safety
    /// As [`register`](Self::register).
    ///
    /// # Errors
    /// As [`register`](Self::register).
    fn register_controlled(
        &self,
        member: Member,
        events: Arc<dyn MembershipEvents>,
        control: Arc<dyn Control>,
    ) -> BoxFuture<'_, Result<Arc<dyn Registration>>> {
        // Whoever only knows who is there has nothing to ask of a server.
        drop(control);
        self.register(member, events)
    }
}

/// What a [`Discovery`] tells a server of the cluster. No method waits.
#[doc(alias = "watchdog")]
pub trait MembershipEvents: Send + Sync + 'static {
    /// The servers that are expected, up or not: the whole list, each time that it changes. Routers choose among these. A
    /// server that comes first is in the list once it is to be routed to, which may be later than others are linked with it.
    #[doc(alias = "replaceServers")]
    fn expect(&self, servers: Vec<Arc<ServerInfo>>);

    /// A server is up, or something of it changed. That is only of use where there can be no link to it, such as a gate
    /// that sends clients to connectors none of which has a port for servers; links show all others.
    #[doc(alias = "addServers")]
    fn up(&self, server: Member) {
        let _ = server;
    }

    /// That incarnation of a server is over; another may have begun.
    #[doc(alias = "removeServers")]
    fn gone(&self, server: &ServerId, incarnation: Incarnation);

    /// The cluster doesn't take this server. What is returned is what the server is from now on, to try again with after a
    /// while; none if it gives up.
    fn refused(&self, why: Refused) -> Option<Member> {
        let _ = why;
        None
    }

    /// The server can't stay in the cluster: it ends, and whoever runs it is told.
    fn failed(&self, error: Error) {
        let _ = error;
    }
}

/// What operators do to a server, by a [`Discovery`] that they work through, such as a master. No method waits.
pub trait Control: Send + Sync + 'static {
    /// The server is to drain and stop.
    fn stop(&self);

    /// What there is to say of the server now; none if it is stopped.
    fn report(&self) -> Option<Report>;

    /// What an admin module of the server answers an operator, as JSON.
    ///
    /// # Errors
    /// See [`AskError`].
    ///
    /// # Cancel safety
    /// The module ends where it waits.
    fn answer(&self, ask: Ask) -> BoxFuture<'static, Result<Bytes, AskError>> {
        let why = format!("this server answers no operators, nor what `{}` is", ask.module());
        Box::pin(ready(Err(Error::of(ErrorKind::Refused, why).into())))
    }

    /// The links that the server should have and hasn't, sorted. It costs little, unlike a report, and may be asked several times a
    /// second.
    fn missing_links(&self) -> Vec<MissingLink> {
        self.report().map(|report| report.missing_links).unwrap_or_default()
    }
}

/// A server's place in its [`Discovery`].
pub trait Registration: Send + Sync + 'static {
    /// The server has other methods or other encodings now, or is leaving. Changes are told one after the other, in their order:
    /// it must not wait for another one.
    fn update(&self, member: Member);

    /// Takes the server out. It is not waited for longer than the network needs.
    ///
    /// # Cancel safety
    /// It is dropped after a few seconds: what it hasn't told the cluster until then, the others learn by the broken
    /// connection.
    fn leave(&self) -> BoxFuture<'_, ()>;
}
