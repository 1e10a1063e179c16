//! Wire: packages over a byte stream, one after the other or in websocket messages.

mod raw;
mod websocket;

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::{BoxedStream, ByteStream, ConnectError, Dial, DialTcp, ServerUrl, WireError};
use crate::protocol::outgoing::Framing;
use crate::protocol::package::{MAX_BODY, Package, PackageKind};

use raw::Raw;
use websocket::WebSocket;

/// A connection that carries packages and knows nothing of what they mean.
///
/// [`Connection`](super::Connection) is what applications want. This is for those who look at single packages, or send what no client
/// would: bytes are sent as they are given.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use pomelo_net::client::Wire;
/// use pomelo_net::protocol::package::PackageKind;
///
/// let mut wire = Wire::connect("tcp://127.0.0.1:3010").await?;
/// wire.send_package(PackageKind::Handshake, br#"{"sys":{"type":"test","version":"1"}}"#).await?;
/// let reply = wire.read_package().await?;
/// assert_eq!(reply.kind, PackageKind::Handshake);
/// wire.send(&b"\x09no such package"[..]).await?;
/// assert!(wire.read_package().await.is_err(), "the server closes");
/// # Ok(())
/// # }
/// ```
pub struct Wire {
    carrier: Carrier,
    /// The longest package body that is taken.
    max_package: usize,
}

enum Carrier {
    Raw(Raw),
    WebSocket(Box<WebSocket>),
}

impl Wire {
    /// Connects to a server, by tcp.
    ///
    /// # Errors
    /// [`ConnectError`] if nobody listens there, or doesn't speak websocket where the URL says so.
    ///
    /// # Cancel safety
    /// Dropping the future closes what it has opened.
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        Self::dial(&url.parse()?, &DialTcp, &[]).await
    }

    /// Connects to a server by a way of one's own, with these header fields in the websocket's upgrade besides those that belong there.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    ///
    /// # Cancel safety
    /// Dropping the future closes what it has opened.
    pub async fn dial(
        url: &ServerUrl,
        dial: &dyn Dial,
        headers: &[(String, String)],
    ) -> Result<Self, ConnectError> {
        let stream = dial.dial(url).await;
        let stream = stream.map_err(|source| ConnectError::Dial { address: url.authority(), source })?;
        match url.framing() {
            Framing::Tcp => Ok(Self::raw(stream)),
            Framing::WebSocket => Self::upgrade(stream, url, headers).await,
        }
    }

    /// Packages one after the other on a stream that is open.
    pub fn raw(stream: impl ByteStream + 'static) -> Self {
        let stream: BoxedStream = Box::new(stream);
        Self { carrier: Carrier::Raw(Raw::new(stream)), max_package: MAX_BODY }
    }

    /// Makes a websocket of a stream that is open.
    ///
    /// # Errors
    /// [`ConnectError::Upgrade`] or [`ConnectError::WebSocket`] if the server doesn't want that.
    ///
    /// # Cancel safety
    /// Dropping the future closes the stream.
    pub async fn upgrade(
        stream: impl ByteStream + 'static,
        url: &ServerUrl,
        headers: &[(String, String)],
    ) -> Result<Self, ConnectError> {
        let websocket = WebSocket::upgrade(Box::new(stream), url, headers).await?;
        Ok(Self { carrier: Carrier::WebSocket(Box::new(websocket)), max_package: MAX_BODY })
    }

    /// Takes no package with a longer body than this; [`MAX_BODY`] at first.
    pub fn set_max_package(&mut self, bytes: usize) {
        self.max_package = bytes;
    }

    /// How packages travel.
    pub fn framing(&self) -> Framing {
        match self.carrier {
            Carrier::Raw(_) => Framing::Tcp,
            Carrier::WebSocket(_) => Framing::WebSocket,
        }
    }

    /// The stream below. What is read or written there, the wire doesn't see.
    pub fn stream(&mut self) -> &mut dyn ByteStream {
        match &mut self.carrier {
            Carrier::Raw(raw) => raw.stream(),
            Carrier::WebSocket(websocket) => websocket.stream(),
        }
    }

    /// Takes the next package out of what was read.
    ///
    /// # Errors
    /// [`WireError::Package`] if it is none.
    pub fn take_package(&mut self) -> Result<Option<Package>, WireError> {
        match &mut self.carrier {
            Carrier::Raw(raw) => raw.take_package(self.max_package),
            Carrier::WebSocket(websocket) => websocket.take_package(self.max_package),
        }
    }

    /// Waits for the next package.
    ///
    /// # Errors
    /// [`WireError`] if the connection ends, or what comes is no package.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn read_package(&mut self) -> Result<Package, WireError> {
        loop {
            match self.take_package()? {
                Some(package) => return Ok(package),
                None => poll_fn(|cx| self.poll_read(cx)).await?,
            }
        }
    }

    /// Queues bytes to be sent as they are; of a websocket they become one message. [`flush`](Self::flush) sends them.
    pub fn queue(&mut self, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        match &mut self.carrier {
            Carrier::Raw(raw) => raw.queue(bytes),
            Carrier::WebSocket(websocket) => websocket.queue(bytes),
        }
    }

    /// Queues a text message, which no client of pomelo sends; on a raw stream, its bytes.
    pub fn queue_text(&mut self, text: &str) {
        match &mut self.carrier {
            Carrier::Raw(raw) => raw.queue(Bytes::copy_from_slice(text.as_bytes())),
            Carrier::WebSocket(websocket) => websocket.queue_text(text),
        }
    }

    /// Waits until all that was queued is on its way.
    ///
    /// # Errors
    /// [`WireError`] if the connection ends.
    ///
    /// # Cancel safety
    /// What was not sent remains queued.
    pub async fn flush(&mut self) -> Result<(), WireError> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// [`WireError`] if the connection ends.
    ///
    /// # Cancel safety
    /// What was not sent remains queued.
    pub async fn send(&mut self, bytes: impl Into<Bytes>) -> Result<(), WireError> {
        self.queue(bytes);
        self.flush().await
    }

    /// Sends a package.
    ///
    /// # Errors
    /// [`WireError::Package`] if the body is too long for one, or as [`send`](Self::send).
    ///
    /// # Cancel safety
    /// What was not sent remains queued.
    pub async fn send_package(&mut self, kind: PackageKind, body: &[u8]) -> Result<(), WireError> {
        self.send(Package::encode(kind, body)?).await
    }

    /// Sends what is queued and closes; on a websocket, with code 1000.
    ///
    /// # Errors
    /// [`WireError`] if the connection has ended before.
    ///
    /// # Cancel safety
    /// Dropping the future closes without sending the rest.
    pub async fn close(mut self) -> Result<(), WireError> {
        self.flush().await?;
        poll_fn(|cx| self.poll_close(cx)).await
    }

    /// Reads something, if there is anything: then there may be packages to take.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        match &mut self.carrier {
            Carrier::Raw(raw) => raw.poll_read(cx),
            Carrier::WebSocket(websocket) => websocket.poll_read(cx),
        }
    }

    /// Sends what is queued.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        match &mut self.carrier {
            Carrier::Raw(raw) => raw.poll_flush(cx),
            Carrier::WebSocket(websocket) => websocket.poll_flush(cx),
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        match &mut self.carrier {
            Carrier::Raw(raw) => raw.poll_close(cx),
            Carrier::WebSocket(websocket) => websocket.poll_close(cx),
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("framing", &self.framing()).finish_non_exhaustive()
    }
}
