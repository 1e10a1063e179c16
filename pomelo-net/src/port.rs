//! A listening port, which one task after another accepts on, and whose end can be waited for.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::address::Listener;

/// A port that is listened on as long as somebody holds this.
pub struct ListeningPort {
    /// What is accepted on.
    listener: Listener,
    /// Dropped after the listener.
    _closing: oneshot::Sender<()>,
}

/// Resolves when a [`ListeningPort`] is closed, and so free.
pub struct PortClosed(oneshot::Receiver<()>);

impl ListeningPort {
    /// The port of a listener, and what tells when it is closed.
    pub fn new(listener: Listener) -> (Arc<Self>, PortClosed) {
        let (closing, closed) = oneshot::channel();
        (Arc::new(Self { listener, _closing: closing }), PortClosed(closed))
    }

    /// The next who comes; see [`Listener::accept`].
    ///
    /// # Errors
    /// As the system says.
    ///
    /// # Cancel safety
    /// Nobody is lost who has not been returned. Only one task may wait here at a time.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.listener.accept().await
    }
}

impl PortClosed {
    /// Waits until the port is closed.
    ///
    /// # Cancel safety
    /// It can be waited for again.
    pub async fn wait(&mut self) {
        // Nothing is sent: the end of the sender is what is waited for.
        let _ = (&mut self.0).await;
    }
}
