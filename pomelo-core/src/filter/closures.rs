//! Closures as filters: pomelo's `app.before` and `app.after`, one half of a filter each.

use std::sync::Arc;

use super::{Filter, Verdict};
use crate::request::Request;
use crate::value::Result;
use crate::wire::Body;

/// What runs before handlers and nothing after them.
pub(crate) struct Before<F>(Arc<F>);

/// What runs after handlers and nothing before them.
pub(crate) struct After<F>(Arc<F>);

impl<F> Before<F> {
    pub(crate) fn new(run: F) -> Self {
        Self(Arc::new(run))
    }
}

impl<F> After<F> {
    pub(crate) fn new(run: F) -> Self {
        Self(Arc::new(run))
    }
}

impl<F> Clone for Before<F> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<F> Clone for After<F> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<F, Fut> Filter for Before<F>
where
    F: Fn(Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Verdict>> + Send + 'static,
{
    fn before<'a>(&'a self, request: &'a Request) -> impl Future<Output = Result<Verdict>> + Send + 'a {
        (self.0)(request.clone())
    }
}

impl<F, Fut> Filter for After<F>
where
    F: Fn(Request, Result<Body>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    fn after<'a>(
        &'a self,
        request: &'a Request,
        outcome: &'a Result<Body>,
    ) -> impl Future<Output = ()> + Send + 'a {
        (self.0)(request.clone(), outcome.clone())
    }
}
