//! Input of a connection: read into a buffer that is the thread's and not the connection's.

use std::cell::RefCell;
use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};

use super::super::socket::Socket;

/// How much is read at a time: what a busy client sends between two turns, in one call.
const SCRATCH: usize = 64 * 1024;

/// A body that is this short against the memory it is in would keep too much of it alive.
const PINNED_SHARE: usize = 4;

/// Memory that isn't worth a copy, whatever share of it a body has.
const PINNED_FLOOR: usize = 512;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into());
}

/// What was read of a connection and not yet understood.
#[derive(Default)]
pub(super) struct Input {
    /// Empty and without memory while the connection is idle.
    pub(super) bytes: BytesMut,
    /// How much memory `bytes` had after the last read.
    memory: usize,
}

impl Input {
    /// Reads what there is into `bytes`; 0 is the end.
    pub(super) fn poll_read(
        &mut self,
        socket: &impl Socket,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        BUFFER.with_borrow_mut(|buffer| {
            let count = ready!(socket.poll_read(cx, buffer))?;
            self.take(buffer, count);
            Poll::Ready(Ok(count))
        })
    }

    /// Reads what there is, whatever is known of the socket; `None` if there is nothing.
    pub(super) fn read_now(&mut self, socket: &impl Socket) -> Option<io::Result<usize>> {
        BUFFER.with_borrow_mut(|buffer| match socket.read_now(buffer) {
            Ok(count) => {
                self.take(buffer, count);
                Some(Ok(count))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => Some(Err(error)),
        })
    }

    fn take(&mut self, buffer: &[u8], count: usize) {
        self.bytes.extend_from_slice(&buffer[..count]);
        self.memory = self.bytes.capacity();
    }

    /// Gives memory back that holds nothing.
    pub(super) fn release(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
    }

    /// The same body, copied if it would keep alive much more memory than it needs.
    pub(super) fn unpinned(&self, body: Bytes) -> Bytes {
        if self.memory > PINNED_FLOOR && body.len() < self.memory / PINNED_SHARE {
            return Bytes::copy_from_slice(&body);
        }
        body
    }
}

/// Reads and forgets; true at the end.
pub(super) fn poll_discard(socket: &impl Socket, cx: &mut Context<'_>) -> Poll<bool> {
    BUFFER.with_borrow_mut(|buffer| socket.poll_read(cx, buffer)).map(|read| !matches!(read, Ok(1..)))
}
