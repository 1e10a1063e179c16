//! Spans: say where a log line of the application comes from, such as `request{server=chat-1 route=chat.roomHandler.send …}`.
//!
//! The application's code for one message, call or hook runs within one span of target `pomelo` and level INFO, at each poll: before
//! an await and after it, in filters, routers and error handlers as in handlers. Its fields are named as those of the server's own log
//! lines: `server`, `route` or `method`, `session`, `uid`. All spans are made here; where no subscriber wants them that costs a comparison.

use std::pin::Pin;
use std::task::{Context, Poll};

use tracing::level_filters::LevelFilter;
use tracing::span::Entered;
use tracing::{Level, Span, info_span};

use super::Runtime;
use super::boundary::ClientMessage;
use crate::value::ServerId;
use crate::wire::envelope::{Origin, Snapshot};

/// A span, or none where no subscriber wants it. Each future that handles a message has one, so it is no larger than a pointer.
#[derive(Default)]
pub(crate) struct Within(Option<Box<Span>>);

impl Within {
    /// For a client's message, with the user that its session has when its handling begins.
    #[inline]
    pub(crate) fn request(runtime: &Runtime, message: &impl ClientMessage) -> Self {
        Self::wanted(|| {
            info_span!(
                target: "pomelo",
                "request",
                server = %runtime.info.id,
                route = message.route().as_str(),
                session = %message.session_id(),
                uid = message.uid().as_deref(),
            )
        })
    }

    /// For a call of a remote, with the session in whose handler the caller is. Whose that is, a call doesn't say.
    #[inline]
    pub(crate) fn call(runtime: &Runtime, from: &ServerId, method: u32, origin: Origin) -> Self {
        Self::wanted(|| {
            // All fields are found in there, where a subscriber wants the span.
            info_span!(
                target: "pomelo",
                "call",
                server = %runtime.info.id,
                method = runtime.method_name(method).as_deref(),
                %from,
                session = origin.session().map(tracing::field::display),
            )
        })
    }

    /// For a hook, listener or step of a component.
    pub(crate) fn hook(runtime: &Runtime, what: &str) -> Self {
        Self::wanted(|| info_span!(target: "pomelo", "hook", server = %runtime.info.id, what))
    }

    /// For a hook that runs for a session.
    pub(crate) fn hook_of(runtime: &Runtime, what: &str, session: &Snapshot) -> Self {
        Self::wanted(|| {
            info_span!(
                target: "pomelo",
                "hook",
                server = %runtime.info.id,
                what,
                session = %session.id,
                uid = session.uid.as_deref(),
            )
        })
    }

    /// The one that this code runs in, for what it has done in another task.
    pub(crate) fn current() -> Self {
        Self::wanted(Span::current)
    }

    #[inline]
    fn wanted(make: impl FnOnce() -> Span) -> Self {
        if LevelFilter::current() < Level::INFO {
            return Self(None);
        }
        make_if_wanted(make)
    }

    /// Enters it, as long as what is returned lives.
    #[inline]
    pub(crate) fn enter(&self) -> Option<Entered<'_>> {
        self.0.as_ref().map(|span| span.enter())
    }

    /// Polls a future within it.
    pub(crate) fn poll<F: Future + Unpin>(self, future: F) -> Spanned<F> {
        Spanned { within: self, future }
    }
}

#[cold]
fn make_if_wanted(make: impl FnOnce() -> Span) -> Within {
    let span = make();
    Within((!span.is_disabled()).then(|| Box::new(span)))
}

/// See [`Within::poll`].
#[must_use = "it does nothing unless it is awaited"]
pub(crate) struct Spanned<F> {
    within: Within,
    future: F,
}

impl<F: Future + Unpin> Future for Spanned<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { within, future } = &mut *self;
        let _entered = within.enter();
        Pin::new(future).poll(cx)
    }
}
