//! The first argument of a call: where it goes.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde::de::DeserializeOwned;

use super::call::Outgoing;
use crate::session::Session;
use crate::value::{Result, ServerId};

/// Where a call goes, which decides the type of its answer.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say where to send this call",
    label = "first argument: `&Session` (the router decides), `key(\"…\")`, `to(\"server-id\")` or `ALL`"
)]
pub trait Target {
    /// [`One`] or [`Each`].
    type Mode: Mode;

    /// What the call takes of it.
    #[doc(hidden)]
    fn destination(&self) -> Destination;
}

/// What a [`Target`] says.
#[doc(hidden)]
#[derive(Clone)]
pub enum Destination {
    Session(Session),
    Key(Arc<str>),
    Server(ServerId),
    All,
}

impl Target for Session {
    type Mode = One;

    fn destination(&self) -> Destination {
        Destination::Session(self.detached())
    }
}

/// A routing key: the router decides, without a session.
#[derive(Debug, Clone)]
pub struct Key(Arc<str>);

/// Sends a call where the router sends this key.
pub fn key(key: impl AsRef<str>) -> Key {
    Key(key.as_ref().into())
}

impl Target for Key {
    type Mode = One;

    fn destination(&self) -> Destination {
        Destination::Key(self.0.clone())
    }
}

/// A server's id.
#[derive(Debug, Clone)]
pub struct To(ServerId);

/// Sends a call to that server.
pub fn to(server: impl Into<ServerId>) -> To {
    To(server.into())
}

impl Target for To {
    type Mode = One;

    fn destination(&self) -> Destination {
        Destination::Server(self.0.clone())
    }
}

/// All servers of the type that are up.
#[derive(Debug, Clone, Copy)]
pub struct All;

/// Sends a call to all servers of its type that are up when it is sent, and awaits all answers. One that is expected and
/// down is not in the answer; one that leaves before it has answered is, with an error.
pub const ALL: All = All;

impl Target for All {
    type Mode = Each;

    fn destination(&self) -> Destination {
        Destination::All
    }
}

impl<T: Target + ?Sized> Target for &T {
    type Mode = T::Mode;

    fn destination(&self) -> Destination {
        T::destination(self)
    }
}

/// How many servers a call goes to.
pub trait Mode: Send + 'static {
    /// What awaiting the call gives, for a method that returns `O`.
    type Output<O>;

    /// Sends the call to as many servers.
    ///
    /// # Cancel safety
    /// As [`Call`](super::Call): dropping it abandons the call.
    #[doc(hidden)]
    fn run<O: DeserializeOwned + Send + 'static>(
        call: Outgoing,
    ) -> BoxFuture<'static, Result<Self::Output<O>>>;
}

/// One server answers.
#[derive(Debug)]
pub struct One;

impl Mode for One {
    type Output<O> = O;

    fn run<O: DeserializeOwned + Send + 'static>(call: Outgoing) -> BoxFuture<'static, Result<O>> {
        Box::pin(async move { call.one().await })
    }
}

/// Every server of the type answers or fails by itself.
#[derive(Debug)]
pub struct Each;

impl Mode for Each {
    type Output<O> = Vec<(ServerId, Result<O>)>;

    fn run<O: DeserializeOwned + Send + 'static>(
        call: Outgoing,
    ) -> BoxFuture<'static, Result<Vec<(ServerId, Result<O>)>>> {
        Box::pin(async move { call.each().await })
    }
}
