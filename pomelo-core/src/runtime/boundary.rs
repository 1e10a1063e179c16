//! The boundary around the application's code: a bulkhead, so that one mistake costs one call.
//!
//! Filters, routers, handlers, remotes, hooks, listeners, error handlers, components: whatever the application has given the
//! server to run is run by [`call`] or [`run`]. A panic in there becomes an error of kind [`ErrorKind::Panic`], is logged with
//! its [`Site`] and counted; the queue, lane, link or lock that came by goes on. Code that keeps its thread for longer than
//! [`BLOCKED_FROM`] is logged by name, since everything else that the thread should do has waited meanwhile.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;

use super::failure::{Shortened, line, quietly};
use super::{Runtime, panics};
use crate::value::{Error, ErrorKind, Result, Route, ServerId, SessionId, Uid, beginning};
use crate::wire::envelope::Snapshot;

/// Synchronous code that takes longer is logged. Far longer than any step of a game should be, and than a busy machine makes of
/// a short one.
const BLOCKED_FROM: Duration = Duration::from_secs(1);

/// How often the clock of this module ticks: it only has to tell a second from less.
const CLOCK_TICK: Duration = Duration::from_millis(250);

/// How many ticks can't pass in less than [`BLOCKED_FROM`].
const BLOCKED_TICKS: u64 = BLOCKED_FROM.as_millis().div_ceil(CLOCK_TICK.as_millis()) as u64 + 1;

/// Panics whose texts begin with so many same bytes, at the same place, are the same panic.
const PANIC_KEY_BYTES: usize = 64;

/// So much of what a panic says is in the error that it becomes.
const MAX_PANIC_TEXT_BYTES: usize = 256;

/// Counts [`CLOCK_TICK`]s. Reading it costs an instruction, reading the system's clock as much as a filter.
static TICKS: AtomicU64 = AtomicU64::new(0);

/// Which code of the application runs, for logs and errors. Nothing is formatted before something goes wrong.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    /// Where panics and long runs are counted and logged.
    runtime: &'a Runtime,
    /// What kind of code it is, such as `handler`.
    what: &'static str,
    /// Whose it is: a route, a session, a channel.
    subject: Subject<'a>,
}

/// A client's message, as far as logs name it.
pub(crate) trait ClientMessage: Send + Sync {
    /// Where the client sent it.
    fn route(&self) -> &Route;

    /// The session that sent it.
    fn session_id(&self) -> SessionId;

    /// The user of that session now.
    fn uid(&self) -> Option<Uid>;
}

