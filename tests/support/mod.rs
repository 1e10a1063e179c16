//! A client of the tests: pomelo's protocol over tcp.

#![allow(dead_code, unreachable_pub, reason = "every test binary uses another part")]

use std::collections::{HashMap, VecDeque};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pomelo::net::protocol::message::{Message, MessageKind, MessageRoute};
use pomelo::net::protocol::package::{MAX_BODY, Package, PackageKind};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// How long anything may take before a test is said to hang.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What a future gives, unless it takes too long.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("this takes too long")
}

/// Waits until `condition` holds.
pub async fn until(mut condition: impl FnMut() -> bool) {
    soon(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// A connected client. It reads only while it waits for something.
pub struct Client {
    stream: TcpStream,
    input: BytesMut,
    last_id: u64,
    answers: HashMap<u64, Bytes>,
    answered: Vec<u64>,
    pushes: HashMap<String, VecDeque<Value>>,
}

impl Client {
    /// Connects, once somebody listens, and does the handshake.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = soon(async {
            loop {
                match TcpStream::connect(address).await {
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    connected => return connected.unwrap(),
                }
            }
        });
        Self::greet(stream.await).await
    }

    /// As [`connect`](Self::connect), but the system keeps little for it while it doesn't read.
    pub async fn narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 * 1024).unwrap();
        Self::greet(soon(socket.connect(address)).await.unwrap()).await
    }

    async fn greet(stream: TcpStream) -> Self {
        let mut client = Self {
            stream,
            input: BytesMut::new(),
            last_id: 0,
            answers: HashMap::new(),
            answered: Vec::new(),
            pushes: HashMap::new(),
        };
        let hello = json!({ "sys": { "type": "test", "version": "1.0" }, "user": {} }).to_string();
        client.write(&Package::encode(PackageKind::Handshake, hello.as_bytes()).unwrap()).await;
        let answer = client.package().await.expect("an answer to the handshake");
        assert_eq!(answer.kind, PackageKind::Handshake);
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer["code"], 200);
        client.write(&Package::encode(PackageKind::HandshakeAck, b"").unwrap()).await;
        client
    }

    /// Sends requests in one write; gives their ids.
    pub async fn send_all(&mut self, requests: &[(&str, Value)]) -> Vec<u64> {
        let (mut bytes, mut ids) = (BytesMut::new(), Vec::new());
        for (route, body) in requests {
            self.last_id += 1;
            ids.push(self.last_id);
            bytes.extend_from_slice(&message(MessageKind::Request, self.last_id, route, body));
        }
        self.write(&bytes).await;
        ids
    }

    /// Sends a request; gives its id.
    pub async fn send(&mut self, route: &str, body: Value) -> u64 {
        self.send_all(&[(route, body)]).await;
        self.last_id
    }

    /// Sends a notify.
    pub async fn notify(&mut self, route: &str, body: Value) {
        self.write(&message(MessageKind::Notify, 0, route, &body)).await;
    }

    /// The answer to a request that was sent.
    pub async fn answer(&mut self, id: u64) -> Value {
        json(&self.answer_bytes(id).await)
    }

    /// The undecoded answer to a request that was sent.
    pub async fn answer_bytes(&mut self, id: u64) -> Bytes {
        loop {
            if let Some(answer) = self.answers.remove(&id) {
                return answer;
            }
            self.read().await;
        }
    }

    /// Sends a request, and gives its answer.
    pub async fn request(&mut self, route: &str, body: Value) -> Value {
        let id = self.send(route, body).await;
        self.answer(id).await
    }

    /// The ids of all requests that were answered, in the order of the answers.
    pub fn answered(&self) -> &[u64] {
        &self.answered
    }

    /// The next push of a route.
    pub async fn push(&mut self, route: &str) -> Value {
        loop {
            if let Some(push) = self.pushes.get_mut(route).and_then(VecDeque::pop_front) {
                return push;
            }
            self.read().await;
        }
    }

    /// Takes the pushes of a route that have been read.
    pub fn pushes(&mut self, route: &str) -> Vec<Value> {
        self.pushes.remove(route).unwrap_or_default().into()
    }

    /// Waits until the server kicks the client; gives the reason.
    pub async fn kicked(&mut self) -> String {
        loop {
            let package = self.package().await.expect("a kick");
            if package.kind == PackageKind::Kick {
                return reason_of(&package);
            }
        }
    }

    /// Reads until the connection is over; gives the reason of the kick, if that arrives.
    pub async fn end(&mut self) -> Option<String> {
        let mut reason = None;
        while let Some(package) = self.package().await {
            match package.kind {
                PackageKind::Kick => reason = Some(reason_of(&package)),
                _ => self.take(package),
            }
        }
        reason
    }

    /// Closes the connection.
    pub async fn close(mut self) {
        // An error means that it is closed already.
        let _ = self.stream.shutdown().await;
    }

    async fn write(&mut self, bytes: &[u8]) {
        soon(self.stream.write_all(bytes)).await.unwrap();
    }

    async fn read(&mut self) {
        let package = self.package().await.expect("the connection to be open");
        self.take(package);
    }

    fn take(&mut self, package: Package) {
        match package.kind {
            PackageKind::Heartbeat => return,
            PackageKind::Data => {}
            other => panic!("{other:?}: {:?}", package.body),
        }
        let message = Message::decode(package.body).unwrap();
        match (message.kind, message.route) {
            (MessageKind::Response, _) => {
                self.answered.push(message.id);
                self.answers.insert(message.id, message.body);
            }
            (MessageKind::Push, Some(MessageRoute::Name(route))) => {
                self.pushes.entry(route.as_str().to_owned()).or_default().push_back(json(&message.body));
            }
            other => panic!("{other:?}"),
        }
    }

    async fn package(&mut self) -> Option<Package> {
        loop {
            if let Some(package) = Package::decode(&mut self.input, MAX_BODY).unwrap() {
                return Some(package);
            }
            if soon(self.stream.read_buf(&mut self.input)).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }
}

fn reason_of(kick: &Package) -> String {
    let body: Value = serde_json::from_slice(&kick.body).unwrap();
    body["reason"].as_str().unwrap_or_default().to_owned()
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or(Value::Null)
}

fn message(kind: MessageKind, id: u64, route: &str, body: &Value) -> Bytes {
    let route = Some(MessageRoute::Name(route.into()));
    let body = Bytes::from(body.to_string());
    let message = Message { kind, id, route, body, gzip: false };
    Package::encode(PackageKind::Data, &message.encode().unwrap()).unwrap()
}
