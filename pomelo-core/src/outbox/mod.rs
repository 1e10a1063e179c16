//! Outboxes: the frames that connections still have to send, and the flusher that writes them.
//!
//! A push appends one shared frame to each recipient's [`Outbox`] and puts it on a dirty list of its [`Flusher`], that of the
//! worker which pushes; the flusher then writes each dirty connection once, everything queued in one write. No task is woken
//! per recipient.

mod backlog;
mod flusher;
mod state;
pub mod turn;
mod writer;

pub use self::flusher::Flusher;

use std::io::{self, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;

use state::{Closing, Progress, State};

use crate::metrics::Dropped;
use crate::value::SessionId;
use crate::wire::FormatId;

/// A queue that has a second frame gets room for so many at once, and keeps it if it needed it.
const BURST_CAPACITY: usize = 4;

/// What a place in the queue takes; the first one is the outbox's own.
const PLACE_BYTES: usize = size_of::<Bytes>();

/// Frames in order. One needs no memory of its own: most connections never have more, most of the time.
type Frames = SmallVec<[Bytes; 1]>;

/// How many times its limit a connection may have queued while it reads, before what is pushed to it is dropped.
const CEILING_LIMITS: usize = 16;

/// How long a closing connection may take to accept its last frames, once they have been offered.
pub(crate) const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// The writing side of a connection, as a connector provides it.
pub trait Sink: Send + Sync + 'static {
    /// Writes what it can without waiting, and returns how many bytes that was.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if nothing can be written now; any other error ends the connection.
    fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize>;

    /// As [`try_write`](Self::try_write), but asks the system even if it is known to have had no room a moment ago: before a
    /// client is said to be too slow.
    ///
    /// # Errors
    /// As [`try_write`](Self::try_write).
    fn write_now(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_write(frames)
    }

    /// Arranges for [`Outbox::resume`] to be called once the connection can be written again. It is called from a task of the
    /// server's runtime, as [`try_write`](Self::try_write) is.
    fn wait_writable(&self, outbox: Arc<Outbox>);

    /// Closes the connection; the connector then sees the end of its input.
    fn close(&self);
}

/// A connection's bounded queue of frames.
///
/// A client is too slow if more than the limit waits for it and its socket has taken nothing for a second; then it is kicked. One
/// that reads may be behind by up to 16 times the limit; what is pushed to it then is dropped. All outboxes of a server
/// together have a bound of their own, [`Limits::outboxes`](crate::value::Limits::outboxes). An outbox counts the length of
/// each frame, though others may share it, and what the queue's places take.
///
/// A burst doesn't stay as memory. The first frame that waits has a place in the outbox itself; more of them take memory, which
/// goes as soon as all is written. If four or more had to wait, what the next few would need is kept, at most 512 bytes,
/// until something is written that needs less.
pub struct Outbox {
    /// The queue, under a lock that is held for a few instructions.
    state: Mutex<State>,
    /// What writes to the socket.
    sink: Box<dyn Sink>,
    /// The tasks that write what is queued.
    flusher: Arc<Flusher>,
    /// The number of a [`FormatId`]; it may change until the session opens.
    format: AtomicU8,
    /// So many bytes may wait for a client that takes nothing; [`CEILING_LIMITS`] times as many for one that reads.
    limit: usize,
    /// Whose outbox it is, for logs; none before the handshake.
    session: OnceLock<SessionId>,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is queued, and somebody already minds the queue.
    Queued,
    /// It is queued, and the outbox must be put on its flusher's list.
    NeedsFlush,
    /// Too much waits for this client already; it was dropped.
    Overflow,
    /// Too much waits for all clients of the server that take nothing at the moment, of which this is one; it was dropped.
    OutboxesFull,
    /// It is longer than all that may ever wait for a client; it was dropped.
    TooLong,
    /// The connection is closing; it was dropped.
    Closed,
}

