//! Requests: the messages of clients, as handlers are lent them.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::inject::Provider;
use crate::metrics::Dropped;
use crate::peers::Peers;
use crate::runtime::boundary::ClientMessage;
use crate::session::Session;
use crate::value::{Fault, Result, Route, SessionId, Uid};
use crate::wire::{Body, Encoding};

/// A client's message on its way through filters and handler. Cheap to clone.
///
/// Filters get it, and a handler's method that has a parameter `&Request`.
///
/// ```
/// use pomelo::{Request, Result, handler};
///
/// pomelo::servers! { chat: { handlers: [RoomHandler] } }
///
/// struct RoomHandler;
///
/// #[handler]
/// impl RoomHandler {
///     /// Says where it was sent, and whether anybody waits for that.
///     pub async fn echo(request: &Request) -> Result<String> {
///         let kind = if request.id().is_some() { "request" } else { "notify" };
///         Ok(format!("{kind} {}", request.route()))
///     }
/// }
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct Request(Arc<Inner>);

struct Inner {
    /// Where it was sent.
    route: Route,
    /// The client's number of it.
    id: Option<u64>,
    /// What it says, undecoded.
    body: Body,
    /// How the client takes the response.
    accept: Encoding,
    /// The session as it was when handling began.
    session: Session,
    /// When that was.
    arrived: Instant,
    /// When the client gets an error in place of the answer, if a filter said so.
    answer_by: Mutex<Option<Instant>>,
    /// Somebody has taken the right to answer.
    answered: AtomicBool,
    /// Its body is no JSON, and that was counted.
    unreadable: AtomicBool,
}

impl Request {
    pub(crate) fn new(route: Route, id: Option<u64>, body: Body, accept: Encoding, session: Session) -> Self {
        Self(Arc::new(Inner {
            route,
            id,
            body,
            accept,
            session,
            arrived: Instant::now(),
            answer_by: Mutex::default(),
            answered: AtomicBool::new(false),
            unreadable: AtomicBool::new(false),
        }))
    }

    /// Where the client sent it.
    #[doc(alias = "__route__")]
    pub fn route(&self) -> &Route {
        &self.0.route
    }

    /// The client's number for it; none if it is a notify, which gets no answer.
    ///
    /// pomelo's clients count from 1 on each connection; request 0 counts as a notify.
    pub fn id(&self) -> Option<u64> {
        self.0.id
    }

    /// The session that sent it.
    pub fn session(&self) -> &Session {
        &self.0.session
    }

    /// The body as it came.
    pub fn body(&self) -> &Body {
        &self.0.body
    }

    /// When handling began on this server.
    pub fn arrived(&self) -> Instant {
        self.0.arrived
    }

    /// Decodes the body, JSON as JavaScript's `JSON.parse` reads it: half an emoji (`"\ud83d"`) is U+FFFD, `1.0` is a whole number,
    /// too, and of a key that comes twice the last value counts ([`pomelo_json`] has all rules).
    ///
    /// A body that `JSON.parse` refuses counts as `{}`, as in pomelo. It is logged, once a second and route at most, and counted
    /// ([`Unreadable`](Dropped::Unreadable)), once for each message.
    ///
    /// # Errors
    /// [`BadMessage`](crate::value::ErrorKind::BadMessage) naming the route and the field if `T` can't be read from the body.
    ///
    /// ```
    /// # use pomelo::{Request, Result};
    /// #[derive(serde::Deserialize)]
    /// struct Move {
    ///     x: f32,
    ///     y: f32,
    /// }
    ///
    /// fn distance(request: &Request) -> Result<f32> {
    ///     let Move { x, y } = request.decode()?;
    ///     Ok(x.hypot(y))
    /// }
    /// ```
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T> {
        let codecs = &self.peers().codecs;
        let decoded =
            codecs.decode_or(self.0.route.as_str(), &self.0.body, |error| self.note_unreadable(error));
        decoded.map_err(|error| error.context(self.route()).with_fault(Fault::Client))
    }

