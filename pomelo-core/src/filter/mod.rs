//! Filters: what runs before and after handlers.
//!
//! ```text
//!  at the frontend                         at the server that has the handler
//!  global before ─▶ router ──────────────▶ before, in order ─▶ handler ─▶ error handler ─┐
//!    │ answers, or fails:                    │ answers, or fails: handler skipped        │
//!    ▼ not routed                            ▼                                           ▼
//!  global after  ◀─────────────────────────── the response is queued ─▶ after, in reverse
//! ```
//!
//! Before and after filters are a pair: once a message has met the before filters, all after filters run,
//! whatever happened. Before filters, router and handler have
//! [`request_timeout`](crate::value::Limits::request_timeout) together; error handler and after filters have
//! as long again.
//!
//! pomelo's server-local after filters run before the response leaves, and may replace it. Here no after
//! filter can: that is what the error handler and the handler itself are for.

mod bundled;
mod closures;

pub use self::bundled::{Serial, Time, Timeout, TooBusy};
pub(crate) use self::closures::{After, Before};

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use serde_json::Value;

use crate::context::ServerContext;
use crate::request::Request;
use crate::value::{Error, Result};
use crate::wire::Body;

/// What a before filter decides.
///
/// An error is the third outcome: the handler is skipped, and the client gets the error's response.
///
/// ```
/// use pomelo::filter::Verdict;
/// use serde_json::json;
///
/// let closed = Verdict::Answer(json!({ "code": 503, "text": "back at noon" }));
/// assert!(matches!(closed, Verdict::Answer(_)));
/// ```
#[derive(Debug, Clone)]
pub enum Verdict {
    /// Go on to the next filter, or the handler.
    Continue,
    /// Answer this and skip the handler.
    Answer(Value),
}

/// Runs before and after the handlers of a server, or globally around routing on a frontend.
///
/// Before filters run in the order in which they were added, after filters in reverse. A type that is
/// [`Clone`] can be given to [`Configure::filter`](crate::app::Configure::filter),
/// [`Configure::global_filter`](crate::app::Configure::global_filter) or
/// [`Builder::filter`](crate::app::Builder::filter) as it is; where each server needs an instance that is
/// made for it, a [`FilterFactory`] makes it.
///
/// ```
/// use pomelo::filter::{Filter, Verdict};
/// use pomelo::{Error, Request, Result};
///
/// /// Lets users in only.
/// #[derive(Clone)]
/// struct UsersOnly;
///
/// impl Filter for UsersOnly {
///     async fn before(&self, request: &Request) -> Result<Verdict> {
///         match request.session().uid() {
///             Some(_) => Ok(Verdict::Continue),
///             None => Err(Error::new(403, "log in first")),
///         }
///     }
/// }
/// ```
///
/// An `async fn` allocates its future, some hundred nanoseconds a message. One that has nothing to await can
/// do without: written as `fn before(&self, request: &Request) -> impl Future<Output = Result<Verdict>> +
/// Send`, it does its work and returns [`GoOn`], or [`Done`] after the handler. A method that returns a
/// [`BoxFuture`] of the lifetime of what it gets is one, too.
///
/// There are no filters around calls between servers, which pomelo has by `rpcFilter`: what a call may do is
/// the remote's to decide.
#[doc(alias = "rpcFilter")]
pub trait Filter: Send + Sync + 'static {
    /// Runs before the handler.
    ///
    /// # Errors
    /// The handler is skipped, and the error is what the request ends with.
    ///
    /// # Cancel safety
    /// It is dropped where it waits, if the message's time is over.
    ///
    /// It may read the body as any type, as the handler does after it:
    ///
    /// ```
    /// # use pomelo::filter::{Filter, Verdict};
    /// # use pomelo::{Request, Result};
    /// # use serde_json::json;
    /// #[derive(serde::Deserialize)]
    /// struct Said {
    ///     #[serde(default)]
    ///     text: String,
    /// }
    ///
    /// # struct Polite;
    /// # impl Filter for Polite {
    /// async fn before(&self, request: &Request) -> Result<Verdict> {
    ///     let said: Said = request.decode()?;
    ///     Ok(match said.text.contains("darn") {
    ///         true => Verdict::Answer(json!({ "code": 400, "text": "be polite" })),
    ///         false => Verdict::Continue,
    ///     })
    /// }
    /// # }
    /// ```
    fn before<'a>(&'a self, request: &'a Request) -> impl Future<Output = Result<Verdict>> + Send + 'a {
        let _ = request;
        GoOn
    }

    /// Runs once the response is queued; it can't change it.
    ///
    /// # Cancel safety
    /// It is dropped where it waits, if the time for error handler and after filters is over.
    fn after<'a>(
        &'a self,
        request: &'a Request,
        outcome: &'a Result<Body>,
    ) -> impl Future<Output = ()> + Send + 'a {
        let _ = (request, outcome);
        Done
    }
}