impl Appended {
    /// Why the frame was dropped, if it was.
    pub fn dropped(self) -> Option<Dropped> {
        match self {
            Self::Queued | Self::NeedsFlush => None,
            Self::Overflow => Some(Dropped::Overflow),
            Self::OutboxesFull => Some(Dropped::OutboxesFull),
            Self::TooLong => Some(Dropped::TooLong),
            Self::Closed => Some(Dropped::Closing),
        }
    }
}

/// When a frame is dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// If more than the limit waits.
    Volatile,
    /// If so much waits as may wait for a client that reads.
    Normal,
    /// Never: it is small, and there are few of its kind.
    Must,
}

impl Outbox {
    /// An outbox of frames in `format`, whose client is too slow if more than `limit` bytes wait for it and it reads nothing.
    pub fn new(sink: impl Sink, flusher: Arc<Flusher>, format: FormatId, limit: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            sink: Box::new(sink),
            flusher,
            format: AtomicU8::new(format.0),
            limit,
            session: OnceLock::new(),
        })
    }

    /// Which frames the connection takes.
    pub fn format(&self) -> FormatId {
        FormatId(self.format.load(Ordering::Relaxed))
    }

    /// Changes which frames the connection takes, once more is known of its client: before its session opens, since frames of the
    /// one may be on their way when the other is asked for.
    pub fn set_format(&self, format: FormatId) {
        self.format.store(format.0, Ordering::Relaxed);
    }

    /// Bytes that are queued and not written.
    pub fn queued_bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Whether nothing will be written any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closing == Closing::Closed
    }

    /// Queues a frame without flushing; a caller with many outboxes hands those that need it to
    /// [`Flusher::mark_all`] in one go.
    pub fn append(&self, frame: Bytes) -> Appended {
        self.put(frame, Weight::Normal)
    }

    /// As [`append`](Self::append), but the frame is dropped as soon as more than the limit waits.
    pub fn append_volatile(&self, frame: Bytes) -> Appended {
        self.put(frame, Weight::Volatile)
    }

    fn put(&self, frame: Bytes, weight: Weight) -> Appended {
        let mut state = self.lock();
        if state.closing != Closing::Open {
            return Appended::Closed;
        }
        if (state.blocked || state.held() + frame.len() > self.limit)
            && let Err(refused) = self.admit(&mut state, frame.len(), weight)
        {
            return refused;
        }
        state.bytes += frame.len();
        if state.queue.len() == 1 {
            state.queue.reserve(BURST_CAPACITY - 1);
        }
        state.queue.push(frame);
        if std::mem::replace(&mut state.claimed, true) { Appended::Queued } else { Appended::NeedsFlush }
    }

    /// Whether a frame may be queued though its outbox is blocked or beyond its limit.
    #[cold]
    fn admit(&self, state: &mut State, length: usize, weight: Weight) -> Result<(), Appended> {
        let (held, ceiling) = (state.held() + length, self.limit.saturating_mul(CEILING_LIMITS));
        let most = match weight {
            Weight::Volatile => self.limit,
            Weight::Normal => ceiling,
            Weight::Must => usize::MAX,
        };
        if length > ceiling {
            return Err(Appended::TooLong);
        }
        if held > most {
            return Err(Appended::Overflow);
        }
        if state.blocked && !self.charge_more(state, held) && weight != Weight::Must {
            return Err(Appended::OutboxesFull);
        }
        Ok(())
    }

    /// Whether so much waits that nothing is pushed any more.
    pub(crate) fn is_full(&self) -> bool {
        self.lock().held() > self.limit.saturating_mul(CEILING_LIMITS / 2)
    }

    /// Queues a frame and sees to it that it is written.
    pub fn send(self: &Arc<Self>, frame: Bytes) -> Appended {
        self.put_and_flush(frame, Weight::Normal)
    }

    /// As [`send`](Self::send), but the frame is dropped as soon as more than the limit waits.
    pub fn send_volatile(self: &Arc<Self>, frame: Bytes) -> Appended {
        self.put_and_flush(frame, Weight::Volatile)
    }

    /// As [`send`](Self::send), for a short frame that takes the place of one that did not fit: only a connection that closes
    /// doesn't get it. The caller sees to it that there are few.
    pub(crate) fn send_instead(self: &Arc<Self>, frame: Bytes) -> Appended {
        self.put_and_flush(frame, Weight::Must)
    }

    fn put_and_flush(self: &Arc<Self>, frame: Bytes, weight: Weight) -> Appended {
        let appended = self.put(frame, weight);
        if appended == Appended::NeedsFlush {
            self.flusher.mark(self.clone());
        }
        appended
    }

    /// Sends `last`, which may be empty, after all that is queued, then closes; at the latest a second after the first
    /// attempt.
    pub fn finish(self: &Arc<Self>, last: Bytes) {
        self.end(last, false);
    }

    /// Finishes the half-written frame, discards the rest, sends `last` and closes; at the latest a second after the first
    /// attempt.
    pub fn cut(self: &Arc<Self>, last: Bytes) {
        self.end(last, true);
    }

    fn end(self: &Arc<Self>, last: Bytes, discard: bool) {
        let mut state = self.lock();
        if state.closing != Closing::Open {
            return;
        }
        state.closing = if discard && state.taken { Closing::Cutting } else { Closing::Draining };
        if discard {
            state.discard_unstarted();
            self.charge(&mut state);
        }
        if !last.is_empty() {
            state.bytes += last.len();
            state.queue.push(last);
        }
        let unclaimed = !std::mem::replace(&mut state.claimed, true);
        let offered = state.blocked && state.begin_lingering();
        drop(state);
        if unclaimed {
            self.flusher.mark(self.clone());
        }
        if offered {
            self.close_in_time();
        }
    }

    /// Closes in a while. The time doesn't begin before the sink was offered something: where every worker is busy with
    /// something else, a timer may fire before the flusher has had its first turn.
    fn close_in_time(self: &Arc<Self>) {
        self.flusher.close_in(LINGER_TIMEOUT, self.clone());
    }

    /// Whether the flusher should try to write again after a panic; the second time the outbox is closed, and it should not.
    fn may_be_tried_again(&self) -> bool {
        if !std::mem::replace(&mut self.lock().faulty, true) {
            return true;
        }
        // This runs while the first panic is on its way.
        let closed = catch_unwind(AssertUnwindSafe(|| self.close()));
        let session = self.session().map(tracing::field::display);
        tracing::error!(session, closed = closed.is_ok(), "writing to a connection panics: it is closed");
        false
    }

    /// Closes at once; what is queued is lost.
    pub fn close(&self) {
        let mut state = self.lock();
        if state.closing == Closing::Closed {
            return;
        }
        state.closing = Closing::Closed;
        state.queue = Frames::new();
        state.bytes = 0;
        self.unstall(&mut state);
        drop(state);
        self.sink.close();
    }

    /// Goes on writing: for the [`Sink`] that said it would block.
    pub fn resume(self: &Arc<Self>) {
        self.flusher.mark(self.clone());
    }

    pub(crate) fn set_session(&self, id: SessionId) {
        // A connection has one session; the connector opens it once.
        let _ = self.session.set(id);
    }

    pub(crate) fn session(&self) -> Option<SessionId> {
        self.session.get().copied()
    }

    /// Offers a blocked sink the first frame once more, and says whether it takes any of it.
    ///
    /// Under the lock, which is held for the length of a system call: so much only a client costs that has stalled for long.
    fn probe(&self, state: &mut State) -> bool {
        let Some(first) = state.queue.first() else { return true };
        let Ok(sent @ 1..) = self.sink.write_now(&[IoSlice::new(&first[state.written..])]) else {
            return false;
        };
        let mut progress = Progress { written: state.written, sent: 0, done: 0 };
        progress.advance(&state.queue, sent);
        state.written = progress.written;
        state.bytes -= sent;
        state.queue.drain(..progress.done);
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for Outbox {
    /// A connector may let go of one that was never closed.
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut state = std::mem::take(state);
        self.unstall(&mut state);
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox")
            .field("session", &self.session.get())
            .field("queued_bytes", &self.queued_bytes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
