//! Limits of a server: everything that could grow has one.
//!
//! What can be reached by clients or other servers without end is bounded here or in an option of a connector
//! or of the links, and each bound is checked before anything starts.

use std::time::Duration;

use super::bounds::{OutOfBounds, SOME, TIME_LIMIT, TIME_LIMIT_OR_ZERO};
use super::error::{Error, ErrorKind, Result};

/// Each lane is a task, and a machine has some hundred cores.
const MOST_LANES: usize = 65_536;

/// The bounds of one server. Set them in `configure`: `app.limits().rpc_timeout = …`.
///
/// 0 is an error at start, which names the limit, unless its documentation says what it means. A time is from
/// a millisecond to 365 days.
///
/// | it bounds | limits |
/// |---|---|
/// | time of a message or a call | [`request_timeout`](Self::request_timeout), [`rpc_timeout`](Self::rpc_timeout) |
/// | what waits for other servers | [`pending_calls`](Self::pending_calls) |
/// | what waits to run here | [`queued_requests`](Self::queued_requests), [`lane_queue`](Self::lane_queue), [`lanes`](Self::lanes), [`queued_events`](Self::queued_events), [`serial_queue`](Self::serial_queue), [`serial_timeout`](Self::serial_timeout) |
/// | what waits for clients | [`outboxes`](Self::outboxes), [`stashed_pushes`](Self::stashed_pushes), [`queued_pushes`](Self::queued_pushes) |
/// | starting and stopping | [`link_timeout`](Self::link_timeout), [`component_timeout`](Self::component_timeout), [`stop_timeout`](Self::stop_timeout), [`close_wait`](Self::close_wait) |
///
/// ```
/// use std::time::Duration;
/// use pomelo::config::Limits;
///
/// let mut limits = Limits::default();
/// assert_eq!((limits.queued_requests, limits.rpc_timeout), (64, Duration::from_secs(30)));
/// // A game in which nobody waits for more than five seconds.
/// limits.rpc_timeout = Duration::from_secs(5);
/// limits.request_timeout = Duration::from_secs(5);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// How long an RPC call waits for its answer. 30 s, as in pomelo.
    pub rpc_timeout: Duration,
    /// How many calls, forwarded requests included, may wait for an answer from one server; more are answered
    /// `Overloaded` at once. 10,000, as pomelo's `pendingSize`: a server that doesn't answer must not cost memory without
    /// end, nor hold up the calls to others.
    #[doc(alias = "pendingSize")]
    pub pending_calls: usize,
    /// How long before filters, router and handler of a message may take together; then what runs is dropped, the client is
    /// answered `{"code":500}` and its next message is handled. The error handler and the after filters have as long again. 30 s:
    /// longer than any RPC call that a handler makes.
    pub request_timeout: Duration,
    /// How many messages of one session may be unanswered before its socket is no longer read. 64: enough for any
    /// client that isn't flooding, and it bounds what one client can make the server hold.
    pub queued_requests: usize,
    /// How many calls may wait in one lane before more are answered `Overloaded`. 16,384: at 1 µs a call, 16 ms.
    pub lane_queue: usize,
    /// How many lanes a server handles calls in. Four per core: calls in a lane start one after the other, and a slow
    /// synchronous stretch in one must not hold up the others.
    pub lanes: usize,
    /// How many pushes a frontend keeps of a channel whose membership it is fetching. 1,024, then they are dropped; with 0 it
    /// keeps one.
    pub stashed_pushes: usize,
    /// How long stopping waits for connectors, then for each `before_shutdown` hook, for requests that are under way, for sessions
    /// and their `on_closed` hooks, for each component, and for listeners. What takes longer is named in the log and cut off; a
    /// program that runs by [`run`](crate::app::Builder::run) then ends with code 1 when the rest has stopped, and when the
    /// application blocks all its threads for so long. 10 s.
    pub stop_timeout: Duration,
    /// How long a server that starts waits for links to the others before it takes clients; those that are down then
    /// refuse what is sent to them. 2 s: processes that are started together find each other in less. With 0 it doesn't wait.
    pub link_timeout: Duration,
    /// How many messages of one server may wait at a frontend while its broadcast filter decides on a broadcast of that server;
    /// further pushes are dropped, and further joins and leaves made good later. 16,384: a filter that takes a microsecond has
    /// decided on 10,000 sessions before that many come.
    pub queued_pushes: usize,
    /// How many events may wait for the listeners before more are dropped. 100,000: as many as when all clients of a large server
    /// leave at once.
    pub queued_events: usize,
    /// How long a component may take to start, and as long again after the start; so may each lifecycle hook. Then the start of
    /// the server fails. 60 s: longer than anything but loading a large world, and a database that doesn't answer shows.
    pub component_timeout: Duration,
    /// How many bytes may wait in all outboxes of a server together for clients whose sockets take nothing at the moment. From
    /// seven eighths of it on, those of them are kicked as too slow that hold most, if their sockets have taken nothing for a
    /// second; beyond it, what goes to clients that are blocked is dropped and counted (`outboxes_full`). Who reads doesn't
    /// count.
    ///
    /// 256 MiB: a quarter of a small machine's memory, or 256 clients that are each at their own limit. It counts the length
    /// of each frame in each outbox, and the places of the queues. What is pushed to many is held once, so the memory that is
    /// taken is at most this, and mostly far less.
    pub outboxes: usize,
    /// How long a kick waits until the sessions that it closes are closed and their hooks have run, and a bind for sessions of
    /// its user that are closing; also how long such a session waits for the hooks on backends. Then the kick returns, the bind
    /// binds, and `bind_unique` fails. 2 s: hooks that leave rooms take milliseconds, and a player who logs in is waiting. With
    /// 0 nobody waits.
    pub close_wait: Duration,
    /// How many may wait for their turn at one key of [`serial`](crate::server::Server::serial) before more are refused as
    /// `Overloaded`. 1,024: more than a room has players that each wait for one answer.
    pub serial_queue: usize,
    /// How long one waits for its turn at a key of [`serial`](crate::server::Server::serial). 10 s: a turn takes milliseconds, and
    /// who waits for a turn that its own waits for shall hear of it before its caller gives up.
    pub serial_timeout: Duration,
}

