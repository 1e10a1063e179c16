//! A client over tcp, written against the protocol and not with our codec.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HANDSHAKE: u8 = 1;
const ACK: u8 = 2;
const HEARTBEAT: u8 = 3;
const DATA: u8 = 4;
const KICK: u8 = 5;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connected client.
pub struct Client {
    stream: TcpStream,
    serial: u8,
    answers: VecDeque<(u8, Value)>,
}

impl Client {
    /// Connects and shakes hands.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut client = Self { stream, serial: 0, answers: VecDeque::new() };
        let hello = json!({ "sys": { "type": "t", "version": "1" } }).to_string();
        client.write(HANDSHAKE, hello.as_bytes()).await;
        let (kind, body) = client.package().await.expect("an answer to the handshake");
        assert_eq!((kind, json(&body)["code"].as_u64()), (HANDSHAKE, Some(200)));
        client.write(ACK, b"").await;
        client
    }

    /// The client's own address.
    pub fn address(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    /// Sends a request; gives its id.
    pub async fn send(&mut self, route: &str, body: Value) -> u8 {
        self.serial += 1;
        assert!(self.serial < 128, "ids of one byte only");
        let mut message = vec![0, self.serial, u8::try_from(route.len()).unwrap()];
        message.extend_from_slice(route.as_bytes());
        message.extend_from_slice(body.to_string().as_bytes());
        self.write(DATA, &message).await;
        self.serial
    }

    /// The answer to a request.
    pub async fn answer(&mut self, id: u8) -> Value {
        loop {
            if let Some(found) = self.answers.iter().position(|(answered, _)| *answered == id) {
                return self.answers.remove(found).unwrap().1;
            }
            let (kind, body) = self.package().await.expect("an answer");
            if kind == DATA && body[0] == 4 {
                self.answers.push_back((body[1], json(&body[2..])));
            }
        }
    }

    /// Sends a request and waits for its answer.
    pub async fn ask(&mut self, route: &str, body: Value) -> Value {
        let id = self.send(route, body).await;
        self.answer(id).await
    }

    /// Waits for the end of the connection; gives the kick that came before it, if one did.
    pub async fn end(&mut self) -> Option<Value> {
        let mut kick = None;
        while let Some((kind, body)) = self.package().await {
            if kind == KICK {
                kick = Some(json(&body));
            }
        }
        kick
    }

    async fn write(&mut self, kind: u8, body: &[u8]) {
        let mut package = u32::try_from(body.len()).unwrap().to_be_bytes();
        package[0] = kind;
        self.stream.write_all(&[&package, body].concat()).await.unwrap();
    }

    /// The next package that is no heartbeat; none at the end of the connection.
    async fn package(&mut self) -> Option<(u8, Vec<u8>)> {
        tokio::time::timeout(PATIENCE, async {
            loop {
                let mut head = [0; 4];
                self.stream.read_exact(&mut head).await.ok()?;
                let kind = std::mem::replace(&mut head[0], 0);
                let mut body = vec![0; u32::from_be_bytes(head) as usize];
                self.stream.read_exact(&mut body).await.ok()?;
                if kind != HEARTBEAT {
                    return Some((kind, body));
                }
            }
        })
        .await
        .expect("a package or the end in time")
    }
}

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap()
}

/// Waits until something holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let poll = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, poll).await.unwrap_or_else(|_| panic!("never came: {what}"));
}
