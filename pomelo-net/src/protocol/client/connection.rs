//! Connection: the state machine of the client's end of one connection.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::heartbeat::{Due, Heartbeat};
use super::{Agreement, BodyError, CloseReason, Event, IgnoredReason, Known, SendError, Settings, reply};
use crate::protocol::message::{Message, MessageHead, MessageKind, MessageRoute, RouteName};
use crate::protocol::outgoing::{self, Framing};
use crate::protocol::package::{HEARTBEAT, Package, PackageError, PackageKind};

/// The highest number that a request gets: pomelo reads ids by operators of 32 signed bits.
pub const MAX_REQUEST_ID: u64 = 0x7fff_ffff;

/// An acknowledgement, whole: it has no body.
const ACKNOWLEDGEMENT: Bytes = Bytes::from_static(&[PackageKind::HandshakeAck as u8, 0, 0, 0]);

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// The server's handshake has not come.
    WaitHandshake,
    /// Messages flow.
    Working,
    /// Over; what is queued is of no use any more.
    Closed,
}

/// The client's end of one connection: see the [module](super).
#[derive(Debug)]
pub struct Connection {
    state: State,
    max_package: usize,
    known: Known,
    agreement: Arc<Agreement>,
    heartbeat: Heartbeat,
    /// Packages to send, as raw tcp has them; the wire puts each into a frame where there are frames.
    outgoing: VecDeque<Bytes>,
    /// The routes of the requests that have no response yet. A response doesn't say what it is about.
    requests: HashMap<u64, RouteName>,
    pub(super) last_id: u64,
}

