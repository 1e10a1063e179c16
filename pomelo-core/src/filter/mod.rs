//! Filters: what runs before and after handlers.

mod bundled;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use serde_json::Value;

pub use bundled::{Serial, Time, Timeout, TooBusy};

use crate::app::Core;
use crate::error::{Error, Result};
use crate::message::{Body, Request};

/// What a before filter decides.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// Go on to the next filter, or the handler.
    Continue,
    /// Answer this and skip the handler.
    Answer(Value),
}

/// Runs before and after the handlers of a server, or globally around routing on a frontend.
///
/// Before filters run in the order in which they were added, after filters in reverse.
pub trait Filter: Send + Sync + 'static {
    /// Runs before the handler.
    ///
    /// # Errors
    /// The handler is skipped, and the error is what the request ends with.
    fn before<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Verdict>> {
        let _ = request;
        Box::pin(GoOn)
    }

    /// Runs once the response is queued; it can't change it.
    fn after<'a>(&'a self, request: &'a Request, outcome: &'a Result<Body>) -> BoxFuture<'a, ()> {
        let _ = (request, outcome);
        Box::pin(Done)
    }
}

/// A before filter that lets the message go on. As [`Done`], it allocates nothing.
struct GoOn;

impl Future for GoOn {
    type Output = Result<Verdict>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(Verdict::Continue))
    }
}

/// A future that is done. It has no size, so that its box allocates nothing; every request meets one for each filter.
struct Done;

impl Future for Done {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// Makes a server's instance of a filter.
pub trait FilterFactory: Send + Sync + 'static {
    /// Makes it.
    fn build(&self, app: &Core) -> Arc<dyn Filter>;
}

impl<F: Filter + Clone> FilterFactory for F {
    fn build(&self, _: &Core) -> Arc<dyn Filter> {
        Arc::new(self.clone())
    }
}

/// The application's handler of errors: gets the error, the message with its session, and the response so far, and
/// may return another response.
pub type ErrorHandler =
    Arc<dyn Fn(Error, Request, Option<Value>) -> BoxFuture<'static, Option<Value>> + Send + Sync>;
