//! A message's way through filters, router and handler to its answer.
//!
//! ```text
//!  before filters ─▶ handler ─▶ (error handler, if anything failed) ─▶ answer ─▶ after filters, in reverse
//!  └────── request_timeout ──┘   └────────────── request_timeout again ────────────────────────┘
//! ```
//!
//! Each step runs within `boundary`, so that a panic is the error of this message. What is ready at once, as
//! nearly all filters are, costs no timer: the time of a message begins to count with the first step that has
//! to wait.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use futures::future::poll_fn;
use tokio::time::{Instant, timeout_at};

use super::Dispatch;
use super::endpoints::{Endpoints, HandlerEndpoint};
use crate::filter::{AnyFilter, ErrorHandler, Verdict};
use crate::frontend::{ClientSession, note_unhandled};
use crate::metrics::Dropped;
use crate::request::Request;
use crate::router::{RouteBy, RoutedMessage, Subject};
use crate::runtime::boundary::{Site, Survive};
use crate::runtime::origin::Scoped;
use crate::runtime::{Within, Work, boundary, origin};
use crate::value::{Error, ErrorKind, Fault, Result, ServerId};
use crate::wire::Body;
use crate::wire::envelope::{Answer, Origin};

/// Whom the answer goes to.
pub(crate) enum ReplyTo<'a> {
    /// A client of this server.
    Client(&'a Arc<ClientSession>),
    /// The frontend that forwarded the message.
    Frontend { server: ServerId, seq: u64 },
}

/// Where a message is handled.
pub(crate) enum Routed {
    Here {
        concurrent: bool,
    },
    At(ServerId),
    /// A global filter has answered it.
    Answered(serde_json::Value),
}

/// What handles a message here.
#[derive(Clone, Copy)]
enum Found<'a> {
    /// The method of its route.
    Method(&'a dyn HandlerEndpoint),
    /// No handler has that route.
    Nothing,
    /// The server has ended, and has no handlers any more.
    Stopping,
}

impl<'a> Found<'a> {
    fn of(endpoints: Option<&'a dyn Endpoints>, request: &Request) -> Self {
        let Some(endpoints) = endpoints else { return Self::Stopping };
        endpoints.handler(request.route()).map_or(Self::Nothing, Self::Method)
    }
}

impl ReplyTo<'_> {
    /// Answers, unless that has happened.
    pub(crate) fn answer(&self, dispatch: &Arc<Dispatch>, request: &Request, outcome: &Result<Body>) {
        match self {
            Self::Client(session) if request.take_answer() => {
                session.respond(request.id(), request.route().as_str(), outcome.as_ref().map(Some));
            }
            Self::Client(_) => dispatch.counters.add(Dropped::LateReply),
            Self::Frontend { server, seq } => forward(dispatch, request, server, *seq, outcome.clone()),
        }
    }
}

/// Answers the frontend that forwarded the message.
fn forward(dispatch: &Arc<Dispatch>, request: &Request, server: &ServerId, seq: u64, outcome: Result<Body>) {
    if request.take_answer() {
        dispatch.reply(server, seq, outcome.map(|body| Answer::Response(request.id().map(|_| body))));
    } else {
        dispatch.counters.add(Dropped::LateReply);
    }
}

/// What the application's code for one message may take together, of one of two kinds: before filters, router and handler; error
/// handler and after filters.
struct Budget<'a> {
    /// Where the time's limit is.
    dispatch: &'a Dispatch,
    /// What a stop that waits for it names.
    request: &'a Request,
    /// When it is used up. It begins with the first code that has to wait.
    until: Option<Instant>,
}

impl<'a> Budget<'a> {
    /// For the error handler and the after filters.
    fn after(dispatch: &'a Dispatch, request: &'a Request) -> Self {
        Self { dispatch, request, until: None }
    }

