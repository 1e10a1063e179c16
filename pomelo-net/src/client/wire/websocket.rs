//! Websockets: whole packages in binary messages, by the library tungstenite.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::{Sink, Stream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::client::error::wire_error;
use crate::client::{BoxedStream, ByteStream, ConnectError, ServerUrl, WireError};
use crate::protocol::package::Package;

/// The buffers of a websocket, in bytes. A program may have thousands of connections.
const BUFFER_BYTES: usize = 4096;

/// The longest message, in bytes. A server that collects what it sends for a while puts several packages into one.
const MESSAGE_BYTES: usize = 64 << 20;

/// A websocket, what was read of it and is not taken, and what is to be written.
pub(super) struct WebSocket {
    stream: WebSocketStream<BoxedStream>,
    /// The rest of the last message.
    input: Bytes,
    output: VecDeque<Message>,
    /// Something was written that may still be in a buffer of the library.
    unflushed: bool,
    /// The code of the server's close.
    close_code: Option<u16>,
}

impl WebSocket {
    /// # Cancel safety
    /// Dropping the future closes the stream.
    pub(super) async fn upgrade(
        stream: BoxedStream,
        url: &ServerUrl,
        headers: &[(String, String)],
    ) -> Result<Self, ConnectError> {
        let address = || url.authority();
        let failed = |source| ConnectError::WebSocket { address: address(), source: Box::new(source) };
        let request = request(url, headers).map_err(failed)?;
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(BUFFER_BYTES)
            .max_message_size(Some(MESSAGE_BYTES))
            .max_frame_size(Some(MESSAGE_BYTES));
        match client_async_with_config(request, stream, Some(config)).await {
            Ok((stream, _)) => Ok(Self {
                stream,
                input: Bytes::new(),
                output: VecDeque::new(),
                unflushed: false,
                close_code: None,
            }),
            Err(Error::Http(answer)) => {
                Err(ConnectError::Upgrade { address: address(), status: answer.status().as_u16() })
            }
            Err(error) => Err(failed(error)),
        }
    }

    pub(super) fn stream(&mut self) -> &mut dyn ByteStream {
        self.stream.get_mut()
    }

    pub(super) fn take_package(&mut self, limit: usize) -> Result<Option<Package>, WireError> {
        Ok(Package::decode_whole(&mut self.input, limit)?)
    }

    pub(super) fn queue(&mut self, bytes: Bytes) {
        self.output.push_back(Message::Binary(bytes));
    }

    pub(super) fn queue_text(&mut self, text: &str) {
        self.output.push_back(Message::text(text));
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        let message = match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Poll::Ready(Err(wire_error(error, self.close_code))),
            None => return Poll::Ready(Err(WireError::Closed { code: self.close_code })),
        };
        match message {
            Message::Binary(bytes) => self.input = bytes,
            Message::Text(_) => return Poll::Ready(Err(WireError::Text)),
            // The library answers it, and then says that the connection is closed.
            Message::Close(frame) => self.close_code = frame.map(|frame| frame.code.into()),
            // A ping is answered by the library.
            _ => {}
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        let sent = ready!(self.poll_send(cx));
        Poll::Ready(sent.map_err(|error| wire_error(error, self.close_code)))
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while !self.output.is_empty() {
            ready!(Pin::new(&mut self.stream).poll_ready(cx))?;
            if let Some(message) = self.output.pop_front() {
                self.unflushed = true;
                Pin::new(&mut self.stream).start_send(message)?;
            }
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        let closed = ready!(Pin::new(&mut self.stream).poll_close(cx));
        Poll::Ready(closed.map_err(|error| wire_error(error, self.close_code)))
    }
}

/// The upgrade, with more fields than the library gives it. What is below the websocket is no concern of the library's, so to it all URLs
/// are `ws`.
fn request(url: &ServerUrl, headers: &[(String, String)]) -> Result<Request, Error> {
    let mut request = format!("ws://{}{}", url.authority(), url.path()).into_client_request()?;
    for (name, value) in headers {
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|error| Error::HttpFormat(error.into()))?;
        let value = HeaderValue::from_str(value).map_err(|error| Error::HttpFormat(error.into()))?;
        request.headers_mut().append(name, value);
    }
    Ok(request)
}
