//! The writing side of a connection.

use std::io::{self, IoSlice, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use pomelo_core::outbox::{Outbox, Sink};
use socket2::SockRef;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::Instant;

use super::alarm::Alarm;

/// The last write went well.
const FINE: u8 = 0;
/// It found no room: the client doesn't read, or not as fast as we write.
const BLOCKED: u8 = 1;
/// It failed for good.
const BROKEN: u8 = 2;

/// What a connection writes to. Its driver owns it; outboxes only borrow it, so that the socket is gone when the
/// driver ends, however long others keep the outbox.
pub(super) struct Line {
    write: OwnedWriteHalf,
    alarm: Arc<Alarm>,
    /// What became of the last write.
    state: AtomicU8,
    /// When something was last written, where that counts.
    wrote: Option<LastWrite>,
}

/// A time that is written by one thread and read by another.
struct LastWrite {
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

impl Line {
    /// A line; `is_timed` if it is to know when it was last written to. Reading a clock costs each write a little.
    pub(super) fn new(write: OwnedWriteHalf, alarm: Arc<Alarm>, is_timed: bool) -> Arc<Self> {
        let wrote = is_timed.then(LastWrite::new);
        Arc::new(Self { write, alarm, state: AtomicU8::new(FINE), wrote })
    }

    /// Whether the client has still to take what was written.
    pub(super) fn is_blocked(&self) -> bool {
        self.state.load(Ordering::Acquire) == BLOCKED
    }

    /// Whether writing has failed.
    pub(super) fn is_broken(&self) -> bool {
        self.state.load(Ordering::Acquire) == BROKEN
    }

    /// When something was last written; none if never, or if the line isn't timed.
    pub(super) fn last_write(&self) -> Option<Instant> {
        self.wrote.as_ref()?.get()
    }

    fn note_write(&self) {
        if let Some(wrote) = &self.wrote {
            wrote.note();
        }
    }

    fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        let result = match frames {
            [frame] => self.write.try_write(frame),
            frames => self.write.try_write_vectored(frames),
        };
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

    /// Writes whatever tokio knows of the socket.
    fn write_now(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        let written = (&*SockRef::from(self.write.as_ref())).write_vectored(frames)?;
        self.note_write();
        Ok(written)
    }

    /// Says that nothing more will be written, and wakes the driver. Errors mean that the connection is gone already.
    fn close(&self) {
        let socket = SockRef::from(self.write.as_ref());
        if self.is_blocked() {
            // Nobody reads what the kernel holds; without this it would hold it for minutes.
            let _ = socket.set_linger(Some(Duration::ZERO));
            let _ = socket.shutdown(Shutdown::Both);
        } else {
            let _ = socket.shutdown(Shutdown::Write);
        }
        self.alarm.close();
    }
}

/// A [`Line`], as an outbox has it.
pub(super) struct LineSink(pub(super) Weak<Line>);

impl Sink for LineSink {
    fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.upgrade().ok_or(io::ErrorKind::NotConnected)?.try_write(frames)
    }

    fn write_now(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.upgrade().ok_or(io::ErrorKind::NotConnected)?.write_now(frames)
    }

    fn wait_writable(&self, outbox: Arc<Outbox>) {
        let line = self.0.clone();
        let resume = Resume(outbox);
        // The flusher calls this from one of its tasks.
        tokio::spawn(async move {
            let _resume = resume;
            if let Some(line) = line.upgrade() {
                // An error shows again in the write that follows.
                let _ = line.write.writable().await;
            }
        });
    }

    fn close(&self) {
        if let Some(line) = self.0.upgrade() {
            line.close();
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
