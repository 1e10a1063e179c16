//! The filters that come with pomelo.
//!
//! | filter | as pomelo's | and differs |
//! |---|---|---|
//! | [`Timeout`] | `timeout` | the client gets an answer; there, a line in the log |
//! | [`Time`] | `time` | a `tracing` event in place of log4js |
//! | [`Serial`] | `serial` | only `#[pomelo(concurrent)]` methods need it, all others wait for their turn anyhow |
//! | [`TooBusy`] | `toobusy` | measures the lag of the server's own tasks, with no native module |

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::Instant;

use super::{Done, Filter, FilterFactory, GoOn, Verdict};
use crate::context::ServerContext;
use crate::request::Request;
use crate::value::{Error, ErrorKind, Result, SessionId};
use crate::wire::Body;

/// Answers `{"code":500}` to requests that take longer than a limit; their late replies are counted and dropped.
///
/// ```
/// # use pomelo::app::{Cluster, Configure};
/// # use pomelo::filter::Timeout;
/// # use std::time::Duration;
/// # fn example<R: Cluster>(app: &mut Configure<R>) {
/// // The handler goes on: what it pushes later still arrives.
/// app.filter(Timeout::new(Duration::from_millis(800)));
/// # }
/// ```
///
/// Past [`request_timeout`](crate::value::Limits::request_timeout), 30 s, a handler is dropped in any case.
#[doc(alias = "timeout")]
#[derive(Debug, Clone)]
pub struct Timeout(Duration);

impl Timeout {
    /// A filter with that limit.
    pub fn new(limit: Duration) -> Self {
        Self(limit)
    }
}

impl Default for Timeout {
    /// 3 s, as in pomelo.
    fn default() -> Self {
        Self(Duration::from_secs(3))
    }
}

impl Filter for Timeout {
    fn before(&self, request: &Request) -> impl Future<Output = Result<Verdict>> + Send {
        request.answer_within(self.0);
        GoOn
    }
}

/// Logs each request's route and the time it took, at target `pomelo::con_log`.
///
/// ```
/// # use pomelo::app::{Cluster, Configure};
/// # use pomelo::filter::Time;
/// # fn example<R: Cluster>(app: &mut Configure<R>) {
/// // INFO pomelo::con_log: route=chat.roomHandler.send time_used_ms=3 ok=true
/// app.filter(Time);
/// # }
/// ```
///
/// What took how long is counted without it, too: [`Report::routes`](crate::metrics::Report::routes).
#[doc(alias = "enableForwardLog")]
#[derive(Debug, Clone, Default)]
pub struct Time;

impl Filter for Time {
    fn after(&self, request: &Request, outcome: &Result<Body>) -> impl Future<Output = ()> + Send {
        let time_used_ms = request.arrived().elapsed().as_millis() as u64;
        tracing::info!(target: "pomelo::con_log", route = %request.route(), time_used_ms, ok = outcome.is_ok());
        Done
    }
}

/// Handles the messages of a session one at a time, `#[pomelo(concurrent)]` methods included. Without that attribute
/// all methods are anyhow.
///
/// ```
/// # use pomelo::app::{Cluster, Configure};
/// # use pomelo::filter::Serial;
/// # fn example<R: Cluster>(app: &mut Configure<R>) {
/// app.filter(Serial::default());
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Serial(Duration);

impl Serial {
    /// A filter that lets a message through when its turn hasn't come after that time.
    pub fn new(patience: Duration) -> Self {
        Self(patience)
    }
}

impl Default for Serial {
    /// 3 s, as in pomelo.
    fn default() -> Self {
        Self(Duration::from_secs(3))
    }
}

impl FilterFactory for Serial {
    fn build(&self, _: &ServerContext) -> impl Filter {
        SerialTurns { patience: self.0, turns: Mutex::default(), held: Mutex::default() }
    }
}

/// What tells the messages of a session apart.
type Turn = (SessionId, Instant, Option<u64>);

