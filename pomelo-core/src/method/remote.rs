//! Remotes: what other servers can call. `#[remote]` writes the implementations.

use std::any::{Any, TypeId};

use bytes::Bytes;
use futures::future::BoxFuture;
use serde::Serialize;

use super::handler::Method;
use crate::args::pack;
use crate::inject::{Context, Provider};
use crate::rpc::RpcClient;
use crate::value::{ErrorCode, Result, ServerId};

/// The name, the methods and the typed proxy of a remote; also of a remote's trait, as `dyn Trait`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a remote",
    label = "put `#[pomelo::remote]` on its `impl` block, or take it out of `remotes: […]`"
)]
pub trait Contract {
    /// What a caller's `app.rpc.<type>.<remote>` is.
    type Proxy: Proxy;
    /// Its name on the wire, such as `chatRemote`.
    const NAME: &'static str;
    /// What other servers can call.
    const METHODS: &'static [Method];
}

/// A typed proxy, made from the client that carries its calls.
pub trait Proxy: Sized {
    /// Makes it.
    fn bind(client: RpcClient) -> Self;
}

/// A remote in an application whose app type is `A`.
pub trait Remote<A>: Contract + Send + Sync + 'static {
    /// Runs the method of that id; the bytes are the MessagePack of what it returned.
    ///
    /// # Cancel safety
    /// It is dropped where it waits when the server is out of time to stop; the caller gets an error.
    fn call<'a>(&'a self, cx: Context<'a, A, Inbound>, method: u16) -> BoxFuture<'a, Result<Bytes>>;
}

/// A call that arrived, as a remote's method may borrow it.
#[derive(Clone)]
pub struct Inbound {
    pub(crate) from: ServerId,
    pub(crate) args: Bytes,
}

impl Inbound {
    /// The server that calls.
    pub fn from(&self) -> &ServerId {
        &self.from
    }

    /// The arguments: a MessagePack array.
    pub fn args(&self) -> &Bytes {
        &self.args
    }
}

impl Provider for Inbound {
    fn part(&self, id: TypeId) -> Option<&dyn Any> {
        (id == TypeId::of::<Self>()).then_some(self)
    }

    fn has(id: TypeId) -> bool {
        id == TypeId::of::<Self>()
    }
}

/// What a remote's method may return: `Result<T, E>` of a `T` that serde can write and read and an
/// [`ErrorCode`], or `()`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a return type for a remote method",
    label = "return `pomelo::Result<T>` with a `T` that is `Serialize` and `Deserialize`, or nothing"
)]
pub trait IntoReply {
    /// What the caller gets if all goes well.
    type Ok;

    /// Encodes it for the caller.
    ///
    /// # Errors
    /// The method's own error, or one of encoding.
    fn into_reply(self) -> Result<Bytes>;
}

impl IntoReply for () {
    type Ok = ();

    fn into_reply(self) -> Result<Bytes> {
        pack(&())
    }
}

impl<T: Serialize, E: ErrorCode> IntoReply for Result<T, E> {
    type Ok = T;

    fn into_reply(self) -> Result<Bytes> {
        pack(&self.map_err(ErrorCode::into_error)?)
    }
}