/// [`Filter`] as what it can be behind a pointer.
pub(crate) trait AnyFilter: Send + Sync {
    fn before<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Verdict>>;
    fn after<'a>(&'a self, request: &'a Request, outcome: &'a Result<Body>) -> BoxFuture<'a, ()>;
}

impl<F: Filter> AnyFilter for F {
    fn before<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Verdict>> {
        Box::pin(Filter::before(self, request))
    }

    fn after<'a>(&'a self, request: &'a Request, outcome: &'a Result<Body>) -> BoxFuture<'a, ()> {
        Box::pin(Filter::after(self, request, outcome))
    }
}

/// The future of a before filter that lets the message go on. As [`Done`], it allocates nothing.
///
/// ```
/// # use pomelo::Request;
/// use pomelo::filter::{Filter, GoOn, Verdict};
///
/// struct Count(std::sync::atomic::AtomicU64);
///
/// impl Filter for Count {
///     fn before(&self, _: &Request) -> impl Future<Output = pomelo::Result<Verdict>> + Send {
///         self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
///         GoOn
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct GoOn;

impl Future for GoOn {
    type Output = Result<Verdict>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(Verdict::Continue))
    }
}

/// The future of an after filter that is done. It has no size, so that its box allocates nothing; every request meets one for each
/// filter.
#[derive(Debug, Clone, Copy)]
pub struct Done;

impl Future for Done {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// Makes a server's instance of a filter. Each [`Filter`] that is [`Clone`] is one: every server gets a clone.
///
/// ```
/// use std::collections::HashSet;
/// use std::sync::Mutex;
/// use pomelo::filter::{Filter, FilterFactory, Verdict};
/// use pomelo::server::ServerContext;
/// use pomelo::{Request, Result};
///
/// /// Refuses what a server's settings name: `app.set("closedRoutes", ["chat.roomHandler.shout"])`.
/// struct ClosedRoutes;
///
/// impl FilterFactory for ClosedRoutes {
///     fn build(&self, app: &ServerContext) -> impl Filter {
///         Closed(app.get("closedRoutes").unwrap_or_default())
///     }
/// }
///
/// struct Closed(HashSet<String>);
///
/// impl Filter for Closed {
///     async fn before(&self, request: &Request) -> Result<Verdict> {
///         match self.0.contains(request.route().as_str()) {
///             true => Ok(Verdict::Answer(serde_json::json!({ "code": 403 }))),
///             false => Ok(Verdict::Continue),
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a filter",
    label = "implement `pomelo::filter::Filter` and `Clone` for it",
    note = "or implement `pomelo::filter::FilterFactory`, where each server needs an instance of its own"
)]
pub trait FilterFactory: Send + Sync + 'static {
    /// Makes it.
    ///
    /// It runs once, while the server is put together: settings are there, other servers are not.
    fn build(&self, app: &ServerContext) -> impl Filter;
}

impl<F: Filter + Clone> FilterFactory for F {
    fn build(&self, _: &ServerContext) -> impl Filter {
        self.clone()
    }
}

/// [`FilterFactory`] as what it can be behind a pointer.
pub(crate) type Factory = Arc<dyn Fn(&ServerContext) -> Arc<dyn AnyFilter> + Send + Sync>;

/// Hides the type of a factory.
///
/// All instances of one server are made of one factory, and those of another server of the same.
pub(crate) fn factory(factory: impl FilterFactory) -> Factory {
    Arc::new(move |app| Arc::new(factory.build(app)))
}

/// The application's handler of errors: gets the error, the message with its session, and the response so far, and
/// may return another response.
///
/// [`Configure::error_handler`](crate::app::Configure::error_handler) takes a closure and makes one of it;
/// pomelo's has five or six parameters, and the response is the third.
///
/// ```
/// use std::sync::Arc;
/// use pomelo::filter::ErrorHandler;
/// use serde_json::json;
///
/// let handler: ErrorHandler = Arc::new(|error, request, _response| {
///     Box::pin(async move {
///         let known = request.session().uid().is_some();
///         Some(json!({ "code": error.code(), "known": known }))
///     })
/// });
/// ```
#[doc(alias = "errorHandler")]
#[doc(alias = "globalErrorHandler")]
pub type ErrorHandler =
    Arc<dyn Fn(Error, Request, Option<Value>) -> BoxFuture<'static, Option<Value>> + Send + Sync>;
