//! A proxy between two servers, so that a test can be the network.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They arrive.
    Pass,
    /// Nothing is read: both sides see a peer that is silent. Connections are taken.
    Hold,
    /// Connections are closed, and new ones at once. The port doesn't refuse.
    Cut,
    /// As [`Hold`](Self::Hold), and nobody takes connections: the system takes two, and then drops what asks for more.
    Drop,
}

/// A way to a port on loopback.
pub struct Proxy {
    mode: watch::Sender<Mode>,
    said: Arc<Mutex<Vec<Vec<u8>>>>,
    port: u16,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A way to that port.
    pub async fn start(to: u16) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = socket.listen(1).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mode, watched) = watch::channel(Mode::Pass);
        let said = Arc::<Mutex<Vec<_>>>::default();
        let accepting = tokio::spawn(accept(listener, to, watched, said.clone()));
        Self { mode, said, port, accepting }
    }

    /// Where the way begins.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sets what becomes of bytes from now on.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// What each connection's dialer has sent.
    pub fn said(&self) -> Vec<Vec<u8>> {
        self.said.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, to: u16, mode: watch::Receiver<Mode>, said: Arc<Mutex<Vec<Vec<u8>>>>) {
    loop {
        let mut mode = mode.clone();
        if mode.wait_for(|mode| *mode != Mode::Drop).await.is_err() {
            return;
        }
        let (dialer, _) = tokio::select! {
            accepted = listener.accept() => accepted.unwrap(),
            _ = mode.wait_for(|mode| *mode == Mode::Drop) => continue,
        };
        let said = said.clone();
        tokio::spawn(async move {
            if mode
                .wait_for(|mode| !matches!(mode, Mode::Hold | Mode::Drop))
                .await
                .is_ok_and(|mode| *mode == Mode::Cut)
            {
                return;
            }
            let Ok(listener) = TcpStream::connect(("127.0.0.1", to)).await else { return };
            let index = {
                let mut said = said.lock().unwrap();
                said.push(Vec::new());
                said.len() - 1
            };
            let (a, b) = (dialer.into_split(), listener.into_split());
            let note = move |bytes: &[u8]| said.lock().unwrap()[index].extend_from_slice(bytes);
            let there = pass(a.0, b.1, mode.clone(), note);
            let back = pass(b.0, a.1, mode.clone(), |_: &[u8]| {});
            // Where one direction ends, so does the other.
            tokio::select! {
                () = there => {}
                () = back => {}
                _ = mode.wait_for(|mode| *mode == Mode::Cut) => {}
            }
        });
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
    note: impl Fn(&[u8]),
) {
    let mut bytes = vec![0; 64 << 10];
    loop {
        if mode.wait_for(|mode| *mode == Mode::Pass).await.is_err() {
            return;
        }
        let read = tokio::select! {
            read = from.read(&mut bytes) => read,
            _ = mode.changed() => continue,
        };
        match read {
            Ok(length @ 1..) => {
                note(&bytes[..length]);
                if to.write_all(&bytes[..length]).await.is_err() {
                    return;
                }
            }
            Ok(0) | Err(_) => return,
        }
    }
}
