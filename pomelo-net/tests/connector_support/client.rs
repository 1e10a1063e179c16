//! A client over raw tcp, or over websocket by a library that isn't ours, which does only what a test says.

use std::net::SocketAddr;

use bytes::Bytes;
use pomelo_net::client::{ConnectError, DialTcp, Wire, WireError};
use pomelo_net::protocol::message::{Message, MessageKind, MessageRoute};
use pomelo_net::protocol::package::{HEARTBEAT, Package, PackageKind};
use serde_json::Value;
use tokio::net::TcpStream;

use super::soon;

pub const SHAKE: &str = r#"{"sys":{"type":"test","version":"1.0"},"user":{"token":"t"}}"#;

pub struct Client {
    wire: Wire,
    /// The close frame that the server sent.
    pub closed_with: Option<u16>,
}

impl Client {
    pub async fn tcp(address: SocketAddr) -> Self {
        Self::over(soon(TcpStream::connect(address)).await.unwrap())
    }

    /// Over a socket that is connected.
    pub fn over(stream: TcpStream) -> Self {
        Self::new(Wire::raw(stream))
    }

    pub async fn websocket(address: SocketAddr) -> Self {
        Self::new(soon(Wire::connect(&format!("ws://{address}"))).await.unwrap())
    }

    /// A websocket that is asked for by this path and with these fields besides its own.
    ///
    /// # Errors
    /// The status of the answer, if that is no upgrade.
    pub async fn asking(address: SocketAddr, path: &str, fields: &[(&str, &str)]) -> Result<Self, u16> {
        let url = format!("ws://{address}{path}").parse().unwrap();
        let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        match soon(Wire::dial(&url, &DialTcp, &fields)).await {
            Ok(wire) => Ok(Self::new(wire)),
            Err(ConnectError::Upgrade { status, .. }) => Err(status),
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
        Self { wire, closed_with: None }
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
        soon(self.wire.send(bytes)).await.is_ok()
    }

    pub async fn send(&mut self, kind: PackageKind, body: &[u8]) {
        self.raw(Package::encode(kind, body).unwrap()).await;
    }

    /// The next package; none at the end of the connection, however it came.
    pub async fn package(&mut self) -> Option<Package> {
        match soon(self.wire.read_package()).await {
            Ok(package) => Some(package),
            Err(WireError::Closed { code }) => {
                self.closed_with = code;
                None
            }
            Err(WireError::Io(_) | WireError::WebSocket(_)) => None,
            Err(other) => panic!("{other}"),
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
