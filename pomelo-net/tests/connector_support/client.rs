//! A client over raw tcp, or over websocket by a library that isn't ours.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use futures::{SinkExt, StreamExt};
use pomelo_net::protocol::message::{Message, MessageKind, MessageRoute};
use pomelo_net::protocol::package::{HEARTBEAT, MAX_BODY, Package, PackageKind};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderName;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message as Frame};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::soon;

pub const SHAKE: &str = r#"{"sys":{"type":"test","version":"1.0"},"user":{"token":"t"}}"#;

pub struct Client {
    wire: Wire,
    input: BytesMut,
    /// The close frame that the server sent.
    pub closed_with: Option<u16>,
}

pub enum Wire {
    Tcp(TcpStream),
    WebSocket(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>),
}

impl Client {
    pub async fn tcp(address: SocketAddr) -> Self {
        Self::new(Wire::Tcp(soon(TcpStream::connect(address)).await.unwrap()))
    }

    pub async fn websocket(address: SocketAddr) -> Self {
        let (stream, _) = soon(connect_async(format!("ws://{address}/"))).await.unwrap();
        Self::new(Wire::WebSocket(Box::new(stream)))
    }

    /// A websocket that is asked for by this path and with these fields besides its own.
    ///
    /// # Errors
    /// The status of the answer, if that is no upgrade.
    pub async fn asking(address: SocketAddr, path: &str, fields: &[(&str, &str)]) -> Result<Self, u16> {
        let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        match soon(connect_async(request)).await {
            Ok((stream, _)) => Ok(Self::new(Wire::WebSocket(Box::new(stream)))),
            Err(tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub async fn of_kind(websocket: bool, address: SocketAddr) -> Self {
        if websocket { Self::websocket(address).await } else { Self::tcp(address).await }
    }

    /// One of each kind.
    pub async fn both(address: SocketAddr) -> [Self; 2] {
        [Self::tcp(address).await, Self::websocket(address).await]
    }

    fn new(wire: Wire) -> Self {
        Self { wire, input: BytesMut::new(), closed_with: None }
    }

    pub fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    /// Sends bytes as they are, in one websocket message.
    pub async fn raw(&mut self, bytes: impl Into<Bytes>) {
        assert!(self.try_raw(bytes).await, "the connection is closed");
    }

    /// The same; false if the connection is closed.
    pub async fn try_raw(&mut self, bytes: impl Into<Bytes>) -> bool {
        let bytes = bytes.into();
        match &mut self.wire {
            Wire::Tcp(stream) => soon(stream.write_all(&bytes)).await.is_ok(),
            Wire::WebSocket(stream) => soon(stream.send(Frame::Binary(bytes))).await.is_ok(),
        }
    }

    pub async fn send(&mut self, kind: PackageKind, body: &[u8]) {
        self.raw(Package::encode(kind, body).unwrap()).await;
    }

    /// The next package; none at the end of the connection, however it came.
    pub async fn package(&mut self) -> Option<Package> {
        loop {
            if let Some(package) = Package::decode(&mut self.input, MAX_BODY).unwrap() {
                return Some(package);
            }
            if !self.read().await {
                return None;
            }
        }
    }

    async fn read(&mut self) -> bool {
        match &mut self.wire {
            Wire::Tcp(stream) => matches!(soon(stream.read_buf(&mut self.input)).await, Ok(1..)),
            Wire::WebSocket(stream) => match soon(stream.next()).await {
                Some(Ok(Frame::Binary(bytes))) => {
                    self.input.extend_from_slice(&bytes);
                    true
                }
                Some(Ok(Frame::Close(frame))) => {
                    self.closed_with = frame.map(|CloseFrame { code, .. }| code.into());
                    true
                }
                Some(Ok(_)) => true,
                Some(Err(_)) | None => false,
            },
        }
    }

    /// Waits for the end of the connection, and fails if a package comes instead.
    pub async fn end(&mut self) {
        assert_eq!(self.package().await, None);
    }

    /// The answer to `handshake`.
    pub async fn greet(&mut self, handshake: &str) -> Value {
        self.send(PackageKind::Handshake, handshake.as_bytes()).await;
        let answer = self.package().await.expect("an answer to the handshake");
        assert_eq!(answer.kind, PackageKind::Handshake);
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// The whole handshake; gives the server's answer.
    pub async fn shake(&mut self) -> Value {
        let answer = self.greet(SHAKE).await;
        assert_eq!(answer["code"], 200);
        self.send(PackageKind::HandshakeAck, b"").await;
        if answer["sys"].get("heartbeat").is_some() {
            self.beat_comes().await;
        } else {
            // Nothing says that the session is open; this shows it.
            self.ask(1 << 30, "echo", "{}").await;
        }
        answer
    }

    pub async fn beat(&mut self) {
        self.raw(HEARTBEAT).await;
    }

    pub async fn beat_comes(&mut self) {
        assert_eq!(self.package().await.expect("a heartbeat").kind, PackageKind::Heartbeat);
    }

    pub async fn request(&mut self, id: u64, method: &str, body: &str) {
        self.raw(request(id, method, body)).await;
    }

    /// The next response or push.
    pub async fn message(&mut self) -> Message {
        let package = self.package().await.expect("a message");
        assert_eq!(package.kind, PackageKind::Data, "{package:?}");
        Message::decode(package.body).unwrap()
    }

    /// Asks, and gives the body of the answer.
    pub async fn ask(&mut self, id: u64, method: &str, body: &str) -> Bytes {
        self.request(id, method, body).await;
        let answer = self.message().await;
        assert_eq!((answer.kind, answer.id), (MessageKind::Response, id));
        answer.body
    }

    /// Expects a kick, and then the end; gives the reason.
    pub async fn kicked(&mut self) -> String {
        loop {
            let package = self.package().await.expect("a kick");
            if package.kind == PackageKind::Kick {
                self.end().await;
                let body: Value = serde_json::from_slice(&package.body).unwrap();
                return body["reason"].as_str().unwrap().to_owned();
            }
        }
    }
}

/// The package of a request to a method of the entry handler.
pub fn request(id: u64, method: &str, body: &str) -> Bytes {
    let route = MessageRoute::Name(format!("connector.entryHandler.{method}").as_str().into());
    let body = Bytes::copy_from_slice(body.as_bytes());
    let message = Message { kind: MessageKind::Request, id, route: Some(route), body, gzip: false };
    Package::encode(PackageKind::Data, &message.encode().unwrap()).unwrap()
}
