//! Reading, with a buffer that is the thread's and not the connection's.

use std::cell::RefCell;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use socket2::SockRef;
use tokio::io::{AsyncRead, Interest, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;

/// How much is read at a time: what a busy client sends between two turns, in one call.
const SCRATCH: usize = 64 * 1024;

/// A body that is this short against the memory it is in would keep too much of it alive.
const PINNED_SHARE: usize = 4;

/// Memory that isn't worth a copy, whatever share of it a body has.
const PINNED_FLOOR: usize = 512;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into());
}

/// What is read of a connection, and what was read and not yet understood.
pub(super) struct Input {
    socket: OwnedReadHalf,
    /// Empty and without memory while the connection is idle.
    pub(super) bytes: BytesMut,
    /// How much memory `bytes` had after the last read.
    memory: usize,
}

impl Input {
    pub(super) fn new(socket: OwnedReadHalf) -> Self {
        Self { socket, bytes: BytesMut::new(), memory: 0 }
    }

    /// Reads what there is into `bytes`; 0 is the end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Self { socket, bytes, memory } = self;
        poll_socket(socket, cx, |read| {
            bytes.extend_from_slice(read);
            *memory = bytes.capacity();
        })
    }

    /// Reads and forgets; true at the end.
    pub(super) fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        poll_socket(&mut self.socket, cx, |_| {}).map(|read| !matches!(read, Ok(1..)))
    }

    /// Reads what there is, whatever tokio knows of it; `None` if there is nothing.
    pub(super) fn read_now(&mut self) -> Option<io::Result<usize>> {
        BUFFER.with_borrow_mut(|buffer| {
            let count = match (&*SockRef::from(self.socket.as_ref())).read(buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) => return Some(Err(error)),
            };
            self.bytes.extend_from_slice(&buffer[..count]);
            self.memory = self.bytes.capacity();
            Some(Ok(count))
        })
    }

    /// The connection is broken; the end of its input alone doesn't count.
    pub(super) async fn failed(&self) -> io::Error {
        loop {
            match self.socket.ready(Interest::ERROR).await {
                Err(error) => return error,
                Ok(ready) if ready.is_error() => return io::ErrorKind::ConnectionReset.into(),
                Ok(_) => tokio::task::yield_now().await,
            }
        }
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

/// Hands what there is to `take`.
///
/// After a read that didn't fill the buffer, tokio knows that nothing is left, and no call is wasted on finding out.
fn poll_socket(
    socket: &mut OwnedReadHalf,
    cx: &mut Context<'_>,
    take: impl FnOnce(&[u8]),
) -> Poll<io::Result<usize>> {
    BUFFER.with_borrow_mut(|buffer| {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(socket).poll_read(cx, &mut buffer))?;
        take(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    })
}
