//! The error of handlers, remotes and calls: a code for the client, a message for the log, a kind for `match`.

mod code;
mod fault;
mod status;
mod std_error;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::code::{DerivedCode, ErrorCode, OfDisplay, OfError};
pub use self::fault::Fault;
pub use self::std_error::StdError;

use status::Status;

/// The result of handlers, remotes and most of this library.
///
/// It is what handlers and remotes return, and what `main` may.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something failed, for code that has to tell one case from another.
///
/// ```
/// use pomelo::Error;
/// use pomelo::error::ErrorKind;
///
/// /// Whether a call may be made again: nothing of it ran.
/// fn may_repeat(error: &Error) -> bool {
///     matches!(error.kind(), ErrorKind::NoServer | ErrorKind::Refused | ErrorKind::Overloaded)
/// }
///
/// assert!(may_repeat(&Error::of(ErrorKind::Overloaded, "the lane is full")));
/// assert!(!may_repeat(&Error::new(409, "the room is full")));
/// ```
///
/// `Refused` may also mean that the link broke while the call was out, when nobody knows whether it ran:
/// repeat only what may run twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The application said so: a handler, a remote, a filter or a router returned an error.
    Application,
    /// The message or the arguments can't be read as what the method takes.
    BadMessage,
    /// No server of that type, or no server of that id, is known.
    NoServer,
    /// The server is known and can't be reached: no link, refused, or it left while the call was out.
    Refused,
    /// The other side has no such handler, remote or method.
    NoSuchMethod,
    /// A queue on the way is full.
    Overloaded,
    /// No answer came in time.
    Deadline,
    /// The callee panicked.
    Panic,
    /// The session, channel or server is closed.
    Closed,
    /// The configuration, or how the application was put together, is wrong.
    Config,
    /// Who asks for a [turn](crate::server::Server::serial) has the turn of that key.
    Reentered,
}

/// An error with a code for the client, a message for the log and a kind for `match`.
///
/// A client gets `{"code": code}` ([`response`](Self::response)); the message is for the log, and for clients in
/// development only. The server at which it arises logs, counts and shows it by whose [`Fault`] it is: what a client
/// did wrong at DEBUG, all else at WARN with its chain of causes.
///
/// # From other errors
///
/// `?` makes one of every [`std::error::Error`], and of an `anyhow::Error`, a
/// `Box<dyn std::error::Error>` and a text. Its message is the other's with its causes behind it (`a: b: c`); a cause
/// whose text its error ends with already isn't repeated. If one of the causes is an `Error`, code, kind and body are
/// its own; else the code is 500 and the kind [`ErrorKind::Application`].
///
/// ```
/// use pomelo::{Error, Result};
///
/// fn level(text: &str) -> Result<u32> {
///     Ok(text.parse()?)
/// }
///
/// assert_eq!(level("ten").unwrap_err().message(), "invalid digit found in string");
/// ```
///
/// An error enum with codes of its own is better returned by the handler as it is: see [`ErrorCode`]. Where a handler
/// returns `Error`, `?` makes one of code 500 of it, as of any other; `.map_err(ErrorCode::into_error)?` keeps the code.
///
/// # In other errors
///
/// `From` every error of all types is something that a [`std::error::Error`] can't be in Rust, so
/// this isn't one. As `anyhow::Error` does, it derefs to one instead. What that means:
///
/// - A field of a [`thiserror`] enum can be an `Error`: `#[from]`, `#[source]` and `#[error(transparent)]` work.
/// - `?` makes a `Box<dyn std::error::Error + Send + Sync>` of it.
/// - With this crate's feature `anyhow`, `?` makes an `anyhow::Error` of it, and handlers and remotes can return
///   `anyhow::Result`.
/// - For all else that wants a [`std::error::Error`], such as `eyre` or `anyhow::Context`, there is
///   [`into_std`](Self::into_std).
///
/// Code, kind and body go with it, as the last of its causes: what was an `Error` is the same one again when `?` has
/// made it an `anyhow::Error`, context was added, and it comes back to a handler.
///
/// ```
/// use pomelo::{Error, Result};
///
/// #[derive(Debug, thiserror::Error)]
/// enum JoinError {
///     #[error("the room is full")]
///     Full,
///     #[error("the chat server")]
///     Chat(#[from] Error),
/// }
///
/// fn join(rooms: Result<usize>) -> Result<(), JoinError> {
///     if rooms? < 10 { Ok(()) } else { Err(JoinError::Full) }
/// }
///
/// let back: Error = join(Err(Error::new(404, "no room"))).unwrap_err().into();
/// assert_eq!((back.code(), back.message()), (404, "the chat server: no room"));
/// ```
///
/// [`thiserror`]: https://docs.rs/thiserror
#[derive(Clone, Serialize, Deserialize)]
pub struct Error(Box<Inner>);

