//! Connection: the state machine of one client's connection. Bytes in, events and bytes out, no clock.
//!
//! ```text
//!              handshake            accept()           ack
//! WaitHandshake ──────▶ Answering ──────────▶ WaitAck ─────▶ Working
//!       │                   │ refuse()           │              │
//!       └───────────────────┴────────────────────┴──────────────┴──▶ Closed
//! ```
//!
//! The driver of a socket does this, and nothing else needs to know the protocol:
//!
//! 1. read bytes into a `BytesMut`, unless [`Connection::wants_input`] says no;
//! 2. take events by [`Connection::poll_event`] until there is none; a driver that is not ready for
//!    more messages just stops taking them and reading;
//! 3. after each event, send what [`Connection::poll_transmit`] returns, before anything else;
//! 4. after [`Event::Closed`], send what is left and close the socket.
//!
//! Deadlines are the driver's: until [`Event::Working`] for the handshake, and from then on twice the
//! heartbeat after that event and after each [`Event::Heartbeat`] (in pomelo, data does not count).

mod event;
mod outgoing;
mod settings;
mod sniff;
mod stream;

use std::borrow::Cow;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::handshake::{HandshakeRequest, Known, refusal};
use super::message::{Message, MessageKind, MessageRoute, RouteName};
use super::outgoing::{self as frames, Framing};
use super::package::{Package, PackageError, PackageKind};
use super::{text, websocket};

pub use event::{BodyEncoding, ClientMessage, CloseReason, Event, IgnoredReason};
use outgoing::Outgoing;
pub use settings::{MAX_FIRST_PACKAGE, MAX_PACKAGE, Settings};
pub use sniff::{Sniff, sniff};
use stream::{Stream, Taken};

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing that counts has come; includes the choice between HTTP and packages, and the upgrade.
    WaitHandshake,
    /// The application decides on the handshake.
    Answering,
    /// The server's handshake is on its way.
    WaitAck,
    /// Messages flow.
    Working,
    /// Over; there may still be bytes to send.
    Closed,
}

/// The server's end of one connection.
///
/// It knows one client, and nothing of an application: what the client asks for comes out as events, what it
/// is answered goes in by methods. Pushes and responses don't come by here; their frames are built once for
/// many by [`outgoing`](super::outgoing).
#[derive(Debug)]
pub struct Connection {
    /// What it has in common with the others of its port.
    settings: Arc<Settings>,
    /// How packages are taken off what was read.
    stream: Stream,
    /// What may come next.
    state: State,
    /// What the client has already, and isn't sent.
    known: Known,
    /// What it has to say itself.
    outgoing: Outgoing,
    /// Why it closed, until the event was taken.
    closing: Option<Box<CloseReason>>,
}

