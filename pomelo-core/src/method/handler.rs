//! Handlers: what answers clients. `#[handler]` writes the implementations.

use futures::future::BoxFuture;

use crate::inject::{Context, Injected};
use crate::request::Request;
use crate::value::Result;
use crate::wire::Body;

/// A method of a handler or a remote, as `#[handler]` and `#[remote]` list it.
#[derive(Clone, Copy)]
pub struct Method {
    /// What [`Handler::call`] and [`Remote::call`](super::remote::Remote::call) know it by. Append-only.
    pub id: u16,
    /// Its name on the wire.
    pub name: &'static str,
    /// Whether it may run beside earlier requests of its session: `#[pomelo(concurrent)]`.
    pub concurrent: bool,
    /// Its `&T` parameters.
    pub injects: &'static [Injected],
}

/// The name and the methods of a handler; also of a handler's trait, as `dyn Trait`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "put `#[pomelo::handler]` on its `impl` block, or take it out of `handlers: […]`"
)]
pub trait HandlerContract {
    /// The second part of its routes, such as `chatHandler`.
    const NAME: &'static str;
    /// What clients can call.
    const METHODS: &'static [Method];
}

/// A handler in an application whose app type is `A`.
pub trait Handler<A>: HandlerContract + Send + Sync + 'static {
    /// Runs the method of that id.
    ///
    /// # Cancel safety
    /// It is dropped where it waits at its deadline, or when the server is out of time to stop; the client gets an error.
    fn call<'a>(&'a self, cx: Context<'a, A, Request>, method: u16) -> BoxFuture<'a, Result<Body>>;
}

/// How a handler or a remote is made when its server starts.
///
/// The attributes implement it: by the type's `new(app: App)`, `new(app: &App)` or `new()` where there is one, else
/// the type is a unit struct.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be made from this cluster's app",
    label = "its block needs `fn new(app: App)`, `fn new(app: &App)` or `fn new()`",
    note = "what implements a trait is listed as `impl Trait`, and mounted by the builder"
)]
pub trait FromApp<A>: Sized {
    /// Makes it.
    fn from_app(app: &A) -> Self;
}
