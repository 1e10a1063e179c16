//! A socket around another one that transforms all bytes, as TLS does: records with their length in front, each byte changed.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use pomelo::ext::connector::{Listener, Socket};

use super::memory::MemoryClient;

/// The longest record, in bytes.
const RECORD: usize = 16;
const KEY: u8 = 0x5a;

/// A record of the first bytes of `plain`, at most [`RECORD`].
fn seal(plain: &[u8]) -> Vec<u8> {
    let plain = &plain[..plain.len().min(RECORD)];
    std::iter::once(plain.len() as u8).chain(plain.iter().map(|byte| byte ^ KEY)).collect()
}

/// Takes the records off that are whole.
fn unseal(sealed: &mut Vec<u8>, plain: &mut impl Extend<u8>) {
    while let Some(length) =
        sealed.first().map(|length| usize::from(*length)).filter(|length| sealed.len() > *length)
    {
        plain.extend(sealed.drain(..=length).skip(1).map(|byte| byte ^ KEY));
    }
}

pub struct Sealed<S> {
    inner: S,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Of the last record, what the inner socket has not taken.
    held: Vec<u8>,
    /// What was read and is no whole record.
    sealed: Vec<u8>,
    /// What was unsealed and not read.
    plain: VecDeque<u8>,
    /// Nothing follows what is held.
    ends: bool,
    driver: Option<Waker>,
    outbox: Option<Waker>,
}

impl<S: Socket> Sealed<S> {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Sends what is held; would block as long as something is.
    fn send_held(&self, state: &mut State) -> io::Result<()> {
        while !state.held.is_empty() {
            let sent = self.inner.try_write(&[IoSlice::new(&state.held)])?;
            state.held.drain(..sent);
        }
        state.outbox.take().into_iter().for_each(Waker::wake);
        if state.ends {
            self.inner.shutdown();
        }
        Ok(())
    }

    /// Gives plain bytes, of which there are some, or of which there come no more.
    fn give(state: &mut State, buffer: &mut [u8]) -> usize {
        let count = buffer.len().min(state.plain.len());
        buffer.iter_mut().zip(state.plain.drain(..count)).for_each(|(to, from)| *to = from);
        count
    }

    /// Unseals what the inner socket has read; true if there is something to give.
    fn take(state: &mut State, read: &[u8]) -> bool {
        let State { sealed, plain, .. } = state;
        sealed.extend_from_slice(read);
        unseal(sealed, plain);
        read.is_empty() || !plain.is_empty()
    }
}

impl<S: Socket> Socket for Sealed<S> {
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        state.driver = Some(cx.waker().clone());
        while let Err(error) = self.send_held(&mut state) {
            if error.kind() != io::ErrorKind::WouldBlock {
                return Poll::Ready(Err(error));
            }
            if self.inner.poll_writable(cx).is_pending() {
                break;
            }
        }
        while state.plain.is_empty() {
            let mut read = [0; RECORD];
            let count = std::task::ready!(self.inner.poll_read(cx, &mut read))?;
            if Self::take(&mut state, &read[..count]) {
                break;
            }
        }
        Poll::Ready(Ok(Self::give(&mut state, buffer)))
    }

    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.lock();
        while state.plain.is_empty() {
            let mut read = [0; RECORD];
            let count = self.inner.read_now(&mut read)?;
            if Self::take(&mut state, &read[..count]) {
                break;
            }
        }
        Ok(Self::give(&mut state, buffer))
    }

    fn try_write(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.lock();
        self.send_held(&mut state)?;
        let plain: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).take(RECORD).collect();
        state.held = seal(&plain);
        match self.send_held(&mut state) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Err(_) => state.driver.take().into_iter().for_each(Waker::wake),
            Ok(()) => {}
        }
        Ok(plain.len())
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        if state.held.is_empty() {
            return Poll::Ready(Ok(()));
        }
        state.outbox = Some(cx.waker().clone());
        Poll::Pending
    }

    fn shutdown(&self) {
        let mut state = self.lock();
        state.ends = true;
        if state.held.is_empty() {
            self.inner.shutdown();
        }
    }

    fn abort(&self) {
        self.inner.abort();
    }
}

/// Seals the sockets of another listener.
pub struct SealedListener<L>(pub L);

impl<L: Listener> Listener for SealedListener<L> {
    type Socket = Sealed<L::Socket>;

    async fn accept(&self) -> io::Result<(Self::Socket, Option<SocketAddr>)> {
        let (inner, peer) = self.0.accept().await?;
        Ok((Sealed { inner, state: Mutex::default() }, peer))
    }
}

/// A client whose bytes are sealed.
pub struct SealedClient {
    pub client: MemoryClient,
    sealed: Vec<u8>,
    plain: Vec<u8>,
}

impl SealedClient {
    pub fn new(client: MemoryClient) -> Self {
        Self { client, sealed: Vec::new(), plain: Vec::new() }
    }

    pub fn send(&self, text: &str) {
        text.as_bytes().chunks(RECORD).for_each(|plain| self.client.send(seal(plain)));
    }

    /// The next line; none after the end.
    pub async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(length) = self.plain.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.plain.drain(..=length).collect();
                return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            self.sealed.extend(self.client.bytes().await?);
            unseal(&mut self.sealed, &mut self.plain);
        }
    }
}