    /// Runs `work` as long as there is time; none if that is over. What is ready at once costs no timer, and runs also when the
    /// time is over: an after filter that only gives something back always does.
    async fn spend<F: Future + Unpin + Send>(&mut self, work: &mut F) -> Option<F::Output> {
        if let Poll::Ready(done) = at_once(Pin::new(&mut *work)).await {
            return Some(done);
        }
        let limit = self.dispatch.limits.request_timeout;
        let until = *self.until.get_or_insert_with(|| Instant::now() + limit);
        Box::pin(wait(self.dispatch, self.request, until, Pin::new(work))).await
    }
}

/// Waits for what wasn't ready at once; none if it isn't in time. Nearly nothing has to wait, so it is boxed where it does: each
/// task that handles a message has room for its whole future, and copies it.
async fn wait<T>(
    dispatch: &Dispatch,
    request: &Request,
    until: Instant,
    work: Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
    let _entered = dispatch
        .underway
        .enter(Work::Message { route: request.route().clone(), session: request.session().id() });
    timeout_at(until, work).await.ok()
}

/// Polls once.
pub(crate) async fn at_once<F: Future + ?Sized>(mut work: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await
}

/// Until when before filters, router and handler must be done.
fn deadline(dispatch: &Dispatch, request: &Request) -> Instant {
    request.arrived() + dispatch.limits.request_timeout
}

fn late(request: &Request) -> Error {
    Error::of(ErrorKind::Deadline, format_args!("{} took too long", request.route()))
}

/// Polls the handling of a message on behalf of its session and within its span. A panic in there costs no more than that message, which
/// is to be answered with the error.
#[inline]
pub(crate) fn contained<'a, F: Future<Output = ()> + Unpin>(
    dispatch: &'a Dispatch,
    request: &Request,
    handling: F,
) -> Survive<'a, Scoped<F>> {
    let origin = Origin::Handler(request.session().id());
    let handling = origin::scope(origin, handling).within(Within::request(dispatch, request));
    boundary::survive(dispatch, "message", handling)
}

/// On a frontend: the filters that are global, then the router, until the deadline.
pub(crate) async fn route(dispatch: &Arc<Dispatch>, request: &Request) -> Result<Routed> {
    in_time(dispatch, request, pin!(find_route(dispatch, request))).await
}

/// Asks the router again for a message that could not be sent where it said, until the same deadline.
pub(crate) async fn route_again(dispatch: &Arc<Dispatch>, request: &Request) -> Result<ServerId> {
    in_time(dispatch, request, pin!(ask_router(dispatch, request))).await
}

async fn in_time<T>(
    dispatch: &Dispatch,
    request: &Request,
    mut work: Pin<&mut impl Future<Output = Result<T>>>,
) -> Result<T> {
    match at_once(work.as_mut()).await {
        Poll::Ready(routed) => routed,
        Poll::Pending => {
            let waiting = Box::pin(wait(dispatch, request, deadline(dispatch, request), work));
            waiting.await.unwrap_or_else(|| Err(late(request)))
        }
    }
}

/// Runs the global before filters, and asks the router unless the message is for this very type of server.
async fn find_route(dispatch: &Arc<Dispatch>, request: &Request) -> Result<Routed> {
    if let Verdict::Answer(body) = run_before(dispatch, &dispatch.global_filters, request).await? {
        return Ok(Routed::Answered(body));
    }
    let server_type = request.route().server_type();
    if server_type == &*dispatch.info.server_type {
        return Ok(Routed::Here { concurrent: dispatch.is_concurrent(request.route()) });
    }
    ask_router(dispatch, request).await.map(Routed::At)
}

/// Asks the router for the server that handles a message.
async fn ask_router(dispatch: &Arc<Dispatch>, request: &Request) -> Result<ServerId> {
    let by = RouteBy {
        context: dispatch.routers.context().clone(),
        subject: Subject::Session(request.session().clone()),
        message: RoutedMessage::Client { route: request.route().clone(), body: request.body().clone() },
    };
    let site = Site::new(dispatch, "router").on(request);
    let decision = dispatch.routers.route(request.route().server_type(), by, site).await;
    decision.map_err(|error| not_routed(&site, request, error))
}

