//! pomelo's protocol for the driver: handshakes are decided here, by the version check and by the application's hook.
//!
//! It is the thin layer between the [state machine](crate::protocol::connection), which knows neither an
//! application nor its options, and the driver, which knows no protocol: it asks the application about a
//! client, and says what each event means.
//!
//! | the client | is answered |
//! |---|---|
//! | a library that `check_client` doesn't take | code 501 |
//! | one that the `handshake` hook refuses, or fails or panics on | code 500 |
//! | any other | code 200, with the dictionary and schemas that it hasn't got yet |

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use pomelo_core::frontend::Frontend;
use pomelo_core::metrics::Dropped;
use pomelo_core::wire::{Body, Encoding, FormatId};
use serde_json::Value;

use super::Greeting;
use super::format::Formats;
use super::options::{ClientCheck, HandshakeHook};
use super::protocol::{Closed, Event, Ignored, Message, Protocol, Timeout};
use crate::protocol::connection::{
    self, BodyEncoding, ClientMessage, CloseReason, Connection, IgnoredReason, Settings,
};
use crate::protocol::handshake::HandshakeRequest;
use crate::protocol::websocket::UpgradeRequest;

/// The status of an upgrade from a page that isn't allowed.
const FORBIDDEN: u16 = 403;
/// The status of an upgrade that is too large.
const TOO_LARGE: u16 = 431;

/// The code of a client whose type or version is not served.
const NOT_SERVED: u16 = 501;
/// The code of a client that is refused for anything else.
const REFUSED: u16 = 500;

/// pomelo's protocol over one connection: a [`Connection`], and what the application decides on.
pub struct Pomelo {
    connection: Connection,
    /// What a client asked for to become a websocket, until its handshake is answered.
    upgrade: Option<Box<UpgradeRequest>>,
    /// The client reads bytes as units of UTF-16.
    reads_code_units: bool,
}

/// What the connections of one port have in common.
pub struct PomeloShared {
    pub(super) frontend: Arc<Frontend>,
    /// Of the state machine: handshake, dictionary, protos, limits.
    pub(super) settings: Arc<Settings>,
    /// How long clients may be silent.
    pub(super) timeout: Timeout,
    /// Decides which client types and versions are served.
    pub(super) check_client: Option<ClientCheck>,
    /// Decides on a client, and what it is told.
    pub(super) handshake: Option<HandshakeHook>,
    /// The numbers of the frames that connections take.
    pub(super) formats: Formats,
}

/// A client's handshake, and over websocket the request that came before.
pub struct Hello {
    /// What the client says of itself.
    request: HandshakeRequest,
    /// What it asked for to become a websocket; empty over raw tcp.
    upgrade: UpgradeRequest,
}

/// What a client that is let in is told, or the code that it is refused with.
type Decision = Result<Option<Value>, u16>;

impl Protocol for Pomelo {
    type Shared = PomeloShared;
    type Hello = Box<Hello>;
    type Decision = Decision;

    fn new(shared: &PomeloShared) -> Self {
        Self { connection: Connection::new(shared.settings.clone()), upgrade: None, reads_code_units: false }
    }

    #[inline]
    fn poll_event(&mut self, input: &mut BytesMut) -> Option<Event<Box<Hello>>> {
        let event = match self.connection.poll_event(input)? {
            connection::Event::Message(message) => Event::Message(self.message(message)),
            connection::Event::Heartbeat => Event::Alive,
            connection::Event::Working => Event::Open,
            connection::Event::Ping => Event::Transmit,
            connection::Event::Upgraded(request) => {
                self.upgrade = Some(request);
                Event::Transmit
            }
            connection::Event::Handshake(request) => Event::Handshake(self.hello(request)),
            connection::Event::Ignored(reason) => Event::Ignored(ignored(&reason)),
            connection::Event::Closed(reason) => Event::Closed(closed(&reason)),
        };
        Some(event)
    }

    fn poll_transmit(&mut self) -> Option<Bytes> {
        self.connection.poll_transmit()
    }

    fn format(&self, shared: &PomeloShared) -> FormatId {
        shared.formats.of(&self.connection, self.reads_code_units)
    }

    fn timeout(&self, shared: &PomeloShared) -> Timeout {
        shared.timeout
    }

