//! Connection: a connected client without a task of its own, which reads and writes only while it is polled.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::alarm::{Alarm, now};
use super::{ConnectError, ConnectionError, ConnectionOptions, ServerUrl, Wire, WireError};
use crate::protocol::client::{self as protocol, Agreement, BodyError, Event, Known, SendError};
use crate::protocol::package::HEARTBEAT;

/// A connected client that does something only while [`next`](Self::next) or [`ask`](Self::ask) is awaited.
///
/// It is for programs that have many, such as bots, and for tests that must know when something is read. Applications want a
/// [`Client`](super::Client), which has a task.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use pomelo_net::client::{Connection, Event};
/// use serde_json::{Value, json};
///
/// let mut connection = Connection::connect("tcp://127.0.0.1:3010").await?;
/// let users: Value = connection.ask("connector.entryHandler.enter", &json!({ "room": "r1" })).await?;
///
/// let said = connection.request("chat.chatHandler.send", &json!({ "content": "hello" }))?;
/// loop {
///     match connection.next().await? {
///         Event::Response { id, .. } if id == said => break,
///         Event::Push { route, body } => {
///             let push: Value = connection.decode(route.as_str(), &body)?;
///             println!("{route}: {push}");
///         }
///         _ => {}
///     }
/// }
/// connection.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Connection {
    wire: Wire,
    pub(super) protocol: protocol::Connection,
    alarm: Alarm,
    /// Events that came while a response was waited for.
    pub(super) backlog: VecDeque<Event>,
    pub(super) max_backlog: usize,
    pub(super) ask_timeout: Duration,
}