#[cold]
fn not_routed(site: &Site<'_>, request: &Request, error: Error) -> Error {
    // A route that no server ever had is one that a client has made up.
    let is_made_up = error.kind() == ErrorKind::NoServer && !site.runtime().routes.knows(request.route());
    let mut error = if is_made_up { error.with_fault(Fault::Client) } else { error };
    site.failed(&mut error);
    error
}

/// Answers a message for a global filter.
pub(crate) async fn answer(
    dispatch: &Arc<Dispatch>,
    request: &Request,
    body: serde_json::Value,
    reply_to: &ReplyTo<'_>,
) {
    let outcome = encode(Site::new(dispatch, "before filter").on(request), request, &body);
    reply_to.answer(dispatch, request, &outcome);
    after_global(dispatch, request, &outcome).await;
}

/// Answers a message that reached no handler.
pub(crate) async fn reject(
    dispatch: &Arc<Dispatch>,
    request: &Request,
    mut error: Error,
    reply_to: &ReplyTo<'_>,
) {
    note_unhandled(dispatch, request, &mut error);
    if request.id().is_none() && error.kind() != ErrorKind::Closed {
        dispatch.counters.add(Dropped::Undelivered);
    }
    let mut budget = Budget::after(dispatch, request);
    let outcome =
        map_error(dispatch, dispatch.global_error_handler.as_ref(), request, Err(error), &mut budget).await;
    reply_to.answer(dispatch, request, &outcome);
    run_after(dispatch, &dispatch.global_filters, request, &outcome, &mut budget).await;
}

/// Handles a message here: filters, handler, error handler, answer, filters.
pub(crate) async fn serve(dispatch: &Arc<Dispatch>, request: &Request, reply_to: &ReplyTo<'_>) {
    let endpoints = dispatch.endpoints();
    let found = Found::of(endpoints.as_deref(), request);
    let outcome = within(dispatch, request, found, reply_to).await;
    let stats = if let Found::Method(method) = found { method.stats() } else { dispatch.stats.unknown() };
    stats.add(outcome.as_ref().err(), request.arrived().elapsed());
    let mut budget = Budget::after(dispatch, request);
    let outcome = map_error(dispatch, dispatch.error_handler.as_ref(), request, outcome, &mut budget).await;
    if let (ReplyTo::Frontend { server, seq }, true) = (reply_to, dispatch.filters.is_empty()) {
        // Nobody else wants to see the answer, so it needs no copy.
        return forward(dispatch, request, server, *seq, outcome);
    }
    reply_to.answer(dispatch, request, &outcome);
    run_after(dispatch, &dispatch.filters, request, &outcome, &mut budget).await;
    if let ReplyTo::Client(_) = reply_to {
        run_after(dispatch, &dispatch.global_filters, request, &outcome, &mut budget).await;
    }
}

/// Runs the global after filters; the response is queued already.
pub(crate) async fn after_global(dispatch: &Arc<Dispatch>, request: &Request, outcome: &Result<Body>) {
    run_after(dispatch, &dispatch.global_filters, request, outcome, &mut Budget::after(dispatch, request))
        .await;
}

/// Runs filters and handler until the deadline; no timer is made for one that is ready at once.
async fn within(
    dispatch: &Arc<Dispatch>,
    request: &Request,
    found: Found<'_>,
    reply_to: &ReplyTo<'_>,
) -> Result<Body> {
    let mut work = pin!(run(dispatch, request, found));
    if let Poll::Ready(outcome) = at_once(work.as_mut()).await {
        return outcome;
    }
    let deadline = deadline(dispatch, request);
    if let Some(by) = request.answer_by().filter(|by| *by < deadline) {
        if let Some(outcome) = Box::pin(wait(dispatch, request, by, work.as_mut())).await {
            return outcome;
        }
        reply_to.answer(dispatch, request, &Err(given_up(dispatch, request)));
    }
    Box::pin(wait(dispatch, request, deadline, work))
        .await
        .unwrap_or_else(|| Err(given_up(dispatch, request)))
}