impl Limits {
    /// A limit with which nothing could go on is a mistake that shows at start, not as requests that hang.
    ///
    /// # Errors
    /// Which limit it is, what it is and what it may be.
    pub(crate) fn check(&self) -> Result<()> {
        let times = [
            ("rpc_timeout", self.rpc_timeout, TIME_LIMIT),
            ("request_timeout", self.request_timeout, TIME_LIMIT),
            ("stop_timeout", self.stop_timeout, TIME_LIMIT),
            ("component_timeout", self.component_timeout, TIME_LIMIT),
            ("serial_timeout", self.serial_timeout, TIME_LIMIT),
            ("link_timeout", self.link_timeout, TIME_LIMIT_OR_ZERO),
            ("close_wait", self.close_wait, TIME_LIMIT_OR_ZERO),
        ];
        let numbers = [
            ("pending_calls", self.pending_calls, SOME),
            ("queued_requests", self.queued_requests, SOME),
            ("lane_queue", self.lane_queue, SOME),
            ("lanes", self.lanes, 1..=MOST_LANES),
            ("queued_pushes", self.queued_pushes, SOME),
            ("queued_events", self.queued_events, SOME),
            ("outboxes", self.outboxes, SOME),
            ("serial_queue", self.serial_queue, SOME),
        ];
        let times = times.into_iter().map(|(name, found, bounds)| OutOfBounds::check(name, found, bounds));
        let numbers =
            numbers.into_iter().map(|(name, found, bounds)| OutOfBounds::check(name, found, bounds));
        let checked = times.chain(numbers).collect::<Result<(), _>>();
        checked.map_err(|error| Error::of(ErrorKind::Config, format_args!("the limit {error}")))
    }
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            rpc_timeout: Duration::from_secs(30),
            pending_calls: 10_000,
            request_timeout: Duration::from_secs(30),
            queued_requests: 64,
            lane_queue: 16_384,
            lanes: cores * 4,
            stashed_pushes: 1_024,
            stop_timeout: Duration::from_secs(10),
            link_timeout: Duration::from_secs(2),
            queued_pushes: 16_384,
            queued_events: 100_000,
            component_timeout: Duration::from_secs(60),
            outboxes: 256 * 1024 * 1024,
            close_wait: Duration::from_secs(2),
            serial_queue: 1_024,
            serial_timeout: Duration::from_secs(10),
        }
    }
}
