//! What a connection still has to send, and the flusher that sends it.
//!
//! A push appends one shared frame to each recipient's [`Outbox`] and puts it on a dirty list of its [`Flusher`], that of the
//! worker which pushes; the flusher then writes each dirty connection once, everything queued in one write. No task is woken
//! per recipient.

mod flusher;
mod gather;

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;

pub use flusher::Flusher;

use crate::connector::FormatId;
use crate::session::SessionId;

/// A drained queue keeps at most this many places, so that a burst doesn't stay as memory.
const KEEP_CAPACITY: usize = 16;

/// A queue that has a second frame gets room for so many at once, and keeps it if it needed it.
const BURST: usize = 4;

/// What a place in the queue takes; the first one is the outbox's own.
const PLACE: usize = size_of::<Bytes>();

/// Frames in order. One needs no memory of its own: most connections never have more, most of the time.
type Frames = SmallVec<[Bytes; 1]>;

/// How long a closing connection may take to accept its last frames, once they have been offered.
pub(crate) const LINGER: Duration = Duration::from_secs(1);

/// The writing side of a connection, as a connector provides it.
pub trait Sink: Send + Sync + 'static {
    /// Writes what it can without waiting, and returns how many bytes that was.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if nothing can be written now; any other error ends the connection.
    fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Arranges for [`Outbox::resume`] to be called once the connection can be written again.
    fn wait_writable(&self, outbox: Arc<Outbox>);

    /// Closes the connection; the connector then sees the end of its input.
    fn close(&self);
}

/// A connection's bounded queue of frames.
///
/// A burst doesn't stay as memory. The first frame that waits has a place in the outbox itself; more of them take memory, which
/// goes as soon as all is written. If four or more had to wait, what the next few would need is kept, at most 512 bytes,
/// until something is written that needs less.
pub struct Outbox {
    state: Mutex<State>,
    sink: Box<dyn Sink>,
    flusher: Arc<Flusher>,
    format: FormatId,
    limit: usize,
    session: OnceLock<SessionId>,
}