/// The error of a handler that took too long.
#[cold]
fn given_up(dispatch: &Dispatch, request: &Request) -> Error {
    let mut error = late(request);
    Site::new(dispatch, "handler").on(request).failed(&mut error);
    error
}

/// Runs the before filters and the handler.
async fn run(dispatch: &Arc<Dispatch>, request: &Request, found: Found<'_>) -> Result<Body> {
    if let Verdict::Answer(body) = run_before(dispatch, &dispatch.filters, request).await? {
        return encode(Site::new(dispatch, "before filter").on(request), request, &body);
    }
    // Made where it is used, here and below: kept while the application's code runs, it would lie in the future twice.
    let site = || Site::new(dispatch, "handler").on(request);
    let handled = match found {
        Found::Method(method) => {
            boundary::run(site(), (method, request), |(method, request)| method.handle(request)).await
        }
        Found::Nothing => Err(no_handler(request)),
        Found::Stopping => return Err(stopping()),
    };
    handled.flatten().map_err(|error| logged(&site(), error))
}

#[cold]
fn no_handler(request: &Request) -> Error {
    let why = format_args!("no handler for {}", request.route());
    Error::of(ErrorKind::NoSuchMethod, why).with_fault(Fault::Client)
}

/// The error of what comes to a server that has ended.
#[cold]
pub(crate) fn stopping() -> Error {
    Error::of(ErrorKind::Closed, "the server is stopping")
}

/// The error, which is logged.
#[cold]
fn logged(site: &Site<'_>, mut error: Error) -> Error {
    site.failed(&mut error);
    error
}

/// Encodes what the code at `site` answers.
fn encode(site: Site<'_>, request: &Request, body: &serde_json::Value) -> Result<Body> {
    request.encode(body).map_err(|error| logged(&site, error))
}

async fn run_before(
    dispatch: &Dispatch,
    filters: &[Arc<dyn AnyFilter>],
    request: &Request,
) -> Result<Verdict> {
    for filter in filters {
        let site = || Site::new(dispatch, "before filter").on(request);
        let verdict = boundary::run(site(), (filter, request), |(filter, request)| filter.before(request));
        match verdict.await.flatten() {
            Ok(Verdict::Continue) => {}
            Ok(Verdict::Answer(body)) => return Ok(Verdict::Answer(body)),
            Err(error) => return Err(logged(&site(), error)),
        }
    }
    Ok(Verdict::Continue)
}

/// Runs all after filters: also where a before filter has failed, and after one of them has.
async fn run_after(
    dispatch: &Dispatch,
    filters: &[Arc<dyn AnyFilter>],
    request: &Request,
    outcome: &Result<Body>,
    budget: &mut Budget<'_>,
) {
    for filter in filters.iter().rev() {
        let site = || Site::new(dispatch, "after filter").on(request);
        let args = (&**filter, request, outcome);
        let mut after =
            boundary::run(site(), args, |(filter, request, outcome)| filter.after(request, outcome));
        if budget.spend(&mut after).await.is_none() {
            site().failed(&mut late(request));
        }
    }
}

/// Lets the application's error handler replace what a failed request is answered.
async fn map_error(
    dispatch: &Dispatch,
    handler: Option<&ErrorHandler>,
    request: &Request,
    outcome: Result<Body>,
    budget: &mut Budget<'_>,
) -> Result<Body> {
    let (Err(error), Some(handler)) = (&outcome, handler) else { return outcome };
    let site = || Site::new(dispatch, "error handler").on(request);
    let args = (handler, error, request);
    let mapping = boundary::run(site(), args, |(handler, error, request)| {
        handler(error.clone(), request.clone(), error.body().cloned())
    });
    let mapped = budget.spend(&mut { mapping }).await;
    match mapped {
        Some(Ok(Some(body))) => encode(site(), request, &body),
        // The boundary has logged a panic.
        Some(Ok(None) | Err(_)) => outcome,
        None => {
            site().failed(&mut late(request));
            outcome
        }
    }
}
