//! A message's way through filters, router and handler to its answer.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures::FutureExt;
use tokio::time::{Instant, timeout_at};

use crate::app::Core;
use crate::counters::Dropped;
use crate::envelope::Answer;
use crate::error::{Error, ErrorKind, Result};
use crate::filter::{ErrorHandler, Filter, Verdict};
use crate::message::{Body, Request};
use crate::router::{RouteBy, RoutedMessage, Subject};
use crate::server::ServerId;
use crate::session::ClientSession;

/// Whom the answer goes to.
pub(crate) enum Answerer {
    /// A client of this server.
    Client(Arc<ClientSession>),
    /// The frontend that forwarded the message.
    Frontend { server: ServerId, seq: u64 },
}

/// Where a message is handled.
pub(crate) enum Placed {
    Here {
        concurrent: bool,
    },
    At(ServerId),
    /// A global filter has answered it.
    Answered(serde_json::Value),
}

impl Answerer {
    fn answer(&self, core: &Arc<Core>, request: &Request, outcome: &Result<Body>) {
        match self {
            Self::Client(session) if request.take_answer() => {
                session.respond(request.id(), request.route().as_str(), outcome.as_ref().map(Some));
            }
            Self::Client(_) => core.counters.add(Dropped::LateReply),
            Self::Frontend { server, seq } => forward(core, request, server, *seq, outcome.clone()),
        }
    }
}

/// Answers the frontend that forwarded the message.
fn forward(core: &Arc<Core>, request: &Request, server: &ServerId, seq: u64, outcome: Result<Body>) {
    if request.take_answer() {
        core.reply(server, seq, outcome.map(|body| Answer::Response(request.id().map(|_| body))));
    } else {
        core.counters.add(Dropped::LateReply);
    }
}

/// On a frontend: the filters that are global, then the router.
pub(crate) async fn place(core: &Arc<Core>, request: &Request) -> Result<Placed> {
    if let Verdict::Answer(body) = run_before(&core.global_filters, request).await? {
        return Ok(Placed::Answered(body));
    }
    let server_type = request.route().server_type();
    if server_type == &*core.info.server_type {
        let concurrent = core.node().is_some_and(|node| node.is_concurrent(request.route()));
        return Ok(Placed::Here { concurrent });
    }
    let by = RouteBy {
        core: core.clone(),
        subject: Subject::Session(request.session().clone()),
        message: RoutedMessage::Client { route: request.route().clone(), body: request.body().clone() },
    };
    core.route(server_type, by).await.map(Placed::At)
}

/// Answers a message for a global filter.
pub(crate) async fn answer(
    core: &Arc<Core>,
    request: &Request,
    body: serde_json::Value,
    answerer: &Answerer,
) {
    let outcome = request.encode(&body);
    answerer.answer(core, request, &outcome);
    finished(core, request, answerer, &outcome).await;
}

/// Answers a message that reached no handler.
pub(crate) async fn refuse(core: &Arc<Core>, request: &Request, error: Error, answerer: &Answerer) {
    tracing::debug!(route = %request.route(), %error, "a message reached no handler");
    let outcome = mend(core.global_error_handler.as_ref(), request, Err(error)).await;
    answerer.answer(core, request, &outcome);
    finished(core, request, answerer, &outcome).await;
}

/// Handles a message here: filters, handler, error handler, answer, filters.
pub(crate) async fn serve(core: &Arc<Core>, request: &Request, answerer: &Answerer) {
    let deadline = request.arrived() + core.limits.request_timeout;
    let outcome = within(core, request, answerer, deadline).await;
    if let Err(error) = &outcome {
        tracing::debug!(route = %request.route(), %error, "a handler failed");
    }
    core.tallies.handled(core, request.route(), outcome.is_err(), request.arrived().elapsed());
    let outcome = mend(core.error_handler.as_ref(), request, outcome).await;
    if let (Answerer::Frontend { server, seq }, true) = (answerer, core.filters.is_empty()) {
        // Nobody else wants to see the answer, so it needs no copy.
        return forward(core, request, server, *seq, outcome);
    }
    answerer.answer(core, request, &outcome);
    for filter in core.filters.iter().rev() {
        filter.after(request, &outcome).await;
    }
    finished(core, request, answerer, &outcome).await;
}

/// What a frontend does once a request of a client of its own is answered.
async fn finished(core: &Arc<Core>, request: &Request, answerer: &Answerer, outcome: &Result<Body>) {
    let Answerer::Client(session) = answerer else { return };
    session.answered();
    after_global(core, request, outcome).await;
}

/// Runs the global after filters; the response is queued already.
pub(crate) async fn after_global(core: &Arc<Core>, request: &Request, outcome: &Result<Body>) {
    for filter in core.global_filters.iter().rev() {
        filter.after(request, outcome).await;
    }
}

/// Runs filters and handler until the deadline; no timer is made for one that is ready at once.
async fn within(core: &Arc<Core>, request: &Request, answerer: &Answerer, deadline: Instant) -> Result<Body> {
    let mut work = pin!(AssertUnwindSafe(run(core, request)).catch_unwind());
    let first = futures::future::poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await;
    let late = || Error::of(ErrorKind::Deadline, format_args!("{} took too long", request.route()));
    let ended = match (first, request.answer_by().filter(|by| *by < deadline)) {
        (Poll::Ready(ended), _) => Ok(ended),
        (Poll::Pending, None) => timeout_at(deadline, work).await,
        (Poll::Pending, Some(by)) => match timeout_at(by, work.as_mut()).await {
            Ok(ended) => Ok(ended),
            Err(_) => {
                answerer.answer(core, request, &Err(late()));
                timeout_at(deadline, work).await
            }
        },
    };
    match ended {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Error::of(ErrorKind::Panic, format_args!("{} panicked", request.route()))),
        Err(_) => Err(late()),
    }
}

async fn run(core: &Arc<Core>, request: &Request) -> Result<Body> {
    if let Verdict::Answer(body) = run_before(&core.filters, request).await? {
        return request.encode(&body);
    }
    let unknown = || Error::of(ErrorKind::NoSuchMethod, format_args!("no handler for {}", request.route()));
    core.node().ok_or_else(unknown)?.handle(request).await
}

async fn run_before(filters: &[Arc<dyn Filter>], request: &Request) -> Result<Verdict> {
    for filter in filters {
        if let Verdict::Answer(body) = filter.before(request).await? {
            return Ok(Verdict::Answer(body));
        }
    }
    Ok(Verdict::Continue)
}

/// Lets the application's error handler replace what a failed request is answered.
async fn mend(handler: Option<&ErrorHandler>, request: &Request, outcome: Result<Body>) -> Result<Body> {
    let (Err(error), Some(handler)) = (&outcome, handler) else { return outcome };
    let response = error.body().cloned();
    let mended = AssertUnwindSafe(handler(error.clone(), request.clone(), response)).catch_unwind().await;
    match mended {
        Ok(Some(body)) => request.encode(&body),
        Ok(None) => outcome,
        Err(_) => {
            tracing::error!(route = %request.route(), "the error handler panicked");
            outcome
        }
    }
}
