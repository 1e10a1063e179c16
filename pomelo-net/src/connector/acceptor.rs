//! Acceptors: accept the clients of a listener, within limits, and give each connection a task.
//!
//! ```text
//!  Listener ─▶ accept ─▶ seat (max_connections, per address) ─▶ a task: Driver<Protocol, Socket>
//!                          └ none is free: the socket is dropped, and counted
//! ```

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use pomelo_core::frontend::{Frontend, Listening};

use super::connections::{ConnectionLimits, Connections};
use super::driver::Driver;
use super::protocol::Protocol;
use super::socket::{Listener, Socket};

/// How long to wait before accepting again when that fails: it does when there are no file descriptors left.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Takes clients of one protocol in: what a [`Connector`](pomelo_core::frontend::Connector) is made with.
///
/// Each connection has one task, its driver, which is the same for every [`Protocol`] over every [`Socket`]. It reads into a buffer of
/// the thread and has no timer of its own: all deadlines are in a timing wheel that the acceptor turns.
///
/// ```no_run
/// use std::sync::Arc;
/// use futures::future::BoxFuture;
/// use pomelo::ext::connector::{
///     Acceptor, ConnectionLimits, Connector, Encoding, Format, FormatId, Frontend, Listening, Protocol, Result,
/// };
///
/// /// A connector is a protocol, its format, and what it listens on.
/// struct Lines<P> {
///     format: Arc<dyn Format>,
///     protocol: std::marker::PhantomData<fn() -> P>,
/// }
///
/// impl<P: Protocol<Shared = FormatId>> Connector for Lines<P> {
///     fn encoding(&self) -> Encoding {
///         Encoding::Json
///     }
///
///     fn start(self: Arc<Self>, frontend: Arc<Frontend>) -> BoxFuture<'static, Result<Listening>> {
///         Box::pin(async move {
///             let format = frontend.add_format(self.format.clone())?;
///             let listener = tokio::net::TcpListener::bind("0.0.0.0:3020").await?;
///             let address = listener.local_addr()?;
///             let acceptor = Acceptor::<P>::new(frontend, ConnectionLimits::default(), format);
///             Ok(acceptor.listen(listener, address, "lines"))
///         })
///     }
/// }
/// ```
pub struct Acceptor<P: Protocol>(Arc<Connections<P>>);

impl<P: Protocol> Acceptor<P> {
    /// An acceptor of clients for a frontend; `shared` is what all their protocols have in common.
    pub fn new(frontend: Arc<Frontend>, limits: ConnectionLimits, shared: P::Shared) -> Self {
        Self(Connections::new(frontend, limits, shared))
    }

    /// Accepts clients, in a task of the server's, until what is returned is stopped or dropped; the connections that are there stay.
    /// `address` is where clients connect to, and `protocol` says for people what they speak: `tcp+ws`.
    pub fn listen<L: Listener>(self, listener: L, address: SocketAddr, protocol: &'static str) -> Listening {
        let (connections, listener) = (self.0, Arc::new(listener));
        let tasks = connections.frontend.tasks().clone();
        let accepting =
            tasks.spawn_guarded("accept", move || accept(listener.clone(), Self(connections.clone())));
        // When the task is gone, the port is free; also if nobody calls this and it is dropped.
        let stop = move || -> BoxFuture<'static, ()> { Box::pin(accepting.end()) };
        Listening { address, protocol, stop: Box::new(stop) }
    }

    /// Serves one connection in a task of its own. Over a limit of connections, the socket is dropped at once, which is counted. It is
    /// called from a task of the server's runtime.
    pub fn serve<S: Socket>(&self, socket: S, peer: Option<SocketAddr>) {
        let Some(seat) = self.0.take_seat(peer.map(|peer| peer.ip())) else { return };
        tokio::spawn(Driver::new(seat, socket, peer).run());
    }
}

/// Accepts clients until it is aborted; each gets a task of its own. Those that wait are the listener's, so they are there also
/// for the next run.
async fn accept<P: Protocol, L: Listener>(listener: Arc<L>, acceptor: Acceptor<P>) {
    let mut was_fine = true;
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                was_fine = true;
                acceptor.serve(socket, peer);
            }
            Err(error) => {
                if std::mem::take(&mut was_fine) {
                    note_failure(&acceptor.0.frontend, &error);
                }
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

fn note_failure(frontend: &Frontend, error: &io::Error) {
    tracing::warn!(server = %frontend.server().id, %error, "cannot accept clients");
}