impl Connection {
    /// A connection on which nothing was sent yet. `known` is what the last one knew, or the default.
    ///
    /// # Errors
    /// [`PackageError::TooLong`] if the handshake, with [`Settings::user`] in it, doesn't fit a package.
    pub fn new(settings: &Settings, known: Known) -> Result<Self, PackageError> {
        let handshake = reply::request(settings, &known)?;
        Ok(Self {
            state: State::WaitHandshake,
            max_package: settings.max_package,
            known,
            agreement: Arc::default(),
            heartbeat: Heartbeat::default(),
            outgoing: VecDeque::from([handshake]),
            requests: HashMap::new(),
            last_id: 0,
        })
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// What the handshake settled; nothing, before that.
    pub fn agreement(&self) -> &Arc<Agreement> {
        &self.agreement
    }

    /// What the next connection needn't be told again.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// How many requests have no response yet.
    pub fn waiting(&self) -> usize {
        self.requests.len()
    }

    /// Takes the next event out of the bytes of a raw stream; `None` needs more of them.
    ///
    /// # Errors
    /// The reason if the connection is over, once; also for bytes that are no package.
    pub fn poll_event(&mut self, input: &mut BytesMut, now: Instant) -> Result<Option<Event>, CloseReason> {
        while self.state != State::Closed {
            let package = Package::decode(input, self.max_package);
            let Some(package) = package.map_err(|error| self.end(error.into()))? else { break };
            if let Some(event) = self.handle(package, now)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Takes in a package; not all of them are worth an event. After the end nothing is.
    ///
    /// # Errors
    /// The reason if the connection is over, once.
    pub fn handle(&mut self, package: Package, now: Instant) -> Result<Option<Event>, CloseReason> {
        if self.state == State::Closed {
            return Ok(None);
        }
        self.heartbeat.seen(now);
        let handled = match (package.kind, self.state) {
            (PackageKind::Handshake, State::WaitHandshake) => self.agree(&package.body, now).map(Some),
            (PackageKind::Heartbeat, _) => {
                self.heartbeat.received(now);
                Ok(None)
            }
            (PackageKind::Data, State::Working) => self.message(package.body).map(Some),
            (PackageKind::Data, _) => Ok(Some(Event::Ignored(IgnoredReason::BeforeHandshake))),
            (PackageKind::Kick, _) => Err(CloseReason::Kicked { reason: kick_reason(&package.body) }),
            (kind @ (PackageKind::Handshake | PackageKind::HandshakeAck), _) => {
                Ok(Some(Event::Ignored(IgnoredReason::Package(kind))))
            }
        };
        handled.map_err(|reason| self.end(reason))
    }

    /// The next package to send.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.outgoing.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.heartbeat.next()
    }

    /// Queues a heartbeat that is due.
    ///
    /// Hand in what has come before this is called: a driver that comes late would take a server for silent whose packages lie in
    /// its socket.
    ///
    /// # Errors
    /// [`CloseReason::Silent`] if nothing came for too long.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), CloseReason> {
        match self.heartbeat.due(now) {
            Due::Nothing => Ok(()),
            Due::Beat => {
                self.outgoing.push_back(HEARTBEAT);
                Ok(())
            }
            Due::Lost(silence) => Err(self.end(CloseReason::Silent { silence })),
        }
    }

    /// Queues a request, and returns the number that its response will have.
    ///
    /// # Errors
    /// [`SendError`]; nothing is queued then.
    pub fn request<T: Serialize + ?Sized>(&mut self, route: &str, body: &T) -> Result<u64, SendError> {
        let body = self.agreement.encode(route, body)?;
        self.request_encoded(route, &body)
    }

    /// As [`request`](Self::request), with a body of [`Agreement::encode`], or of one's own.
    ///
    /// # Errors
    /// [`SendError::NotOpen`], [`SendError::TooLong`]; nothing is queued then.
    pub fn request_encoded(&mut self, route: &str, body: &[u8]) -> Result<u64, SendError> {
        let id = self.next_id();
        self.queue(MessageKind::Request, id, route, body)?;
        self.requests.insert(id, self.agreement.routes.remember(route));
        self.last_id = id;
        Ok(id)
    }

    /// Queues what needs no response.
    ///
    /// # Errors
    /// [`SendError`]; nothing is queued then.
    pub fn notify<T: Serialize + ?Sized>(&mut self, route: &str, body: &T) -> Result<(), SendError> {
        let body = self.agreement.encode(route, body)?;
        self.notify_encoded(route, &body)
    }

    /// As [`notify`](Self::notify), with a body of [`Agreement::encode`], or of one's own.
    ///
    /// # Errors
    /// [`SendError::NotOpen`], [`SendError::TooLong`]; nothing is queued then.
    pub fn notify_encoded(&mut self, route: &str, body: &[u8]) -> Result<(), SendError> {
        self.queue(MessageKind::Notify, 0, route, body)
    }

    /// Gives a request up: its response, if one still comes, is [ignored](IgnoredReason::UnknownRequest).
    pub fn forget(&mut self, id: u64) {
        self.requests.remove(&id);
    }

    /// Reads the body of an event: see [`Agreement::decode`].
    ///
    /// # Errors
    /// [`BodyError`] if it is no `T`.
    pub fn decode<T: DeserializeOwned>(&self, route: &str, body: &[u8]) -> Result<T, BodyError> {
        self.agreement.decode(route, body)
    }

    /// Reads the body of an event into what borrows from it: see [`Agreement::decode_borrowed`].
    ///
    /// # Errors
    /// [`BodyError`] if it is no `T`.
    pub fn decode_borrowed<'a, T: Deserialize<'a>>(
        &self,
        route: &str,
        body: &'a [u8],
    ) -> Result<T, BodyError> {
        self.agreement.decode_borrowed(route, body)
    }

    /// Ends the connection from this side. The protocol has no word for that: close the socket.
    pub fn close(&mut self) {
        self.state = State::Closed;
        self.heartbeat = Heartbeat::default();
        self.outgoing.clear();
        self.requests.clear();
    }

    fn end(&mut self, reason: CloseReason) -> CloseReason {
        self.close();
        reason
    }

    fn agree(&mut self, body: &[u8], now: Instant) -> Result<Event, CloseReason> {
        let agreement = reply::agree(body, &mut self.known)?;
        let user = agreement.user.clone();
        self.heartbeat = Heartbeat::start(agreement.heartbeat, now);
        self.agreement = Arc::new(agreement);
        self.outgoing.push_back(ACKNOWLEDGEMENT);
        self.state = State::Working;
        Ok(Event::Ready { user })
    }

    fn message(&mut self, body: Bytes) -> Result<Event, CloseReason> {
        let Message { kind, id, route, body, .. } = Message::decode(body)?;
        Ok(match (kind, route) {
            (MessageKind::Response, _) => match self.requests.remove(&id) {
                Some(route) => Event::Response { id, route, body },
                None => Event::Ignored(IgnoredReason::UnknownRequest(id)),
            },
            (MessageKind::Push, Some(MessageRoute::Code(code))) => match self.agreement.routes.name(code) {
                Some(route) => Event::Push { route: route.clone(), body },
                None => Event::Ignored(IgnoredReason::UnknownRouteCode(code)),
            },
            (MessageKind::Push, Some(MessageRoute::Name(route))) => Event::Push { route, body },
            (kind, _) => Event::Ignored(IgnoredReason::NotForClients(kind)),
        })
    }

    fn queue(&mut self, kind: MessageKind, id: u64, route: &str, body: &[u8]) -> Result<(), SendError> {
        if self.state != State::Working {
            return Err(SendError::NotOpen);
        }
        let head = MessageHead { kind, id, route: Some(self.agreement.routes.compress(route)), gzip: false };
        self.outgoing.push_back(outgoing::message(Framing::Tcp, &head, body)?);
        Ok(())
    }

    /// The next number that no request has which still waits. There are more numbers than fit into memory as requests.
    fn next_id(&self) -> u64 {
        let after = |id: u64| if id >= MAX_REQUEST_ID { 1 } else { id.saturating_add(1) };
        let mut id = after(self.last_id);
        while self.requests.contains_key(&id) {
            id = after(id);
        }
        id
    }
}

/// Why the server kicks, if it says so in a form that can be read.
fn kick_reason(body: &[u8]) -> String {
    let body: Value = Agreement::default().decode("kick", body).unwrap_or_default();
    match body.get("reason") {
        Some(Value::String(reason)) => reason.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}
