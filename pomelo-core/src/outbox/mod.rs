//! Outboxes: the frames that connections still have to send, and the flusher that writes them.
//!
//! A push appends one shared frame to each recipient's [`Outbox`] and puts it on a dirty list of its [`Flusher`], that of the
//! worker which pushes; the flusher then writes each dirty connection once, everything queued in one write. No task is woken
//! per recipient.
//!
//! ```text
//!           append                       flusher writes                 all written
//!  empty ───────────▶ dirty, on a list ──────────────────▶ partly ─────────────────▶ empty
//!                                                             │ would block
//!                                                             ▼
//!                                                  waits for `resume`; counted in the backlog
//!  closing: finish (after what is queued) │ cut (in place of it) ──▶ closed, after at most a second
//! ```

mod appended;
mod backlog;
mod closing;
mod flusher;
mod sink;
mod state;
pub mod turn;
mod writer;

pub use self::appended::Appended;
pub use self::flusher::Flusher;
pub use self::sink::Sink;

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use bytes::Bytes;
use smallvec::SmallVec;

use state::{Closing, State};

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