    /// Counts and logs that the body is no JSON; only once, though filters and handler may all decode it.
    #[cold]
    fn note_unreadable(&self, error: &dyn fmt::Display) {
        if self.0.unreadable.swap(true, Ordering::Relaxed) {
            return;
        }
        let (peers, route) = (self.peers(), self.route());
        peers.counters.add(Dropped::Unreadable);
        if let Some(left_out) = peers.unreadable.admit(route.as_str()) {
            let (session, uid) = (self.0.session.id(), self.0.session.uid());
            tracing::warn!(
                %route, %session, uid = uid.as_ref().map(tracing::field::display), %error, left_out,
                "the body of a client's message is no JSON and counts as {{}}"
            );
        }
    }

    /// Answers the client with `{"code":500}` if the handler takes longer than `limit` from its arrival; the handler
    /// goes on, and its late reply is counted and dropped.
    ///
    /// Of several limits the shortest counts. It is what the filter [`Timeout`](crate::filter::Timeout) does.
    ///
    /// ```
    /// # use pomelo::Request;
    /// # use pomelo::filter::{Filter, GoOn, Verdict};
    /// # use std::time::Duration;
    /// struct Impatient;
    ///
    /// impl Filter for Impatient {
    ///     fn before(&self, request: &Request) -> impl Future<Output = pomelo::Result<Verdict>> + Send {
    ///         if request.route().method() == "findMatch" {
    ///             request.answer_within(Duration::from_millis(500));
    ///         }
    ///         GoOn
    ///     }
    /// }
    /// ```
    pub fn answer_within(&self, limit: Duration) {
        let mut by = self.0.answer_by.lock().unwrap_or_else(|e| e.into_inner());
        let limit = self.0.arrived + limit;
        *by = Some(by.map_or(limit, |old| old.min(limit)));
    }

    pub(crate) fn answer_by(&self) -> Option<Instant> {
        *self.0.answer_by.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// True for the first to answer, who may send; all others are late.
    pub(crate) fn take_answer(&self) -> bool {
        !self.0.answered.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn peers(&self) -> &Arc<Peers> {
        self.0.session.peers()
    }

    pub(crate) fn accept(&self) -> Encoding {
        self.0.accept
    }

    /// Encodes a response in what the client's connector takes.
    pub(crate) fn encode<T: Serialize + ?Sized>(&self, value: &T) -> Result<Body> {
        self.peers().codecs.encode(self.0.accept, self.0.route.as_str(), &value)
    }
}

impl Provider for Request {
    fn part(&self, id: TypeId) -> Option<&dyn Any> {
        if id == TypeId::of::<Session>() {
            Some(self.session())
        } else if id == TypeId::of::<Self>() {
            Some(self)
        } else {
            None
        }
    }

    fn has(id: TypeId) -> bool {
        id == TypeId::of::<Session>() || id == TypeId::of::<Self>()
    }
}

impl ClientMessage for Request {
    fn route(&self) -> &Route {
        self.route()
    }

    fn session_id(&self) -> SessionId {
        self.session().id()
    }

    fn uid(&self) -> Option<Uid> {
        self.session().uid()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { route, id, body, session, .. } = &*self.0;
        f.debug_struct("Request")
            .field("route", route)
            .field("id", id)
            .field("body", body)
            .field("session", session)
            .finish_non_exhaustive()
    }
}

/// Something that a handler's one by-value parameter can be read from.
///
/// Every [`serde::Deserialize`] type is, and [`Raw`].
///
/// A text or a number is one, too: a client's `"hello"` is a `String`. Where a method is annotated with
/// `fields`, its parameters are read as the fields of one object in place of this.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be decoded from a client message",
    label = "derive `serde::Deserialize` for it, or take `pomelo::request::Raw`"
)]
pub trait FromMessage: Sized {
    /// Reads it from the request's body.
    ///
    /// # Errors
    /// If the body isn't one.
    fn from_message(request: &Request) -> Result<Self>;
}

