//! A connection that carries packages: raw tcp, or websocket by a library.

use std::pin::pin;

use bytes::{Bytes, BytesMut};
use clap::ValueEnum;
use futures::future::poll_fn;
use futures::{Sink, SinkExt, StreamExt};
use pomelo_net::protocol::package::{MAX_BODY, Package};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::ClientError;

/// How much a connection reads at once; there are hundreds of them.
const READ_BUFFER: usize = 4096;

/// How packages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Proto {
    /// In binary websocket messages.
    Ws,
    /// As they are.
    Tcp,
}

/// One connection.
pub enum Wire {
    /// Packages one behind the other.
    Tcp {
        /// The socket.
        stream: TcpStream,
        /// What was read and is not taken yet.
        input: BytesMut,
    },
    /// Whole packages in messages.
    WebSocket {
        /// The socket.
        stream: Box<WebSocketStream<TcpStream>>,
        /// The rest of the last message.
        message: Bytes,
    },
}

impl Wire {
    /// Connects to `host:port`.
    ///
    /// # Errors
    /// If nobody listens there, or doesn't speak websocket.
    pub async fn connect(address: &str, proto: Proto) -> Result<Self, ClientError> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|source| ClientError::Connect { address: address.to_owned(), source })?;
        stream.set_nodelay(true)?;
        if proto == Proto::Tcp {
            return Ok(Self::Tcp { stream, input: BytesMut::new() });
        }
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(READ_BUFFER);
        let (stream, _) = client_async_with_config(format!("ws://{address}/"), stream, Some(config)).await?;
        Ok(Self::WebSocket { stream: Box::new(stream), message: Bytes::new() })
    }

    /// Takes the next package out of what was read.
    ///
    /// # Errors
    /// If it is none.
    pub fn package(&mut self) -> Result<Option<Package>, ClientError> {
        Ok(match self {
            Self::Tcp { input, .. } => Package::decode(input, MAX_BODY)?,
            Self::WebSocket { message, .. } => Package::decode_whole(message, MAX_BODY)?,
        })
    }

    /// Waits for more to read.
    ///
    /// # Errors
    /// If the connection ends.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing.
    pub async fn read(&mut self) -> Result<(), ClientError> {
        match self {
            Self::Tcp { stream, input } => {
                input.reserve(READ_BUFFER);
                match stream.read_buf(input).await? {
                    0 => Err(ClientError::Closed),
                    _ => Ok(()),
                }
            }
            Self::WebSocket { stream, message } => match stream.next().await {
                Some(Ok(Frame::Binary(bytes))) => {
                    *message = bytes;
                    Ok(())
                }
                Some(Ok(Frame::Text(_))) => Err(ClientError::Unexpected("a text message")),
                Some(Ok(_)) => Ok(()),
                Some(Err(error)) => Err(error.into()),
                None => Err(ClientError::Closed),
            },
        }
    }

    /// Takes a package to be sent; it may wait until there is room for it.
    ///
    /// # Errors
    /// If the connection ends.
    ///
    /// # Cancel safety
    /// What is left in `package` was not sent.
    pub async fn write(&mut self, package: &mut Bytes) -> Result<(), ClientError> {
        match self {
            Self::Tcp { stream, .. } => {
                while !package.is_empty() {
                    stream.write_buf(package).await?;
                }
            }
            Self::WebSocket { stream, .. } => {
                let mut sink = pin!(&mut **stream);
                poll_fn(|cx| sink.as_mut().poll_ready(cx)).await?;
                sink.start_send(Frame::Binary(std::mem::take(package)))?;
            }
        }
        Ok(())
    }

    /// Waits until all that was written is on its way.
    ///
    /// # Errors
    /// If the connection ends.
    ///
    /// # Cancel safety
    /// It can be called again.
    pub async fn flush(&mut self) -> Result<(), ClientError> {
        match self {
            Self::Tcp { .. } => Ok(()),
            Self::WebSocket { stream, .. } => Ok(stream.flush().await?),
        }
    }
}
