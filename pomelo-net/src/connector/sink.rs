//! Sinks: the socket of a connection, as its driver reads it and its outbox writes it.
//!
//! ```text
//!  driver ── owns ──▶ SharedSocket ◀── borrows, weakly ── SocketSink ── in the outbox, which the flusher writes
//! ```
//!
//! So a connection's file is closed when its driver ends, whoever still holds the outbox: a push that comes
//! late finds no socket, and is dropped.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use pomelo_core::outbox::{Outbox, Sink};
use tokio::time::Instant;

use super::alarm::Alarm;
use super::socket::Socket;

/// The last write went well.
const FINE: u8 = 0;
/// It found no room: the client doesn't read, or not as fast as we write.
const BLOCKED: u8 = 1;
/// It failed for good.
const BROKEN: u8 = 2;

/// A connection's socket. Its driver owns and reads it; outboxes only borrow it to write, so that it is gone when the
/// driver ends, however long others keep the outbox.
pub(super) struct SharedSocket<S> {
    /// What bytes come from and go to.
    pub(super) socket: S,
    /// Wakes the driver.
    pub(super) alarm: Arc<Alarm>,
    /// What became of the last write.
    state: AtomicU8,
    /// When something was last written, where that counts.
    wrote: Option<LastWrite>,
}

/// A time that is written by one thread and read by another.
struct LastWrite {
    /// When the connection began: the clock counts from there.
    began: Instant,
    /// Since then, and one more; 0 is never.
    millis: AtomicU64,
}

impl LastWrite {
    fn new() -> Self {
        Self { began: Instant::now(), millis: AtomicU64::new(0) }
    }

    fn note(&self) {
        // A millisecond too late is none too early: who is idle isn't dropped before its time.
        let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1;
        self.millis.store(millis, Ordering::Relaxed);
    }

    fn get(&self) -> Option<Instant> {
        match self.millis.load(Ordering::Relaxed) {
            0 => None,
            millis => self.began.checked_add(Duration::from_millis(millis)),
        }
    }
}

impl<S: Socket> SharedSocket<S> {
    /// Shares a socket; `is_timed` if it is to know when it was last written to. Reading a clock costs each write a little.
    pub(super) fn new(socket: S, is_timed: bool) -> Arc<Self> {
        let wrote = is_timed.then(LastWrite::new);
        Arc::new(Self { socket, alarm: Arc::new(Alarm::new()), state: AtomicU8::new(FINE), wrote })
    }

    /// Whether the client has still to take what was written.
    pub(super) fn is_blocked(&self) -> bool {
        self.state.load(Ordering::Acquire) == BLOCKED
    }

    /// Whether writing has failed.
    pub(super) fn is_broken(&self) -> bool {
        self.state.load(Ordering::Acquire) == BROKEN
    }

    /// When something was last written; none if never, or if it isn't timed.
    pub(super) fn last_write(&self) -> Option<Instant> {
        self.wrote.as_ref()?.get()
    }

    fn note_write(&self) {
        if let Some(wrote) = &self.wrote {
            wrote.note();
        }
    }

    fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        let result = self.socket.try_write(frames);
        let state = match &result {
            Ok(_) => FINE,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => BLOCKED,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => FINE,
            Err(_) => BROKEN,
        };
        self.state.store(state, Ordering::Release);
        if result.is_ok() {
            self.note_write();
        }
        result
    }

    fn write_now(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        let written = self.socket.write_now(frames)?;
        self.note_write();
        Ok(written)
    }

    /// Says that nothing more will be written, and wakes the driver.
    fn close(&self) {
        if self.is_blocked() {
            // Nobody reads what the system holds; else it would hold it for minutes.
            self.socket.abort();
        } else {
            self.socket.shutdown();
        }
        self.alarm.close();
    }
}

/// A [`SharedSocket`], as an outbox has it.
pub(super) struct SocketSink<S>(pub(super) Weak<SharedSocket<S>>);

impl<S: Socket> Sink for SocketSink<S> {
    fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.upgrade().ok_or(io::ErrorKind::NotConnected)?.try_write(frames)
    }

    fn write_now(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.upgrade().ok_or(io::ErrorKind::NotConnected)?.write_now(frames)
    }

    fn wait_writable(&self, outbox: Arc<Outbox>) {
        let shared = self.0.clone();
        let resume = Resume(outbox);
        // The flusher calls this from one of its tasks.
        tokio::spawn(async move {
            let _resume = resume;
            if let Some(shared) = shared.upgrade() {
                // An error shows again in the write that follows.
                let _ = poll_fn(|cx| shared.socket.poll_writable(cx)).await;
            }
        });
    }

    fn close(&self) {
        if let Some(shared) = self.0.upgrade() {
            shared.close();
        }
    }
}

/// Has an outbox go on when this is dropped, however the wait for room has ended.
struct Resume(Arc<Outbox>);

impl Drop for Resume {
    fn drop(&mut self) {
        self.0.resume();
    }
}
