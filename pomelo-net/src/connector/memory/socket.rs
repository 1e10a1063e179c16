//! Sockets in memory: the two ends of a connection, each direction with a buffer of bounded size.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connector::Socket;

/// The server's end of a connection in memory.
pub struct MemorySocket(Arc<Mutex<Connection>>, SocketAddr);

/// The client's end of a connection in memory. Dropping it closes the connection.
pub struct MemoryStream(Arc<Mutex<Connection>>, SocketAddr);

/// Makes a connection from a client's address; each direction holds up to `capacity` bytes.
pub(super) fn pair(capacity: usize, client: SocketAddr) -> (MemorySocket, MemoryStream) {
    let pipe = || Pipe { capacity, ..Pipe::default() };
    let connection = Arc::new(Mutex::new(Connection { to_server: pipe(), to_client: pipe() }));
    (MemorySocket(connection.clone(), client), MemoryStream(connection, client))
}

impl MemorySocket {
    pub(super) fn client_address(&self) -> SocketAddr {
        self.1
    }
}

impl MemoryStream {
    /// The client's own address, which the server sees it come from. No other client of the network has it.
    pub fn local_addr(&self) -> SocketAddr {
        self.1
    }
}

struct Connection {
    to_server: Pipe,
    to_client: Pipe,
}

/// One direction.
#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    end: End,
    /// Who waits for bytes.
    reader: Option<Waker>,
    /// Who waits for room.
    writer: Option<Waker>,
}

/// How far a direction has ended.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    /// Nothing more is written; what was is read.
    Written,
    /// Nothing more is read; what was written is lost.
    Unread,
    /// Both fail.
    Broken,
}

impl Pipe {
    /// Reads what there is; 0 is the end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.end == End::Broken {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let count = buffer.len().min(self.bytes.len());
        if count == 0 && self.end == End::Open {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        buffer.iter_mut().zip(self.bytes.drain(..count)).for_each(|(to, from)| *to = from);
        wake(&mut self.writer);
        Ok(count)
    }

    /// Writes as much as there is room for.
    fn write<'a>(&mut self, pieces: impl Iterator<Item = &'a [u8]>) -> io::Result<usize> {
        match self.end {
            End::Open => {}
            End::Written | End::Unread => return Err(io::ErrorKind::BrokenPipe.into()),
            End::Broken => return Err(io::ErrorKind::ConnectionReset.into()),
        }
        let mut room = self.capacity.saturating_sub(self.bytes.len());
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let before = self.bytes.len();
        for piece in pieces {
            let taken = &piece[..room.min(piece.len())];
            self.bytes.extend(taken);
            room -= taken.len();
        }
        wake(&mut self.reader);
        Ok(self.bytes.len() - before)
    }

    fn end(&mut self, end: End) {
        if self.end == End::Broken {
            return;
        }
        self.end = end;
        if matches!(end, End::Unread | End::Broken) {
            self.bytes.clear();
        }
        wake(&mut self.reader);
        wake(&mut self.writer);
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What an attempt gives, unless it would block: then `waiting` is woken when it is worth another one.
fn poll<T>(attempt: io::Result<T>, waiting: &mut Option<Waker>, cx: &Context<'_>) -> Poll<io::Result<T>> {
    match attempt {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            *waiting = Some(cx.waker().clone());
            Poll::Pending
        }
        done => Poll::Ready(done),
    }
}

impl Socket for MemorySocket {
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let pipe = &mut lock(&self.0).to_server;
        poll(pipe.read(buffer), &mut pipe.reader, cx)
    }

    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        lock(&self.0).to_server.read(buffer)
    }

    fn try_write(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        lock(&self.0).to_client.write(pieces.iter().map(|piece| &**piece))
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let pipe = &mut lock(&self.0).to_client;
        if pipe.end != End::Open || pipe.bytes.len() < pipe.capacity {
            return Poll::Ready(Ok(()));
        }
        pipe.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn shutdown(&self) {
        lock(&self.0).to_client.end(End::Written);
    }

    fn abort(&self) {
        let mut connection = lock(&self.0);
        connection.to_client.end(End::Broken);
        connection.to_server.end(End::Broken);
    }
}

impl Drop for MemorySocket {
    fn drop(&mut self) {
        let mut connection = lock(&self.0);
        connection.to_client.end(End::Written);
        connection.to_server.end(End::Unread);
    }
}

impl AsyncRead for MemoryStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let pipe = &mut lock(&self.0).to_client;
        let read = pipe.read(buffer.initialize_unfilled());
        poll(read, &mut pipe.reader, cx).map_ok(|count| buffer.advance(count))
    }
}

impl AsyncWrite for MemoryStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let pipe = &mut lock(&self.0).to_server;
        poll(pipe.write([bytes].into_iter()), &mut pipe.writer, cx)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.0).to_server.end(End::Written);
        Poll::Ready(Ok(()))
    }
}

impl Drop for MemoryStream {
    fn drop(&mut self) {
        let mut connection = lock(&self.0);
        connection.to_server.end(End::Written);
        connection.to_client.end(End::Unread);
    }
}