impl<T: DeserializeOwned> FromMessage for T {
    fn from_message(request: &Request) -> Result<Self> {
        request.decode()
    }
}

/// The body of a message as it came, for handlers that decode it themselves.
///
/// ```
/// use pomelo::request::Raw;
/// use pomelo::{Result, handler};
///
/// pomelo::servers! { battle: { handlers: [ReplayHandler] } }
///
/// struct ReplayHandler;
///
/// #[handler]
/// impl ReplayHandler {
///     /// Takes a replay as it is, and says how long it is.
///     pub async fn upload(Raw(replay): Raw) -> Result<usize> {
///         Ok(replay.len())
///     }
/// }
/// # fn main() {}
/// ```
#[derive(Debug, Clone)]
pub struct Raw(pub Bytes);

impl FromMessage for Raw {
    fn from_message(request: &Request) -> Result<Self> {
        Ok(Self(request.body().bytes.clone()))
    }
}

/// What a handler may return: `Result<T, E>` of a serializable `T` and an [`ErrorCode`](crate::value::ErrorCode), or `()`.
///
/// What serde writes is what the client reads: an object for a struct, and for pomelo's clients it should be
/// an object, since some of them read nothing else.
///
/// ```
/// use pomelo::{Error, Result, handler};
/// use serde::Serialize;
///
/// pomelo::servers! { area: { handlers: [PlayerHandler] } }
///
/// #[derive(Serialize)]
/// struct Position {
///     x: u32,
///     y: u32,
/// }
///
/// struct PlayerHandler;
///
/// #[handler]
/// impl PlayerHandler {
///     /// `{"x":3,"y":4}`, or `{"code":404}`.
///     pub async fn position(name: String) -> Result<Position> {
///         if name == "ann" { Ok(Position { x: 3, y: 4 }) } else { Err(Error::new(404, "no such player")) }
///     }
///
///     /// `{}`, once it is done.
///     pub async fn rest() {}
/// }
/// # fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a return type for a handler method",
    label = "return `pomelo::Result<T>` with a `T` that is `serde::Serialize`, or nothing"
)]
pub trait IntoResponse {
    /// Encodes it for the client that asked. `()` and `null` become `{}`.
    ///
    /// # Errors
    /// The handler's own error, or one of encoding.
    fn into_response(self, request: &Request) -> Result<Body>;
}

impl IntoResponse for () {
    fn into_response(self, _: &Request) -> Result<Body> {
        Ok(empty())
    }
}

impl<T: Serialize, E: crate::value::ErrorCode> IntoResponse for Result<T, E> {
    fn into_response(self, request: &Request) -> Result<Body> {
        let value = self.map_err(crate::value::ErrorCode::into_error)?;
        match request.encode(&value) {
            Ok(body) if is_null(&body, &value) => Ok(empty()),
            Ok(body) => Ok(body),
            // A schema has no `null`.
            Err(_) if serde_json::to_value(&value).is_ok_and(|value| value.is_null()) => Ok(empty()),
            Err(error) => Err(error.context(format_args!("response of {}", request.route()))),
        }
    }
}

/// The longest `null` of an encoding that an application brings, in bytes: worth a look at the value.
const LONGEST_NULL: usize = 4;

/// Whether a body is that of `null`. A schema has none.
fn is_null(body: &Body, value: &impl Serialize) -> bool {
    match body.encoding {
        Encoding::Custom(_) if body.bytes.len() <= LONGEST_NULL => {
            serde_json::to_value(value).is_ok_and(|value| value.is_null())
        }
        _ => &*body.bytes == b"null",
    }
}

/// The answer of a method that returns nothing: clients need an object.
fn empty() -> Body {
    Body::json(Bytes::from_static(b"{}"))
}