/// What an error consists of, and the [`std::error::Error`] that it derefs to.
#[derive(Clone, Serialize, Deserialize)]
struct Inner {
    message: String,
    status: Status,
}

impl Error {
    /// An error of the application: the client sees `{"code": code}`, the log sees `message`.
    ///
    /// ```
    /// use pomelo::Error;
    /// use pomelo::error::ErrorKind;
    ///
    /// let error = Error::new(409, format_args!("no more than {} fit in", 8));
    /// assert_eq!((error.code(), error.kind()), (409, ErrorKind::Application));
    /// assert_eq!(error.response(false), serde_json::json!({ "code": 409 }));
    /// ```
    pub fn new(code: u16, message: impl fmt::Display) -> Self {
        Self::with(message.to_string(), Status::of(ErrorKind::Application, code))
    }

    /// An error that carries a kind other than [`ErrorKind::Application`]; its code is 500.
    ///
    /// ```
    /// use pomelo::Error;
    /// use pomelo::error::ErrorKind;
    ///
    /// let busy = Error::of(ErrorKind::Overloaded, "all battle servers are full");
    /// assert_eq!((busy.code(), busy.kind()), (500, ErrorKind::Overloaded));
    /// ```
    pub fn of(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self::with(message.to_string(), Status::of(kind, 500))
    }

    fn with(message: String, status: Status) -> Self {
        Self(Box::new(Inner { message, status }))
    }

    /// The same error with the response that the client gets.
    ///
    /// `code` is added to an object that has none, as pomelo's `next(err, resp)` does.
    ///
    /// ```
    /// use pomelo::Error;
    /// use serde_json::json;
    ///
    /// let error = Error::new(402, "too poor").with_body(json!({ "missing": 30 }));
    /// assert_eq!(error.response(false), json!({ "missing": 30, "code": 402 }));
    /// ```
    #[doc(alias = "next")]
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Value>) -> Self {
        self.0.status.body = Some(body.into());
        self
    }

    /// The same error with `context` in front of its message.
    ///
    /// ```
    /// use pomelo::Error;
    ///
    /// let error = Error::new(404, "no room").context("joining as ann");
    /// assert_eq!(error.message(), "joining as ann: no room");
    /// ```
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// The same error as somebody else's fault than its kind and code say.
    ///
    /// ```
    /// use pomelo::Error;
    /// use pomelo::error::Fault;
    ///
    /// // A code above 500 that is a refusal, and nothing that operators must see.
    /// let error = Error::new(1003, "no such user").with_fault(Fault::Client);
    /// assert_eq!(error.fault(), Fault::Client);
    /// ```
    #[must_use]
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.0.status.fault = Some(fault);
        self
    }

    /// The same error with what it was caused by, which is found among its sources. The message should say it, too; other servers
    /// get the message alone.
    ///
    /// ```
    /// # use pomelo::Error;
    /// # use std::error::Error as _;
    /// let broken = std::io::Error::other("disk");
    /// let error = Error::new(500, format_args!("reading the list: {broken}")).with_source(broken);
    /// assert!(error.source().unwrap().is::<std::io::Error>());
    /// ```
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.status.source = Some(Arc::new(source));
        self
    }

    /// What a cause of an error of ours is: code, kind and body, and what caused it.
    pub(crate) fn status(&self) -> &(dyn std::error::Error + 'static) {
        &self.0.status
    }

    /// Whose fault it is: how it is logged and counted.
    pub fn fault(&self) -> Fault {
        let Status { kind, code, fault, .. } = &self.0.status;
        fault.unwrap_or_else(|| Fault::of(*kind, *code))
    }

    /// Whether it was logged where it arose.
    pub(crate) fn was_logged(&self) -> bool {
        self.0.status.logged
    }

    /// Marks it as logged; says whether it was.
    pub(crate) fn set_logged(&mut self) -> bool {
        std::mem::replace(&mut self.0.status.logged, true)
    }

    /// The number that a client sees as `code`.
    pub fn code(&self) -> u16 {
        self.0.status.code
    }

    /// What went wrong, to match on.
    pub fn kind(&self) -> ErrorKind {
        self.0.status.kind
    }

    /// What went wrong, for a person.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The response that the error carries, if any.
    pub fn body(&self) -> Option<&Value> {
        self.0.status.body.as_ref()
    }

    /// What a client is answered: the error's body with `code` added if it has none, else `{"code": code}`.
    ///
    /// With `detailed` (development) the text is there too, as `message`; never as `error`, which the clients of
    /// pomelo's chat service read as a duplicate login.
    pub fn response(&self, detailed: bool) -> Value {
        let mut body = match &self.0.status.body {
            Some(Value::Object(map)) => map.clone(),
            Some(other) => return other.clone(),
            None => serde_json::Map::new(),
        };
        if !body.get("code").is_some_and(is_truthy) {
            body.insert("code".into(), self.0.status.code.into());
        }
        if detailed && self.0.status.body.is_none() {
            body.insert("message".into(), self.0.message.clone().into());
        }
        Value::Object(body)
    }
}

