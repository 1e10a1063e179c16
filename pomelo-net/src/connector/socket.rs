//! Sockets: what a connection's bytes come from and go to, without waiting.

use std::future::pending;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll};

/// A connection's way to its client: bytes, readiness and an end.
///
/// One driver reads, and the server's flusher writes, at the same time: hence `&self` everywhere. No method waits; those that may
/// have to are polls. tokio's [`TcpStream`](tokio::net::TcpStream) is one.
///
/// # A socket that transforms bytes
/// TLS is a socket around another one: frames are shared by all connections up to here, so it sits behind the outbox, and neither
/// the driver nor a protocol knows of it. Around rustls without I/O it would do this, all under one lock:
///
/// - [`try_write`](Self::try_write) first sends what it holds, and would block as long as any of that is left. Then it encrypts one
///   record, at most 16 KiB of what it is offered, holds what the inner socket doesn't take of that, and returns how many plain bytes
///   it has taken. So it never holds more than a record; and what it has not taken may be withdrawn, as when a kick takes its place.
///   If it holds something now, it wakes the driver.
/// - [`poll_read`](Self::poll_read) keeps the waker of the driver, and decrypts. Before, it sends what is held and what TLS has to say by itself, such as its handshake,
///   and polls the inner socket for room as long as something is left: the driver polls it for as long as the connection lives.
/// - [`poll_writable`](Self::poll_writable) keeps the waker of the outbox, and wakes it once nothing is held.
/// - [`shutdown`](Self::shutdown) notes that it ends; the alert goes, and the inner socket is shut down, behind what is held.
///
/// What comes before the first plain byte, TLS's handshake, counts against the deadline of the protocol's handshake. `tests/connectors`
/// has such a socket, with a cipher of one byte.
///
/// A socket that counts what passes:
///
/// ```
/// use std::io::{self, IoSlice};
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use std::task::{Context, Poll};
/// use pomelo::ext::connector::Socket;
///
/// struct Counted<S> {
///     inner: S,
///     sent: AtomicUsize,
/// }
///
/// impl<S: Socket> Socket for Counted<S> {
///     fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
///         self.inner.poll_read(cx, buffer)
///     }
///
///     fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
///         self.inner.read_now(buffer)
///     }
///
///     fn try_write(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
///         let sent = self.inner.try_write(pieces)?;
///         self.sent.fetch_add(sent, Ordering::Relaxed);
///         Ok(sent)
///     }
///
///     fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
///         self.inner.poll_writable(cx)
///     }
///
///     fn shutdown(&self) {
///         self.inner.shutdown();
///     }
///
///     fn abort(&self) {
///         self.inner.abort();
///     }
/// }
/// ```
pub trait Socket: Send + Sync + 'static {
    /// Reads what there is, at most as much as `buffer` holds; 0 is the end. Only the connection's driver polls it.
    ///
    /// # Errors
    /// Any of them ends the connection.
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// As [`poll_read`](Self::poll_read), but asks the system even if nothing is known to have come: before a client is said to be
    /// silent.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if there is nothing.
    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes as much of the pieces, one after the other, as goes at once; returns how many bytes that was. What was not taken may be
    /// offered again, or something else in its place.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if nothing goes now: then [`poll_writable`](Self::poll_writable) is polled. Any other but
    /// [`Interrupted`](io::ErrorKind::Interrupted) ends the connection.
    fn try_write(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize>;

    /// As [`try_write`](Self::try_write), but asks the system even if there was no room a moment ago: before a client is said to be
    /// too slow.
    ///
    /// # Errors
    /// As [`try_write`](Self::try_write).
    fn write_now(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_write(pieces)
    }

    /// Waits for room to write. One task polls it at a time, another one than the driver's.
    ///
    /// # Errors
    /// That the connection is broken; so says the next write.
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Resolves once the connection is known to be broken; the end of its input is no break. The driver waits for that while a client
    /// is not read since too many of its requests are open. By default that is never known.
    ///
    /// # Cancel safety
    /// It may be dropped and called again.
    fn failed(&self) -> impl Future<Output = io::Error> + Send {
        pending()
    }

    /// Says that nothing more is written: the client reads to the end of what was. Called more than once at most by accident.
    fn shutdown(&self);

    /// Ends both directions at once; what is on its way to the client is lost.
    fn abort(&self);
}

/// What new connections come from.
///
/// tokio's [`TcpListener`](tokio::net::TcpListener) is one. One of TLS wraps another one, and one of UDP makes a socket of each
/// association.
///
/// ```
/// use std::io;
/// use std::net::SocketAddr;
/// use pomelo::ext::connector::Listener;
/// use tokio::net::{TcpListener, TcpStream};
///
/// /// Takes no clients from other machines.
/// struct Local(TcpListener);
///
/// impl Listener for Local {
///     type Socket = TcpStream;
///
///     async fn accept(&self) -> io::Result<(TcpStream, Option<SocketAddr>)> {
///         loop {
///             let (stream, address) = self.0.accept().await?;
///             if address.ip().is_loopback() {
///                 return Ok((stream, Some(address)));
///             }
///         }
///     }
/// }
/// ```
pub trait Listener: Send + Sync + 'static {
    /// What it gives.
    type Socket: Socket;

    /// Waits for the next connection; gives where it comes from, too, if that is an address. So an idle connection need not keep it.
    ///
    /// # Errors
    /// It is called again after a while, whatever the error was.
    ///
    /// # Cancel safety
    /// No connection may be lost that has not been returned.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Socket, Option<SocketAddr>)>> + Send;
}