    async fn decide(shared: Arc<PomeloShared>, hello: Box<Hello>, peer: Option<SocketAddr>) -> Decision {
        if !is_served(&shared, &hello.request).await {
            return Err(NOT_SERVED);
        }
        match (&shared.handshake, peer) {
            (None, _) => Ok(None),
            (Some(hook), Some(peer)) => greet(&shared.frontend, hook, *hello, peer).await.map(Some),
            // A hook may rely on it.
            (Some(_), None) => Err(REFUSED),
        }
    }

    fn answer(&mut self, decision: Option<Decision>) {
        match decision {
            Some(Ok(user)) => {
                if let Err(error) = self.connection.accept(user.as_ref()) {
                    tracing::warn!(%error, "the user of a handshake's answer is too long");
                }
            }
            Some(Err(code)) => self.connection.refuse(code),
            None => self.connection.refuse(REFUSED),
        }
    }
}

impl Pomelo {
    fn message(&self, message: ClientMessage) -> Message {
        let ClientMessage { id, route, body, encoding } = message;
        let encoding = match encoding {
            BodyEncoding::Json => Encoding::Json,
            BodyEncoding::Protobuf => Encoding::Protobuf,
        };
        // It may be a small part of what was inflated; the driver doesn't copy it again.
        let bytes = if self.connection.deflates() { Bytes::copy_from_slice(&body) } else { body };
        Message { id, route, body: Body { encoding, bytes } }
    }

    fn hello(&mut self, request: HandshakeRequest) -> Box<Hello> {
        self.reads_code_units = request.reads_code_units();
        // Whatever comes of it, it isn't needed again.
        let upgrade = self.upgrade.take().map(|upgrade| *upgrade).unwrap_or_default();
        Box::new(Hello { request, upgrade })
    }
}

/// A check that panics refuses the client.
async fn is_served(shared: &PomeloShared, request: &HandshakeRequest) -> bool {
    let Some(check) = shared.check_client.clone() else { return true };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (client_type, version) = (text(&request.client_type), text(&request.client_version));
    let checking = move || async move { check(&client_type, &version) }.boxed();
    shared.frontend.run("check_client", checking).await.unwrap_or(false)
}

/// What the application's hook has for a client.
async fn greet(
    frontend: &Frontend,
    hook: &HandshakeHook,
    hello: Hello,
    peer: SocketAddr,
) -> Result<Value, u16> {
    let (hook, greeting) = (hook.clone(), Greeting::new(hello.request, peer, hello.upgrade));
    frontend.run("handshake hook", move || hook(greeting)).await.flatten().map_err(|error| {
        tracing::debug!(%peer, %error, "a handshake was refused");
        frontend.failed("handshake hook", error);
        REFUSED
    })
}

fn ignored(reason: &IgnoredReason) -> Ignored {
    let counts_as = match reason {
        IgnoredReason::UnknownRouteCode(_) | IgnoredReason::NoRoute | IgnoredReason::RouteWithoutDot(_) => {
            Some(Dropped::BadRoute)
        }
        IgnoredReason::BeforeAck
        | IgnoredReason::UnexpectedAck
        | IgnoredReason::SecondHandshake
        | IgnoredReason::NotForServers(_) => None,
    };
    Ignored { reason: reason.to_string().into(), counts_as }
}

fn closed(reason: &CloseReason) -> Closed {
    let refused_by = match reason {
        CloseReason::Http { status: FORBIDDEN, .. } => Some("allowed_origins"),
        CloseReason::Http { status: TOO_LARGE, .. } => Some("max_upgrade, max_upgrade_fields"),
        _ => None,
    };
    let counts_as = is_bad_input(reason).then_some(Dropped::BadInput);
    Closed { reason: reason.to_string().into(), counts_as, refused_by }
}

/// Whether the client is to blame; a browser that was pointed at the port, and one that leaves, are not.
fn is_bad_input(reason: &CloseReason) -> bool {
    match reason {
        CloseReason::WebSocket(_)
        | CloseReason::Package(_)
        | CloseReason::EmptyFrame
        | CloseReason::Message(_)
        | CloseReason::KickFromClient
        | CloseReason::BadHandshake(_) => true,
        CloseReason::Http { .. }
        | CloseReason::ByClient { .. }
        | CloseReason::Refused { .. }
        | CloseReason::Kicked { .. }
        | CloseReason::ByServer => false,
    }
}
