//! What a handler or a call can fail with, and what a client may see of it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::fault::Fault;

/// The result of handlers, remotes and most of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something failed, for code that has to tell one case from another.
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
}

/// An error with a code for the client, a message for the log and a kind for `match`.
///
/// It is `From` every [`std::error::Error`] (code 500, kind [`ErrorKind::Application`]), so `?` works in handlers,
/// and for that reason isn't one itself.
///
/// The server at which it arises logs, counts and shows it by whose [`Fault`] it is: what a client did wrong at DEBUG, all else at
/// WARN with its chain of causes.
#[derive(Clone, Serialize, Deserialize)]
pub struct Error(Box<Inner>);

#[derive(Clone, Serialize, Deserialize)]
struct Inner {
    code: u16,
    kind: ErrorKind,
    message: String,
    body: Option<Value>,
    /// Whose fault it is, if that was said.
    fault: Option<Fault>,
    /// It was logged where it arose, so nobody on its way logs it once more.
    logged: bool,
}

impl Error {
    /// An error of the application: the client sees `{"code": code}`, the log sees `message`.
    pub fn new(code: u16, message: impl fmt::Display) -> Self {
        Self::with(code, ErrorKind::Application, message.to_string())
    }

    /// An error that carries a kind other than [`ErrorKind::Application`]; its code is 500.
    pub fn of(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self::with(500, kind, message.to_string())
    }

    fn with(code: u16, kind: ErrorKind, message: String) -> Self {
        Self(Box::new(Inner { code, kind, message, body: None, fault: None, logged: false }))
    }

    /// The same error with the response that the client gets.
    ///
    /// `code` is added to an object that has none, as pomelo's `next(err, resp)` does.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Value>) -> Self {
        self.0.body = Some(body.into());
        self
    }

    /// The same error with `context` in front of its message.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// The same error as somebody else's fault than its kind and code say.
    #[must_use]
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.0.fault = Some(fault);
        self
    }

    /// Whose fault it is: how it is logged and counted.
    pub fn fault(&self) -> Fault {
        self.0.fault.unwrap_or_else(|| Fault::of(self.0.kind, self.0.code))
    }

    /// Whether it was logged where it arose.
    pub(crate) fn was_logged(&self) -> bool {
        self.0.logged
    }

    /// Marks it as logged; says whether it was.
    pub(crate) fn set_logged(&mut self) -> bool {
        std::mem::replace(&mut self.0.logged, true)
    }

    /// The number that a client sees as `code`.
    pub fn code(&self) -> u16 {
        self.0.code
    }

    /// What went wrong, to match on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What went wrong, for a person.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The response that the error carries, if any.
    pub fn body(&self) -> Option<&Value> {
        self.0.body.as_ref()
    }

    /// What a client is answered: the error's body with `code` added if it has none, else `{"code": code}`.
    ///
    /// With `detailed` (development) the text is there too, as `message`; never as `error`, which the clients of
    /// pomelo's chat service read as a duplicate login.
    pub fn response(&self, detailed: bool) -> Value {
        let mut body = match &self.0.body {
            Some(Value::Object(map)) => map.clone(),
            Some(other) => return other.clone(),
            None => serde_json::Map::new(),
        };
        if !body.get("code").is_some_and(is_truthy) {
            body.insert("code".into(), self.0.code.into());
        }
        if detailed && self.0.body.is_none() {
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
        let Inner { code, kind, message, .. } = &*self.0;
        match (kind, code) {
            (ErrorKind::Application | ErrorKind::Config, 500) => f.write_str(message),
            _ => write!(f, "{message} ({kind:?}, code {code})"),
        }
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        Self::new(500, chain(&error, error.source()))
    }
}

/// More causes than any chain has that isn't a circle.
const MAX_CAUSES: usize = 32;

/// What an error says, and its causes behind it; a cause that the error says itself isn't said twice.
fn chain(error: &dyn fmt::Display, source: Option<&(dyn std::error::Error + 'static)>) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(source, |cause| cause.source()).take(MAX_CAUSES) {
        let cause = cause.to_string();
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// An error type of the application's own that a method may return: `Result<T, MyError>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an error that a handler or remote method can return",
    label = "implement `pomelo::ErrorCode` for it, or use `pomelo::Error`"
)]
pub trait ErrorCode: fmt::Display {
    /// The number that a client sees as `code`.
    fn code(&self) -> u16 {
        500
    }

    /// What it was caused by, for the log: `std::error::Error::source` of a type that has it. The default is nothing.
    fn cause(&self) -> Option<&(dyn std::error::Error + 'static)> {
        None
    }

    /// The whole error; the default carries the code, what `Display` says and the chain of causes.
    fn into_error(self) -> Error
    where
        Self: Sized,
    {
        Error::new(self.code(), chain(&self, self.cause()))
    }
}

impl ErrorCode for Error {
    fn code(&self) -> u16 {
        self.0.code
    }

    fn into_error(self) -> Error {
        self
    }
}

/// Turns "there is none" into an error with a code.
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

    #[test]
    fn sources_are_kept_in_the_message() {
        let error: Error = std::io::Error::other("disk").into();
        assert_eq!((error.code(), error.message()), (500, "disk"));
    }

    #[derive(Debug, thiserror::Error)]
    enum Store {
        #[error("the store is away")]
        Away(#[source] std::io::Error),
        #[error("the store says: {0}")]
        Says(#[from] std::io::Error),
    }

    impl ErrorCode for Store {
        fn code(&self) -> u16 {
            503
        }

        fn cause(&self) -> Option<&(dyn std::error::Error + 'static)> {
            std::error::Error::source(self)
        }
    }

    #[test]
    fn causes_are_told_once() {
        let broken = || std::io::Error::other("connection refused");
        let error: Error = Store::Away(broken()).into();
        assert_eq!(error.message(), "the store is away: connection refused");
        let error: Error = Store::Says(broken()).into();
        assert_eq!(error.message(), "the store says: connection refused");
    }

    #[test]
    fn the_causes_of_an_error_with_a_code_of_its_own_are_told() {
        let error = Store::Away(std::io::Error::other("connection refused")).into_error();
        assert_eq!((error.code(), error.message()), (503, "the store is away: connection refused"));
    }
}