#[derive(Clone, Copy)]
enum Subject<'a> {
    None,
    Named(&'a str),
    Message(&'a dyn ClientMessage),
    Remote(u32),
    Call { service: &'a str, method: &'a str },
    Session(&'a Snapshot),
    Delivery { route: &'a str, session: SessionId },
}

impl<'a> Site<'a> {
    /// A kind of code, such as `router`, at a server.
    pub(crate) fn new(runtime: &'a Runtime, what: &'static str) -> Self {
        Self { runtime, what, subject: Subject::None }
    }

    /// One of several of its kind.
    pub(crate) fn named(self, name: &'a str) -> Self {
        Self { subject: Subject::Named(name), ..self }
    }

    /// What runs for a client's message.
    pub(crate) fn on(self, message: &'a dyn ClientMessage) -> Self {
        Self { subject: Subject::Message(message), ..self }
    }

    /// The remote's method of that number.
    pub(crate) fn method(self, method: u32) -> Self {
        Self { subject: Subject::Remote(method), ..self }
    }

    /// What runs for a call that is on its way out.
    pub(crate) fn calling(self, service: &'a str, method: &'a str) -> Self {
        Self { subject: Subject::Call { service, method }, ..self }
    }

    /// What runs for a session.
    pub(crate) fn of(self, session: &'a Snapshot) -> Self {
        Self { subject: Subject::Session(session), ..self }
    }

    /// What decides whether a session gets a push.
    pub(crate) fn delivering(self, route: &'a str, session: SessionId) -> Self {
        Self { subject: Subject::Delivery { route, session }, ..self }
    }

    pub(crate) fn runtime(&self) -> &'a Runtime {
        self.runtime
    }

    pub(crate) fn server(&self) -> &'a ServerId {
        &self.runtime.info.id
    }

    pub(crate) fn what(&self) -> &'static str {
        self.what
    }

    /// Whether its [name](Self::name) is that of a remote's method, and not a route.
    pub(crate) fn is_method(&self) -> bool {
        matches!(self.subject, Subject::Remote(_) | Subject::Call { .. })
    }

    /// Whether a client has made its name up.
    pub(crate) fn is_made_up(&self) -> bool {
        matches!(self.subject, Subject::Message(message) if !self.runtime.routes.knows(message.route()))
    }

    pub(crate) fn name(&self) -> Option<String> {
        match self.subject {
            Subject::None | Subject::Session(_) => None,
            Subject::Named(name) => Some(name.to_owned()),
            Subject::Message(message) => Some(message.route().to_string()),
            Subject::Delivery { route, .. } => Some(route.to_owned()),
            Subject::Call { service, method } => Some(format!("{service}.{method}")),
            Subject::Remote(method) => self.runtime.method_name(method),
        }
    }

    /// The user of its session.
    pub(crate) fn uid(&self) -> Option<Uid> {
        match self.subject {
            Subject::Message(message) => message.uid(),
            Subject::Session(session) => session.uid.clone(),
            _ => None,
        }
    }

    pub(crate) fn session(&self) -> Option<SessionId> {
        match self.subject {
            Subject::Message(message) => Some(message.session_id()),
            Subject::Session(session) => Some(session.id),
            Subject::Delivery { session, .. } => Some(session),
            Subject::None | Subject::Named(_) | Subject::Remote(_) | Subject::Call { .. } => None,
        }
    }

    /// Logs and counts a panic; the error is what the call ends with.
    #[cold]
    fn panicked(&self, panic: Box<dyn Any + Send>) -> Error {
        let text = text(&*panic);
        let place = panics::place(text);
        quietly(|| self.log_panic(text, place.as_deref()));
        self.runtime.counters.add_panic();
        let said = beginning(text, MAX_PANIC_TEXT_BYTES);
        let mut error = match &place {
            Some(place) => Error::of(ErrorKind::Panic, format_args!("{self} panicked at {place}: {said}")),
            None => Error::of(ErrorKind::Panic, format_args!("{self} panicked: {said}")),
        };
        error.set_logged();
        discard(panic);
        error
    }

    fn log_panic(&self, text: &str, at: Option<&str>) {
        // Another panic of the same code is news.
        let event = format!("panicked {} {}", at.unwrap_or_default(), beginning(text, PANIC_KEY_BYTES));
        let Some(left_out) = self.admitted(&event) else { return };
        let panic = Shortened(text);
        line!(error, self, { at, %panic, left_out, }, "{} panicked", self.what);
    }

    #[cold]
    fn blocked(&self, ticks: u64) {
        let Some(left_out) = self.admitted("blocked") else { return };
        let seconds = (CLOCK_TICK * u32::try_from(ticks).unwrap_or(u32::MAX)).as_secs();
        line!(warn, self, { seconds, left_out, }, "{} kept its thread for too long", self.what);
    }
}

/// What a panic says.
fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("?")
}

/// Drops what was thrown, which may itself throw.
pub(crate) fn discard(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
}

/// `handler chat.roomHandler.send`.
impl fmt::Display for Site<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} {name}", self.what),
            None => f.write_str(self.what),
        }
    }
}

/// Runs synchronous code of the application.
///
/// # Errors
/// [`ErrorKind::Panic`], if it panics.
#[inline]
pub(crate) fn call<T>(site: &Site<'_>, work: impl FnOnce() -> T) -> Result<T> {
    let began = TICKS.load(Ordering::Relaxed);
    let ended = catch_unwind(AssertUnwindSafe(work));
    let ticks = TICKS.load(Ordering::Relaxed) - began;
    if ticks >= BLOCKED_TICKS {
        site.blocked(ticks);
    }
    ended.map_err(|panic| site.panicked(panic))
}

