//! Sockets in memory: they take as much as the test allows, and break when it says so.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use pomelo::ext::connector::{Listener, Socket};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::support::soon;

/// The server's end.
pub struct MemorySocket(Arc<Mutex<State>>);

/// The client's end.
pub struct MemoryClient {
    state: Arc<Mutex<State>>,
    /// What was read and is no whole line yet.
    unread: Vec<u8>,
}

#[derive(Default)]
struct State {
    to_server: VecDeque<u8>,
    to_client: VecDeque<u8>,
    /// How many bytes one write takes.
    piece: usize,
    /// How many bytes may wait for the client.
    room: usize,
    has_client_closed: bool,
    broken: Option<io::ErrorKind>,
    end: Option<End>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    client: Option<Waker>,
}

/// How the server ended the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Shutdown,
    Abort,
    /// The socket was dropped without a word.
    Dropped,
}

fn pipe(piece: usize, room: usize) -> (MemorySocket, MemoryClient) {
    let state = Arc::new(Mutex::new(State { piece, room, ..State::default() }));
    (MemorySocket(state.clone()), MemoryClient { state, unread: Vec::new() })
}

impl State {
    fn wake(&mut self) {
        [&mut self.reader, &mut self.writer, &mut self.client]
            .into_iter()
            .filter_map(Option::take)
            .for_each(Waker::wake);
    }

    fn end(&mut self, end: End) {
        self.end.get_or_insert(end);
        self.wake();
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(kind) = self.broken {
            return Err(kind.into());
        }
        let count = buffer.len().min(self.to_server.len());
        if count == 0 && !self.has_client_closed {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        buffer.iter_mut().zip(self.to_server.drain(..count)).for_each(|(to, from)| *to = from);
        Ok(count)
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        if let Some(kind) = self.broken {
            return Err(kind.into());
        }
        let taken = self.piece.min(self.room.saturating_sub(self.to_client.len()));
        if taken == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let before = self.to_client.len();
        self.to_client.extend(pieces.iter().flat_map(|piece| piece.iter().copied()).take(taken));
        self.wake();
        Ok(self.to_client.len() - before)
    }
}

impl MemorySocket {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl Socket for MemorySocket {
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        match state.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            read => Poll::Ready(read),
        }
    }

    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.lock().read(buffer)
    }

    fn try_write(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.lock().write(pieces)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        if state.broken.is_some() || state.to_client.len() < state.room {
            return Poll::Ready(Ok(()));
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn shutdown(&self) {
        self.lock().end(End::Shutdown);
    }

    fn abort(&self) {
        self.lock().end(End::Abort);
    }
}

impl Drop for MemorySocket {
    fn drop(&mut self) {
        self.lock().end(End::Dropped);
    }
}

impl MemoryClient {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        let mut state = self.lock();
        state.to_server.extend(bytes.as_ref());
        state.wake();
    }

    /// Nothing more is sent.
    pub fn close(&self) {
        let mut state = self.lock();
        state.has_client_closed = true;
        state.wake();
    }

    /// Both directions fail from now on.
    pub fn fail(&self, kind: io::ErrorKind) {
        let mut state = self.lock();
        state.broken = Some(kind);
        state.wake();
    }

    /// How much may wait for the client.
    pub fn set_room(&self, room: usize) {
        let mut state = self.lock();
        state.room = room;
        state.wake();
    }

    /// How many bytes wait to be read.
    pub fn waiting(&self) -> usize {
        self.lock().to_client.len()
    }

    /// The next bytes, at least one; none after the end.
    pub async fn bytes(&self) -> Option<Vec<u8>> {
        soon(poll_fn(|cx| {
            let mut state = self.lock();
            if state.to_client.is_empty() {
                state.client = Some(cx.waker().clone());
                return if state.end.is_some() { Poll::Ready(None) } else { Poll::Pending };
            }
            let bytes = state.to_client.drain(..).collect();
            state.wake();
            Poll::Ready(Some(bytes))
        }))
        .await
    }

    /// The next line; none after the end.
    pub async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(length) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=length).collect();
                return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            let bytes = self.bytes().await?;
            self.unread.extend_from_slice(&bytes);
        }
    }

    /// How the server has ended the connection.
    pub async fn end(&self) -> End {
        soon(poll_fn(|cx| {
            let mut state = self.lock();
            state.client = Some(cx.waker().clone());
            state.end.map_or(Poll::Pending, Poll::Ready)
        }))
        .await
    }
}

/// Gives the sockets of those who connect.
pub struct MemoryListener(tokio::sync::Mutex<UnboundedReceiver<io::Result<MemorySocket>>>);

/// Connects to a [`MemoryListener`].
pub struct Network(UnboundedSender<io::Result<MemorySocket>>);

pub fn network() -> (Network, MemoryListener) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Network(sender), MemoryListener(tokio::sync::Mutex::new(receiver)))
}

impl Network {
    /// A client whose socket takes so many bytes at a time, as long as no more than `room` wait for it.
    pub fn connect(&self, piece: usize, room: usize) -> MemoryClient {
        let (socket, client) = pipe(piece, room);
        assert!(self.0.send(Ok(socket)).is_ok(), "somebody listens");
        client
    }

    /// Has the next attempt to accept fail.
    pub fn refuse(&self) {
        assert!(self.0.send(Err(io::ErrorKind::OutOfMemory.into())).is_ok(), "somebody listens");
    }
}

impl Listener for MemoryListener {
    type Socket = MemorySocket;

    async fn accept(&self) -> io::Result<(MemorySocket, Option<SocketAddr>)> {
        let next = self.0.lock().await.recv().await;
        Ok((next.ok_or(io::ErrorKind::NotConnected)??, None))
    }
}
