//! Sinks: where connections write what their outboxes have queued.

use std::io::{self, IoSlice};
use std::sync::Arc;

use super::Outbox;

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