struct SerialTurns {
    /// How long a message waits for its turn.
    patience: Duration,
    /// The lock of each session that has a message.
    turns: Mutex<HashMap<SessionId, Arc<AsyncMutex<()>>>>,
    /// The locks that are held, by the message whose turn it is.
    held: Mutex<HashMap<Turn, OwnedMutexGuard<()>>>,
}

impl SerialTurns {
    fn key(request: &Request) -> Turn {
        (request.session().id(), request.arrived(), request.id())
    }
}

impl Filter for SerialTurns {
    async fn before(&self, request: &Request) -> Result<Verdict> {
        let turn = lock(&self.turns).entry(request.session().id()).or_default().clone();
        if let Ok(guard) = tokio::time::timeout(self.patience, turn.lock_owned()).await {
            lock(&self.held).insert(Self::key(request), guard);
        } else {
            let (peers, session, route) = (request.peers(), request.session().id(), request.route());
            if let Some(left_out) = peers.admit(format_args!("serial {route}")) {
                let server = &peers.info.id;
                tracing::warn!(%server, %route, %session, left_out, "the message before took too long");
            }
        }
        Ok(Verdict::Continue)
    }

    async fn after(&self, request: &Request, _: &Result<Body>) {
        drop(lock(&self.held).remove(&Self::key(request)));
        // Nobody else holds or awaits a turn that only the table knows.
        let mut turns = lock(&self.turns);
        let id = request.session().id();
        if turns.get(&id).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            turns.remove(&id);
        }
        drop(turns);
    }
}

/// Refuses messages with `{"code":500}` while the server's tasks are scheduled later than a limit.
///
/// ```
/// # use pomelo::app::{Cluster, Configure};
/// # use pomelo::filter::TooBusy;
/// # use std::time::Duration;
/// # fn example<R: Cluster>(app: &mut Configure<R>) {
/// app.filter(TooBusy::new(Duration::from_millis(200)));
/// # }
/// ```
///
/// The lag is measured ten times a second, by a timer of the server's executor: with `one_thread` it is the
/// lag of that thread.
#[doc(alias = "toobusy")]
#[derive(Debug, Clone)]
pub struct TooBusy(Duration);

impl TooBusy {
    /// How often the lag is measured.
    const LAG_INTERVAL: Duration = Duration::from_millis(100);

    /// A filter with that limit.
    pub fn new(max_lag: Duration) -> Self {
        Self(max_lag)
    }
}

impl Default for TooBusy {
    /// 70 ms, as in pomelo.
    fn default() -> Self {
        Self(Duration::from_millis(70))
    }
}

impl FilterFactory for TooBusy {
    fn build(&self, app: &ServerContext) -> impl Filter {
        let lag_us = Arc::new(AtomicU64::new(0));
        let measured = Arc::downgrade(&lag_us);
        app.peers.tasks.spawn_on(&app.peers.executor, "lag", move || measure(measured.clone()));
        LagLimit { limit: self.0, lag_us }
    }
}

/// Measures how much later than asked for a task of the server's runs, until nobody wants to know.
async fn measure(lag_us: Weak<AtomicU64>) {
    loop {
        let due = Instant::now() + TooBusy::LAG_INTERVAL;
        tokio::time::sleep_until(due).await;
        let Some(lag_us) = lag_us.upgrade() else { return };
        lag_us.store(due.elapsed().as_micros() as u64, Ordering::Relaxed);
    }
}

struct LagLimit {
    /// More than this is too busy.
    limit: Duration,
    /// The last lag that was measured, in microseconds.
    lag_us: Arc<AtomicU64>,
}

impl Filter for LagLimit {
    fn before(&self, _: &Request) -> impl Future<Output = Result<Verdict>> + Send {
        let lag = Duration::from_micros(self.lag_us.load(Ordering::Relaxed));
        let verdict = if lag > self.limit {
            Err(Error::of(ErrorKind::Overloaded, "Server toobusy!"))
        } else {
            Ok(Verdict::Continue)
        };
        std::future::ready(verdict)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