impl Connection {
    /// Connects to `ws://host:port` or `tcp://host:port`, and does the handshake. [`ConnectionOptions`] say more.
    ///
    /// # Errors
    /// [`ConnectError`] if nobody listens there, refuses, or takes too long.
    ///
    /// # Cancel safety
    /// Dropping the future closes what it has opened.
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        ConnectionOptions::new().connect(url).await
    }

    /// Connects to a server by these options, and does the handshake.
    ///
    /// # Errors
    /// [`ConnectError`] if nobody listens there, refuses, or takes too long.
    ///
    /// # Cancel safety
    /// Dropping the future closes what it has opened.
    pub async fn open(url: &ServerUrl, options: &ConnectionOptions) -> Result<Self, ConnectError> {
        let open = async {
            let wire = Wire::dial(url, &*options.dial, &options.headers).await?;
            Self::shake(wire, options).await
        };
        let after = options.connect_timeout;
        timeout(after, open).await.map_err(|_| ConnectError::Deadline { after })?
    }

    /// Does the handshake on a wire that is open.
    ///
    /// # Errors
    /// [`ConnectError`] if the server refuses, or takes too long.
    ///
    /// # Cancel safety
    /// Dropping the future closes the wire.
    pub async fn over(wire: Wire, options: &ConnectionOptions) -> Result<Self, ConnectError> {
        let after = options.connect_timeout;
        timeout(after, Self::shake(wire, options)).await.map_err(|_| ConnectError::Deadline { after })?
    }

    async fn shake(mut wire: Wire, options: &ConnectionOptions) -> Result<Self, ConnectError> {
        wire.set_max_package(options.settings.max_package);
        let mut connection = Self {
            wire,
            protocol: protocol::Connection::new(&options.settings, options.known.clone())?,
            alarm: Alarm::new(),
            backlog: VecDeque::new(),
            max_backlog: options.backlog,
            ask_timeout: options.ask_timeout,
        };
        while !matches!(connection.next().await?, Event::Ready { .. }) {}
        connection.flush().await?;
        Ok(connection)
    }

    /// Waits for the next event; meanwhile sends what was requested, and heartbeats.
    ///
    /// # Errors
    /// [`ConnectionError`] if the connection is over, then and whenever it is called again.
    ///
    /// # Cancel safety
    /// Dropping the future loses no event and no part of what is sent.
    pub async fn next(&mut self) -> Result<Event, ConnectionError> {
        match self.backlog.pop_front() {
            Some(event) => Ok(event),
            None => poll_fn(|cx| self.poll_next(cx)).await,
        }
    }

    /// Queues a request, and returns the number that its response will have; [`next`](Self::next) sends it.
    ///
    /// # Errors
    /// [`SendError`]; nothing is queued then.
    pub fn request<T: Serialize + ?Sized>(&mut self, route: &str, body: &T) -> Result<u64, SendError> {
        self.protocol.request(route, body)
    }

    /// Queues what needs no response; [`next`](Self::next) or [`flush`](Self::flush) sends it.
    ///
    /// # Errors
    /// [`SendError`]; nothing is queued then.
    pub fn notify<T: Serialize + ?Sized>(&mut self, route: &str, body: &T) -> Result<(), SendError> {
        self.protocol.notify(route, body)
    }

    /// Reads the body of a push or response: by the schema of its route, or as JSON.
    ///
    /// # Errors
    /// [`BodyError`] if it is no `T`.
    pub fn decode<T: DeserializeOwned>(&self, route: &str, body: &[u8]) -> Result<T, BodyError> {
        self.protocol.decode(route, body)
    }

    /// As [`decode`](Self::decode), for types that borrow from the body.
    ///
    /// # Errors
    /// [`BodyError`] if it is no `T`.
    pub fn decode_borrowed<'a, T: Deserialize<'a>>(
        &self,
        route: &str,
        body: &'a [u8],
    ) -> Result<T, BodyError> {
        self.protocol.decode_borrowed(route, body)
    }

    /// Waits until all that was requested is on its way.
    ///
    /// # Errors
    /// [`ConnectionError`] if the connection is over.
    ///
    /// # Cancel safety
    /// It can be called again.
    pub async fn flush(&mut self) -> Result<(), ConnectionError> {
        Ok(poll_fn(|cx| self.poll_flush(cx)).await?)
    }

    /// Queues a heartbeat, due or not: for who goes on sending them and reads nothing.
    pub fn beat(&mut self) {
        self.wire.queue(HEARTBEAT);
    }

    /// Queues bytes as they are: for tests of what a server makes of them.
    pub fn send_raw(&mut self, bytes: impl Into<Bytes>) {
        self.wire.queue(bytes);
    }

    /// What the handshake settled, such as how often to send heartbeats.
    pub fn agreement(&self) -> &Arc<Agreement> {
        self.protocol.agreement()
    }

    /// What the server needn't send again to the next connection: see [`ConnectionOptions::known`].
    pub fn known(&self) -> &Known {
        self.protocol.known()
    }

    /// The protocol below: for what has no method here.
    pub fn protocol(&mut self) -> &mut protocol::Connection {
        &mut self.protocol
    }

    /// The wire, without the protocol: what is read from it is lost to who uses the connection further.
    pub fn into_wire(self) -> Wire {
        self.wire
    }

    /// Sends what is queued and closes. A server that doesn't read is not waited for any longer than for a response.
    ///
    /// # Cancel safety
    /// Dropping the future closes without sending the rest.
    pub async fn close(mut self) {
        let patience = self.ask_timeout;
        let close = async {
            self.flush().await?;
            Ok::<(), ConnectionError>(self.wire.close().await?)
        };
        // A connection that is over already, or a server that takes nothing more: it is closed when it is dropped here.
        let _ = timeout(patience, close).await;
    }

    /// The next event. It sends what it can, reads what there is, and then looks at the clock: a server isn't silent
    /// whose packages were not read.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event, ConnectionError>> {
        loop {
            if let Some(event) = self.take_event()? {
                return Poll::Ready(Ok(event));
            }
            let flushed = self.poll_flush(cx);
            match self.wire.poll_read(cx) {
                Poll::Ready(Ok(())) => continue,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending => {}
            }
            // Only now: a server that takes nothing more may have said why.
            if let Poll::Ready(Err(error)) = flushed {
                return Poll::Ready(Err(error.into()));
            }
            if self.alarm.poll(cx, self.protocol.poll_timeout()).is_pending() {
                return Poll::Pending;
            }
            self.protocol.handle_timeout(now())?;
        }
    }

    /// The next event of what was read.
    fn take_event(&mut self) -> Result<Option<Event>, ConnectionError> {
        if self.protocol.state() == protocol::State::Closed {
            return Err(ConnectionError::Closed);
        }
        while let Some(package) = self.wire.take_package()? {
            if let Some(event) = self.protocol.handle(package, now())? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        while let Some(package) = self.protocol.poll_transmit() {
            self.wire.queue(package);
        }
        self.wire.poll_flush(cx)
    }
}