/// What JavaScript takes for true; pomelo adds `code` only where `!resp.code`.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::String(s) => !s.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

/// The message and, where they say something, the kind and the code: `main` prints this, to people.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// Turns "there is none" into an error with a code.
///
/// ```
/// use std::collections::HashMap;
/// use pomelo::error::OrErr;
///
/// fn level(levels: &HashMap<&str, u32>, uid: &str) -> pomelo::Result<u32> {
///     levels.get(uid).copied().or_err(404, "no such player")
/// }
///
/// assert_eq!(level(&HashMap::from([("ann", 7)]), "bob").unwrap_err().code(), 404);
/// ```
pub trait OrErr<T> {
    /// The value, or [`Error::new`]`(code, message)`.
    ///
    /// # Errors
    /// Where there is no value.
    fn or_err(self, code: u16, message: &str) -> Result<T>;
}

impl<T> OrErr<T> for Option<T> {
    fn or_err(self, code: u16, message: &str) -> Result<T> {
        self.ok_or_else(|| Error::new(code, message))
    }
}

/// An error for bytes that can't be read as what they should be.
pub(crate) fn bad_message(why: impl fmt::Display) -> Error {
    Error::of(ErrorKind::BadMessage, why)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn main_prints_the_message_and_what_else_says_something() {
        assert_eq!(format!("{:?}", Error::of(ErrorKind::Config, "port taken")), "port taken");
        assert_eq!(format!("{:?}", Error::new(404, "no room")), "no room (Application, code 404)");
        assert_eq!(format!("{:?}", Error::of(ErrorKind::Deadline, "late")), "late (Deadline, code 500)");
    }

    #[test]
    fn a_plain_error_is_its_code() {
        assert_eq!(Error::new(403, "no").response(false), json!({ "code": 403 }));
    }

    #[test]
    fn text_is_for_development_and_never_named_error() {
        assert_eq!(Error::new(500, "why").response(true), json!({ "code": 500, "message": "why" }));
    }

    #[test]
    fn code_is_added_to_a_body_without_one() {
        let error = Error::new(500, "").with_body(json!({ "why": 1 }));
        assert_eq!(error.response(true), json!({ "why": 1, "code": 500 }));
        let error = Error::new(500, "").with_body(json!({ "code": 0 }));
        assert_eq!(error.response(false), json!({ "code": 500 }));
        let error = Error::new(500, "").with_body(json!({ "code": 403 }));
        assert_eq!(error.response(false), json!({ "code": 403 }));
    }
}
