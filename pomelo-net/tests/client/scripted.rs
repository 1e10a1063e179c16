//! A server that says what a test has it say, over pipes in memory.

use std::io;

use bytes::Bytes;
use futures::future::BoxFuture;
use pomelo_net::client::{BoxedStream, ClientOptions, Dial, ServerUrl, Wire};
use pomelo_net::protocol::message::{Message, RouteRef};
use pomelo_net::protocol::outgoing::{self, Framing};
use pomelo_net::protocol::package::{HEARTBEAT, Package, PackageKind};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;

/// How much lies in a pipe at most, in bytes.
const PIPE_BYTES: usize = 64 * 1024;

/// Where the pipes of clients that dial come out.
pub struct Listener {
    dialed: mpsc::UnboundedReceiver<DuplexStream>,
    dialer: Pipes,
}

/// Dials by pipes in memory, as long as there is a listener.
#[derive(Clone)]
pub struct Pipes(mpsc::UnboundedSender<DuplexStream>);

impl Dial for Pipes {
    fn dial<'a>(&'a self, _: &'a ServerUrl) -> BoxFuture<'a, io::Result<BoxedStream>> {
        Box::pin(async {
            let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
            self.0.send(theirs).map_err(|_| io::ErrorKind::ConnectionRefused)?;
            Ok(Box::new(ours) as BoxedStream)
        })
    }
}

impl Listener {
    pub fn new() -> Self {
        let (dialer, dialed) = mpsc::unbounded_channel();
        Self { dialed, dialer: Pipes(dialer) }
    }

    pub fn dialer(&self) -> Pipes {
        self.dialer.clone()
    }

    /// Options of a client that comes here.
    pub fn options(&self) -> ClientOptions {
        ClientOptions::new().dial(self.dialer())
    }

    /// The next client, which has said nothing yet.
    pub async fn accept(&mut self) -> Scripted {
        Scripted { wire: Wire::raw(self.dialed.recv().await.expect("somebody who dials")) }
    }

    /// The next client, after a handshake with this in `sys`.
    pub async fn shake(&mut self, sys: &str) -> Scripted {
        let mut server = self.accept().await;
        server.shake(sys).await;
        server
    }

    /// Refuses all who come from now on.
    pub fn shut(&mut self) {
        self.dialed.close();
    }
}

/// The server's end of one connection.
pub struct Scripted {
    wire: Wire,
}

impl Scripted {
    /// Takes the client's handshake, and accepts it; gives what the client says.
    pub async fn shake(&mut self, sys: &str) -> serde_json::Value {
        let request = self.wire.read_package().await.unwrap();
        assert_eq!(request.kind, PackageKind::Handshake);
        let reply = format!(r#"{{"code":200,"sys":{sys}}}"#);
        self.package(PackageKind::Handshake, reply.as_bytes()).await;
        assert_eq!(self.wire.read_package().await.unwrap().kind, PackageKind::HandshakeAck);
        serde_json::from_slice(&request.body).unwrap()
    }

    /// The next package.
    pub async fn read(&mut self) -> Package {
        self.wire.read_package().await.unwrap()
    }

    /// The next message.
    pub async fn message(&mut self) -> Message {
        let package = self.read().await;
        assert_eq!(package.kind, PackageKind::Data);
        Message::decode(package.body).unwrap()
    }

    pub async fn package(&mut self, kind: PackageKind, body: &[u8]) {
        self.wire.send_package(kind, body).await.unwrap();
    }

    pub async fn beat(&mut self) {
        self.wire.send(HEARTBEAT).await.unwrap();
    }

    pub async fn respond(&mut self, id: u64, body: &str) {
        self.send(outgoing::response(Framing::Tcp, id, body.as_bytes()).unwrap()).await;
    }

    pub async fn push(&mut self, route: &str, body: &str) {
        self.send(outgoing::push(Framing::Tcp, RouteRef::Name(route), body.as_bytes()).unwrap()).await;
    }

    pub async fn send(&mut self, bytes: Bytes) {
        self.wire.send(bytes).await.unwrap();
    }

    /// Waits until the client has closed.
    pub async fn end(mut self) {
        while self.wire.read_package().await.is_ok() {}
    }
}