impl Connection {
    /// A connection on which nothing was read yet; its first bytes decide between websocket and raw stream.
    pub fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            stream: Stream::default(),
            state: State::WaitHandshake,
            known: Known::default(),
            outgoing: Outgoing::default(),
            closing: None,
        }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// How its packages travel, once known: before the first event other than a close.
    pub fn framing(&self) -> Option<Framing> {
        self.stream.framing()
    }

    /// Whether permessage-deflate was agreed on: then messages may be sent by
    /// `websocket::deflate::deflated_frame`, too. This connection's own are not compressed.
    pub fn deflates(&self) -> bool {
        self.stream.deflates()
    }

    /// Whether more bytes are of use. While the application decides on a handshake they are not: what
    /// came already waits in the driver's buffer, and its size is the driver's to limit.
    pub fn wants_input(&self) -> bool {
        !matches!(self.state, State::Answering | State::Closed)
    }

    /// Takes the next event out of what was read; `None` needs more bytes, or an answer to the handshake.
    ///
    /// Bytes are taken off `input` as they are understood and the rest is left there, at most
    /// [`Settings::max_package`] and some headers. Nothing is copied, but for fragmented websocket
    /// messages. [`Event::Closed`] comes once and last.
    pub fn poll_event(&mut self, input: &mut BytesMut) -> Option<Event> {
        while self.wants_input() {
            let event = match self.stream.take(input, &self.settings, self.state, &mut self.outgoing) {
                Ok(Taken::Nothing) => return None,
                Ok(Taken::Ping) => Ok(Some(Event::Ping)),
                Ok(Taken::Upgraded(request)) => Ok(Some(Event::Upgraded(request))),
                Ok(Taken::Package(package)) => self.handle(package),
                Err(reason) => Err(reason),
            };
            match event {
                Ok(Some(event)) => return Some(event),
                Ok(None) => {}
                Err(reason) => self.finish(reason),
            }
        }
        self.closing.take().map(|reason| Event::Closed(*reason))
    }

    /// The next bytes to send, in order.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.outgoing.pop_front()
    }

    /// Answers [`Event::Handshake`] with code 200 and the application's `user`; does nothing at other times.
    ///
    /// # Errors
    /// [`PackageError::TooLong`] if `user` does not fit a package; the client is refused with 500 then.
    pub fn accept(&mut self, user: Option<&Value>) -> Result<(), PackageError> {
        if self.state != State::Answering {
            return Ok(());
        }
        match self.settings.handshake.answer(self.known, user) {
            Ok(package) => {
                self.send(package);
                self.state = State::WaitAck;
                Ok(())
            }
            Err(error) => {
                self.refuse(500);
                Err(error)
            }
        }
    }

    /// Answers [`Event::Handshake`] with `{"code":…}` and closes; does nothing at other times.
    ///
    /// 501 says that this client's type or version is not served; for anything else pomelo has 500.
    pub fn refuse(&mut self, code: u16) {
        if self.state == State::Answering {
            self.send(refusal(code));
            self.finish(CloseReason::Refused { code });
        }
    }

    /// Closes with a kick that names the reason to the client.
    pub fn kick(&mut self, reason: &str) {
        self.finish(CloseReason::Kicked { reason: reason.to_owned() });
    }

    /// Closes without a word; on a websocket, with code 1000.
    pub fn close(&mut self) {
        self.finish(CloseReason::ByServer);
    }

    /// What a package of the client means; `None` is nothing worth an event.
    fn handle(&mut self, package: Package) -> Result<Option<Event>, CloseReason> {
        match (package.kind, self.state) {
            (PackageKind::Handshake, State::WaitHandshake) => self.handshake(&package.body).map(Some),
            (PackageKind::Handshake, _) => Ok(Some(Event::Ignored(IgnoredReason::SecondHandshake))),
            (PackageKind::HandshakeAck, State::WaitAck) => {
                self.state = State::Working;
                self.heartbeat();
                Ok(Some(Event::Working))
            }
            (PackageKind::Heartbeat, State::Working) => {
                self.heartbeat();
                Ok(Some(Event::Heartbeat))
            }
            (PackageKind::Data, State::Working) => self.message(package.body).map(Some),
            (PackageKind::HandshakeAck, _) => Ok(Some(Event::Ignored(IgnoredReason::UnexpectedAck))),
            (PackageKind::Heartbeat | PackageKind::Data, _) => {
                Ok(Some(Event::Ignored(IgnoredReason::BeforeAck)))
            }
            (PackageKind::Kick, _) => Err(CloseReason::KickFromClient),
        }
    }

    /// The client's first package, and any that claims to be.
    fn handshake(&mut self, body: &[u8]) -> Result<Event, CloseReason> {
        match HandshakeRequest::parse(body) {
            Ok(request) => {
                self.known = self.settings.handshake.known(&request);
                self.state = State::Answering;
                Ok(Event::Handshake(request))
            }
            Err(error) => {
                self.send(refusal(500));
                Err(CloseReason::BadHandshake(error))
            }
        }
    }

    /// A data package: a request or a notify, or something that is ignored.
    fn message(&mut self, body: Bytes) -> Result<Event, CloseReason> {
        let message = Message::decode(body).map_err(CloseReason::Message)?;
        let route = match self.route(&message) {
            Ok(route) => route,
            Err(reason) => return Ok(Event::Ignored(reason)),
        };
        let id = message.wants_answer().then_some(message.id);
        let protos = self.settings.handshake.options().protos.as_ref();
        let is_protobuf = protos.is_some_and(|protos| protos.client().message(route.as_str()).is_some());
        Ok(Event::Message(match is_protobuf {
            true => ClientMessage { id, route, body: message.body, encoding: BodyEncoding::Protobuf },
            false => ClientMessage { id, route, body: utf8(message.body), encoding: BodyEncoding::Json },
        }))
    }

    /// The name of a route, by the dictionary if it came as a code.
    fn route(&self, message: &Message) -> Result<RouteName, IgnoredReason> {
        if !matches!(message.kind, MessageKind::Request | MessageKind::Notify) {
            return Err(IgnoredReason::NotForServers(message.kind));
        }
        let dictionary = self.settings.handshake.options().dictionary.as_ref();
        let route = match &message.route {
            Some(MessageRoute::Name(name)) => name.clone(),
            Some(MessageRoute::Code(code)) => dictionary
                .and_then(|dictionary| dictionary.route(*code))
                .cloned()
                .ok_or(IgnoredReason::UnknownRouteCode(*code))?,
            None => return Err(IgnoredReason::NoRoute),
        };
        match route.as_str() {
            "" => Err(IgnoredReason::NoRoute),
            name if !name.contains('.') => Err(IgnoredReason::RouteWithoutDot(route)),
            _ => Ok(route),
        }
    }

    fn heartbeat(&mut self) {
        if let Some(framing) = self.framing().filter(|_| self.settings.answers_heartbeats()) {
            self.outgoing.push_back(frames::heartbeat(framing));
        }
    }

    fn send(&mut self, package: Bytes) {
        if let Some(framing) = self.framing() {
            self.outgoing.push_back(frames::frame(framing, package));
        }
    }

    /// Tells the client why, as far as it can still read that, and closes.
    fn finish(&mut self, reason: CloseReason) {
        if self.state == State::Closed {
            return;
        }
        let told = matches!(self.state, State::WaitAck | State::Working)
            || matches!(reason, CloseReason::Kicked { .. });
        if let (true, Some(framing), Some(text)) = (told, self.framing(), reason.kick_text()) {
            // A reason too long for a package is no reason to stay open.
            if let Ok(kick) = frames::kick(framing, &text) {
                self.outgoing.push_back(kick);
            }
        }
        if self.framing() == Some(Framing::WebSocket) {
            self.outgoing.push_back(websocket::close(reason.websocket_code()));
        }
        self.state = State::Closed;
        self.closing = Some(Box::new(reason));
    }
}

/// Makes a JSON body text that any JSON parser takes; costs nothing where it is, which is nearly always.
fn utf8(body: Bytes) -> Bytes {
    match text::decode(&body) {
        Cow::Borrowed(_) => body,
        Cow::Owned(decoded) => Bytes::from(decoded),
    }
}

#[cfg(test)]
mod tests;
