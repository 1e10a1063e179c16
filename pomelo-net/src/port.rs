//! A listening port: it is accepted on by one task after another, and says when it is closed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::address::Listener;

/// A port that is listened on as long as somebody holds this.
pub(crate) struct Port {
    listener: Listener,
    /// Dropped after the listener.
    _closing: oneshot::Sender<()>,
}

/// Resolves when a [`Port`] is closed, and so free.
pub(crate) struct PortClosed(oneshot::Receiver<()>);

impl Port {
    pub(crate) fn new(listener: Listener) -> (Arc<Self>, PortClosed) {
        let (closing, closed) = oneshot::channel();
        (Arc::new(Self { listener, _closing: closing }), PortClosed(closed))
    }

    pub(crate) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.listener.accept().await
    }
}

impl PortClosed {
    pub(crate) async fn wait(&mut self) {
        // Nothing is sent: the end of the sender is what is waited for.
        let _ = (&mut self.0).await;
    }
}
