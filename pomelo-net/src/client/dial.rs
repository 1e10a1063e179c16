//! Dialing: opening the byte stream that a connection runs on.

use std::io;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::ServerUrl;

/// A stream of bytes in both directions, such as a socket.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// Any [`ByteStream`].
pub type BoxedStream = Box<dyn ByteStream>;

/// A way to open byte streams: [`DialTcp`], or one's own, such as TLS, a proxy, or pipes in memory for tests.
///
/// ```
/// use std::io;
///
/// use futures::future::BoxFuture;
/// use pomelo_net::client::{BoxedStream, Dial, DialTcp, ServerUrl};
///
/// /// Goes to this machine, whatever host a gate names.
/// struct ThisMachine;
///
/// impl Dial for ThisMachine {
///     fn dial<'a>(&'a self, url: &'a ServerUrl) -> BoxFuture<'a, io::Result<BoxedStream>> {
///         Box::pin(async move { DialTcp.dial(&url.at("127.0.0.1", url.port())).await })
///     }
/// }
/// ```
pub trait Dial: Send + Sync + 'static {
    /// Opens a stream to [`host`](ServerUrl::host) and [`port`](ServerUrl::port) of `url`, with TLS if it
    /// [`is_secure`](ServerUrl::is_secure). The websocket, if it is to be one, is made on it.
    ///
    /// # Errors
    /// Those of the network.
    ///
    /// # Cancel safety
    /// Nothing may be left of it when the future is dropped: that is how a deadline ends it.
    fn dial<'a>(&'a self, url: &'a ServerUrl) -> BoxFuture<'a, io::Result<BoxedStream>>;
}

/// Dials by tcp, without Nagle's algorithm. It does no TLS.
#[derive(Debug, Clone, Copy, Default)]
pub struct DialTcp;

impl Dial for DialTcp {
    fn dial<'a>(&'a self, url: &'a ServerUrl) -> BoxFuture<'a, io::Result<BoxedStream>> {
        async move {
            if url.is_secure() {
                let why = "TLS needs a `Dial` that does it";
                return Err(io::Error::new(io::ErrorKind::Unsupported, why));
            }
            let stream = TcpStream::connect((url.host(), url.port())).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as BoxedStream)
        }
        .boxed()
    }
}