/// Runs asynchronous code of the application: what makes its future of `args`, each poll of that, and dropping it. `make` is called
/// by the first poll, so that what is ready at once passes one boundary.
///
/// # Errors
/// [`ErrorKind::Panic`], if any of them panics.
#[inline]
pub(crate) fn run<'a, A, T>(site: Site<'a>, args: A, make: fn(A) -> BoxFuture<'a, T>) -> Run<'a, A, T> {
    Run { site, state: State::New(args, make) }
}

/// See [`run`].
#[must_use = "it does nothing unless it is awaited"]
pub(crate) struct Run<'a, A, T> {
    site: Site<'a>,
    state: State<'a, A, T>,
}

/// Nothing in there is pinned but what the box holds.
impl<A, T> Unpin for Run<'_, A, T> {}

enum State<'a, A, T> {
    New(A, fn(A) -> BoxFuture<'a, T>),
    Running(BoxFuture<'a, T>),
    Ended,
}

impl<A, T> State<'_, A, T> {
    #[inline]
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        if let Self::New(..) = self
            && let Self::New(args, make) = std::mem::replace(self, Self::Ended)
        {
            *self = Self::Running(make(args));
        }
        let Self::Running(work) = self else { return Poll::Pending };
        let value = std::task::ready!(work.as_mut().poll(cx));
        *self = Self::Ended;
        Poll::Ready(value)
    }
}

impl<A, T> Run<'_, A, T> {
    /// Drops what is left, which is the application's code, too. A panic is logged and counted; who dropped it wants nothing more
    /// of it.
    #[cold]
    fn end(&mut self) {
        let left = std::mem::replace(&mut self.state, State::Ended);
        let _ = call(&self.site, || drop(left));
    }
}

impl<A, T> Future for Run<'_, A, T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let Self { site, state } = &mut *self;
        match call(site, || state.poll(cx)) {
            Ok(polled) => polled.map(Ok),
            Err(error) => {
                self.end();
                Poll::Ready(Err(error))
            }
        }
    }
}

impl<A, T> Drop for Run<'_, A, T> {
    #[inline]
    fn drop(&mut self) {
        if !matches!(self.state, State::Ended) {
            self.end();
        }
    }
}

/// Runs a step of the server itself, so that whoever must go on does, whatever happens in there. All that is the application's
/// has a boundary of its own inside.
///
/// # Errors
/// [`ErrorKind::Panic`], if it panics, which is logged and counted.
#[inline]
pub(crate) fn survive<'a, F: Future + Unpin>(
    runtime: &'a Runtime,
    what: &'static str,
    step: F,
) -> Survive<'a, F> {
    Survive { runtime, what, step }
}

/// See [`survive`].
#[must_use = "it does nothing unless it is awaited"]
pub(crate) struct Survive<'a, F> {
    runtime: &'a Runtime,
    what: &'static str,
    step: F,
}

impl<F: Future + Unpin> Future for Survive<'_, F> {
    type Output = Result<F::Output>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { runtime, what, step } = &mut *self;
        match catch_unwind(AssertUnwindSafe(|| Pin::new(step).poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(Site::new(runtime, what).panicked(panic))),
        }
    }
}

/// Runs what the application does to put a server together, before there is a server.
///
/// # Errors
/// What `work` returns; [`ErrorKind::Panic`] with the server and the text, if it panics.
pub(crate) fn assemble<T>(server: &ServerId, work: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let why = format!("putting {server} together panicked: {}", text(&*panic));
        tracing::error!(%server, panic = text(&*panic), "the application's code panicked");
        discard(panic);
        Error::of(ErrorKind::Panic, why)
    })
}

/// Starts the clock by which code that blocks is seen, and notes where panics come from; once for the process.
pub(crate) fn watch() {
    panics::watch();
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let ticking = std::thread::Builder::new().name("pomelo-ticks".into()).spawn(|| {
            loop {
                std::thread::sleep(CLOCK_TICK);
                TICKS.fetch_add(1, Ordering::Relaxed);
            }
        });
        if let Err(error) = ticking {
            tracing::warn!(%error, "without another thread, code that blocks is not seen");
        }
    });
}