#[derive(Default)]
struct State {
    queue: Frames,
    /// Bytes queued and not written, those that the flusher has taken out included.
    bytes: usize,
    /// How much of the first frame is written already.
    written: usize,
    /// On the dirty list, in the flusher's hands or waiting to be writable: somebody will look at the queue.
    claimed: bool,
    /// The flusher is writing what was queued; `queue` holds only what came after.
    taken: bool,
    /// The sink would block, and calls when it no longer does.
    blocked: bool,
    /// The time in which the last frames must leave has begun.
    lingering: bool,
    closing: Closing,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Closing {
    #[default]
    Open,
    /// The frames that are queued are the last ones.
    Draining,
    /// As `Draining`, and of what the flusher has taken only the half-written frame still goes.
    Cutting,
    Closed,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is queued, and somebody already minds the queue.
    Queued,
    /// It is queued, and the outbox must be put on its flusher's list.
    NeedsFlush,
    /// It doesn't fit and was dropped.
    Overflow,
    /// The connection is closing; it was dropped.
    Closed,
}

impl Outbox {
    /// An outbox that holds at most `limit` bytes of frames in `format`. A frame counts its length, though others may share
    /// it, and 32 bytes for its place in the queue: many that are all but empty take memory, too.
    pub fn new(sink: impl Sink, flusher: Arc<Flusher>, format: FormatId, limit: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            sink: Box::new(sink),
            flusher,
            format,
            limit,
            session: OnceLock::new(),
        })
    }

    /// Which frames the connection takes.
    pub fn format(&self) -> FormatId {
        self.format
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
        let mut state = self.lock();
        if state.closing != Closing::Open {
            return Appended::Closed;
        }
        if state.bytes + frame.len() + state.queue.len() * PLACE > self.limit {
            return Appended::Overflow;
        }
        state.bytes += frame.len();
        if state.queue.len() == 1 {
            state.queue.reserve(BURST - 1);
        }
        state.queue.push(frame);
        if std::mem::replace(&mut state.claimed, true) { Appended::Queued } else { Appended::NeedsFlush }
    }

    /// Queues a frame and sees to it that it is written.
    pub fn send(self: &Arc<Self>, frame: Bytes) -> Appended {
        let appended = self.append(frame);
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
        let outbox = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(LINGER).await;
            outbox.close();
        });
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

    /// Writes all that is queued, and on a socket that would block arranges to be called again.
    ///
    /// The queue is swapped with `spare` while it is written, so that appending never waits for a system call.
    fn flush(self: &Arc<Self>, spare: &mut Frames) {
        let mut frames = 0;
        loop {
            let mut progress = {
                let mut state = self.lock();
                if state.queue.is_empty() {
                    return self.drained(state, spare, frames >= BURST);
                }
                std::mem::swap(&mut state.queue, spare);
                (state.taken, state.blocked) = (true, false);
                Progress { written: state.written, sent: 0, done: 0 }
            };
            frames += spare.len();
            let result = self.write(spare, &mut progress);
            self.lock().put_back(spare, &progress);
            match result {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.lock().block() {
                        self.close_in_time();
                    }
                    return self.sink.wait_writable(self.clone());
                }
                Err(_) => return self.close(),
            }
        }
    }

    /// Writes `frames` until there are none left or the sink would block.
    fn write(&self, frames: &Frames, progress: &mut Progress) -> io::Result<()> {
        while progress.done < frames.len() {
            match gather::write(&*self.sink, &frames[progress.done..], progress.written) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => progress.advance(frames, sent),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn drained(&self, mut state: MutexGuard<'_, State>, spare: &mut Frames, was_burst: bool) {
        state.claimed = false;
        let finished = matches!(state.closing, Closing::Draining | Closing::Cutting);
        // Memory stays with the connection only if it needed some.
        if state.queue.spilled() != was_burst && spare.spilled() == was_burst {
            std::mem::swap(&mut state.queue, spare);
        }
        if state.queue.spilled() && (!was_burst || state.queue.capacity() > KEEP_CAPACITY) {
            state.queue = Frames::new();
        }
        drop(state);
        if finished {
            self.close();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// How far a flush has come.
struct Progress {
    /// How much of the first frame is written.
    written: usize,
    /// Bytes written.
    sent: usize,
    /// Frames written.
    done: usize,
}

impl Progress {
    fn advance(&mut self, frames: &Frames, sent: usize) {
        self.sent += sent;
        self.written += sent;
        while let Some(frame) = frames.get(self.done)
            && self.written >= frame.len()
        {
            self.written -= frame.len();
            self.done += 1;
        }
    }
}

impl State {
    /// Drops every frame that isn't half-written; those that are taken, the flusher drops.
    fn discard_unstarted(&mut self) {
        let keep = usize::from(self.written > 0 && !self.taken);
        let dropped: usize = self.queue.iter().skip(keep).map(Bytes::len).sum();
        self.queue.truncate(keep);
        self.bytes -= dropped;
    }

    /// Notes that the sink would block, and says whether that begins the time of the last frames.
    fn block(&mut self) -> bool {
        self.blocked = true;
        matches!(self.closing, Closing::Draining | Closing::Cutting) && self.begin_lingering()
    }

    fn begin_lingering(&mut self) -> bool {
        !std::mem::replace(&mut self.lingering, true)
    }

    /// Takes back what could not be written, in front of what was appended meanwhile.
    fn put_back(&mut self, frames: &mut Frames, progress: &Progress) {
        self.taken = false;
        if self.closing == Closing::Closed {
            frames.clear();
            return;
        }
        self.written = progress.written;
        self.bytes -= progress.sent;
        frames.drain(..progress.done);
        if self.closing == Closing::Cutting {
            let keep = usize::from(progress.written > 0);
            self.bytes -= frames.iter().skip(keep).map(Bytes::len).sum::<usize>();
            frames.truncate(keep);
            // What is cut is cut: the last frames, queued behind, stay whatever happens next.
            self.closing = Closing::Draining;
        }
        if !frames.is_empty() {
            frames.append(&mut self.queue);
            std::mem::swap(frames, &mut self.queue);
        }
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
