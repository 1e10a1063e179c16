//! The client's end of the protocol, sans-IO: packages in, events and packages out.
//!
//! It opens no socket and reads no clock. A driver ([`Client`](super::Client)) hands it each package that came, sends
//! what [`Protocol::poll_transmit`] gives, and calls [`Protocol::handle_timeout`] when [`Protocol::poll_timeout`] is over.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use pomelo_net::protocol::message::{Message, MessageHead, MessageKind, MessageRoute, RouteName, RouteRef};
use pomelo_net::protocol::outgoing::{self, Framing};
use pomelo_net::protocol::package::{HEARTBEAT, Package, PackageKind};
use pomelo_net::protocol::protobuf::Protos;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ClientError, schemas};

/// What a package meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The handshake is done; requests may be sent.
    Ready,
    /// The answer to request `id`.
    Answer {
        /// As [`Protocol::request`] returned it.
        id: u64,
        /// As the server sent it.
        body: Bytes,
    },
    /// A push.
    Push {
        /// What it is about.
        route: RouteName,
        /// As the server sent it; [`Protocol::decode`] reads it.
        body: Bytes,
    },
}

/// What has been agreed on with the server, and what waits to be sent.
pub struct Protocol {
    outgoing: VecDeque<Bytes>,
    codes: HashMap<String, u16>,
    names: HashMap<u16, RouteName>,
    protos: Option<Protos>,
    heartbeat: Option<Duration>,
    /// When the server's last heartbeat is to be answered.
    beat_at: Option<Instant>,
    last_id: u64,
}

/// A server's answer to a handshake.
#[derive(Deserialize)]
struct Greeting {
    code: u64,
    #[serde(default)]
    sys: Sys,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Sys {
    /// Seconds.
    heartbeat: Option<f64>,
    dict: HashMap<String, u16>,
    protos: Option<Value>,
}

impl Protocol {
    /// A client that has nothing yet, and greets the server.
    ///
    /// # Errors
    /// None that a greeting of this length could have.
    pub fn new() -> Result<Self, ClientError> {
        let greeting = json!({ "sys": { "type": "rust-bots", "version": env!("CARGO_PKG_VERSION") } });
        let greeting = Package::encode(PackageKind::Handshake, greeting.to_string().as_bytes())?;
        Ok(Self {
            outgoing: VecDeque::from([greeting]),
            codes: HashMap::new(),
            names: HashMap::new(),
            protos: None,
            heartbeat: None,
            beat_at: None,
            last_id: 0,
        })
    }

    /// Takes in a package; not all of them mean something to the application.
    ///
    /// # Errors
    /// If the server ends the connection, or breaks the protocol.
    pub fn handle(&mut self, package: Package, now: Instant) -> Result<Option<Event>, ClientError> {
        match package.kind {
            PackageKind::Handshake => self.greeted(&package.body).map(Some),
            PackageKind::Heartbeat => {
                // A client answers one interval later, so that both sides hear of each other once in that time.
                self.beat_at = self.heartbeat.map(|interval| now + interval);
                Ok(None)
            }
            PackageKind::Data => self.message(package.body).map(Some),
            PackageKind::Kick => Err(ClientError::Kicked(reason(&package.body))),
            PackageKind::HandshakeAck => Err(ClientError::Unexpected("a client's acknowledgement")),
        }
    }

    fn greeted(&mut self, body: &[u8]) -> Result<Event, ClientError> {
        let Greeting { code, sys } = serde_json::from_slice(body)?;
        if code != 200 {
            return Err(ClientError::Refused(code));
        }
        self.heartbeat = sys.heartbeat.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        self.heartbeat = self.heartbeat.filter(|interval| !interval.is_zero());
        self.protos = sys.protos.as_ref().map(schemas::read).transpose()?;
        self.names = sys.dict.iter().map(|(name, code)| (*code, name.as_str().into())).collect();
        self.codes = sys.dict;
        self.outgoing.push_back(Package::encode(PackageKind::HandshakeAck, b"")?);
        Ok(Event::Ready)
    }

    fn message(&self, body: Bytes) -> Result<Event, ClientError> {
        let Message { kind, id, route, body, .. } = Message::decode(body)?;
        match (kind, route) {
            (MessageKind::Response, _) => Ok(Event::Answer { id, body }),
            (MessageKind::Push, Some(MessageRoute::Name(route))) => Ok(Event::Push { route, body }),
            (MessageKind::Push, Some(MessageRoute::Code(code))) => {
                let route = self.names.get(&code).ok_or(ClientError::UnknownRoute(code))?.clone();
                Ok(Event::Push { route, body })
            }
            _ => Err(ClientError::Unexpected("a client's message")),
        }
    }

    /// Queues a request, and returns its number.
    ///
    /// # Errors
    /// If `body` can't be JSON, or is too long.
    pub fn request(&mut self, route: &str, body: &impl Serialize) -> Result<u64, ClientError> {
        let id = self.last_id + 1;
        let body = serde_json::to_vec(body)?;
        let name = self.codes.get(route).map_or(RouteRef::Name(route), |code| RouteRef::Code(*code));
        let head = MessageHead { kind: MessageKind::Request, id, route: Some(name), gzip: false };
        // A package as raw tcp has it; the wire puts it into a frame where there are frames.
        self.outgoing.push_back(outgoing::message(Framing::Tcp, &head, &body)?);
        self.last_id = id;
        Ok(id)
    }

    /// Reads the body of a push by its schema, or as JSON if the route has none.
    ///
    /// # Errors
    /// If it is no such body.
    pub fn decode<'a, T: Deserialize<'a>>(&self, route: &str, body: &'a [u8]) -> Result<T, ClientError> {
        match self.protos.as_ref().and_then(|protos| protos.server().message(route)) {
            Some(schema) => {
                schema.decode(body).map_err(|source| ClientError::Body { route: route.to_owned(), source })
            }
            None => Ok(serde_json::from_slice(body)?),
        }
    }

    /// The next package to send.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.outgoing.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.beat_at
    }

    /// Queues a heartbeat if one is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.beat_at.is_some_and(|due| due <= now) {
            self.beat();
        }
    }

    /// Queues a heartbeat, due or not.
    pub fn beat(&mut self) {
        self.beat_at = None;
        self.outgoing.push_back(HEARTBEAT);
    }

    /// How often the server wants one.
    pub fn heartbeat(&self) -> Option<Duration> {
        self.heartbeat
    }
}

fn reason(body: &[u8]) -> String {
    let said = serde_json::from_slice(body).ok();
    let said = said.as_ref().and_then(|body: &Value| body.get("reason")?.as_str());
    said.unwrap_or("no reason given").to_owned()
}

#[cfg(test)]
mod tests;
