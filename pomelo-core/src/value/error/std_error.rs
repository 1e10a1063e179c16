//! The way between [`Error`] and [`std::error::Error`], in both directions.

use std::error::Error as Cause;
use std::fmt;
use std::ops::Deref;

use super::status::{Status, chain};
use super::{Error, ErrorKind, Inner};

/// An [`Error`] as a [`std::error::Error`], for all that wants one: made by [`Error::into_std`].
///
/// `?` makes an [`Error`] of it again, with code, kind and body.
///
/// # In functions that return another error
/// `?` makes an [`Error`] into a `Box<dyn Error + Send + Sync>`, but not into a `Box<dyn Error>`: whatever becomes such a box becomes an
/// [`Error`] by `?`, which is how functions of the framework take the errors of all crates. If an `Error` became one, too, there would
/// be two ways from `Error` to `Error`, this one and that of each type to itself, which Rust's coherence refuses. So `main` returns
/// `pomelo::Result<()>` or the box with `Send + Sync`, or says it:
///
/// ```
/// # use pomelo::{Error, Result};
/// # fn start() -> Result<()> { Ok(()) }
/// fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
///     start().map_err(Error::into_std)?;
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct StdError(Box<Inner>);

impl Error {
    /// The same error as a [`std::error::Error`].
    ///
    /// ```
    /// # use pomelo::Error;
    /// fn is_std(_: &impl std::error::Error) {}
    ///
    /// let error = Error::new(404, "no room").into_std();
    /// is_std(&error);
    /// assert_eq!(Error::from(error).code(), 404);
    /// ```
    #[must_use]
    pub fn into_std(self) -> StdError {
        StdError(self.0)
    }

    /// The error that another one is, without taking it: its message with the causes, and the status among them.
    pub(super) fn of_std(error: &(dyn Cause + '_)) -> Self {
        let status = Status::among(error).cloned().unwrap_or_else(|| Status::of(ErrorKind::Application, 500));
        Self::with(chain(&error, error.source()), status)
    }
}

// By way of a box, as an `anyhow::Error` is no `std::error::Error` either, and becomes such a box. An `Error` mustn't
// become one, or this would be a second `From<Error> for Error`; one that is `Send + Sync` is another type.
impl<'a, E: Into<Box<dyn Cause + 'a>>> From<E> for Error {
    fn from(error: E) -> Self {
        Self::of_std(&*error.into())
    }
}

impl Deref for Error {
    type Target = dyn Cause + Send + Sync;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl From<Error> for Box<dyn Cause + Send + Sync> {
    fn from(error: Error) -> Self {
        error.0
    }
}

#[cfg(feature = "anyhow")]
impl From<Error> for anyhow::Error {
    fn from(error: Error) -> Self {
        Self::new(error.into_std())
    }
}

impl Cause for Inner {
    fn source(&self) -> Option<&(dyn Cause + 'static)> {
        match self.status.logged || self.status.says_something() {
            true => Some(&self.status),
            false => self.status.source(),
        }
    }
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status.says_something() {
            true => write!(f, "{} ({})", self.message, self.status),
            false => f.write_str(&self.message),
        }
    }
}

impl Cause for StdError {
    fn source(&self) -> Option<&(dyn Cause + 'static)> {
        self.0.source()
    }
}

impl fmt::Display for StdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for StdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::value::error::Result;

    #[derive(Debug, thiserror::Error)]
    enum Joining {
        #[error("reading the list: {0}")]
        List(#[from] std::io::Error),
        #[error("asking the chat server")]
        Chat(#[from] Error),
        #[error(transparent)]
        Same(Error),
        #[error("given up")]
        Behind(#[source] Box<Self>),
    }

    fn no_room() -> Error {
        Error::new(404, "no room").with_body(json!({ "room": 7 }))
    }

    fn told(error: &Error) -> (u16, ErrorKind, &str) {
        (error.code(), error.kind(), error.message())
    }

    #[test]
    fn causes_are_kept_in_the_message_and_none_twice() {
        let error = Error::from(std::io::Error::other("disk"));
        assert_eq!(told(&error), (500, ErrorKind::Application, "disk"));
        let list = || Joining::List(std::io::Error::other("disk"));
        assert_eq!(Error::from(list()).message(), "reading the list: disk");
        assert_eq!(Error::from(Joining::Behind(list().into())).message(), "given up: reading the list: disk");
    }

    #[test]
    fn code_kind_and_body_survive_the_way_through_errors_of_the_application() {
        for (joining, message) in [
            (Joining::from(no_room()), "asking the chat server: no room"),
            (Joining::Same(no_room()), "no room"),
            (Joining::Behind(Joining::Same(no_room()).into()), "given up: no room"),
        ] {
            let error = Error::from(joining);
            assert_eq!(told(&error), (404, ErrorKind::Application, message));
            assert_eq!(error.response(false), json!({ "room": 7, "code": 404 }));
        }
        let late = Error::from(Joining::from(Error::of(ErrorKind::Deadline, "late")));
        assert_eq!(told(&late), (500, ErrorKind::Deadline, "asking the chat server: late"));
    }

    #[test]
    fn question_mark_takes_errors_that_may_not_leave_their_thread_or_borrow_boxes_and_texts() {
        fn locked(number: &std::sync::Mutex<u32>) -> Result<u32> {
            Ok(*number.lock()?)
        }
        fn boxed(error: Box<dyn Cause>) -> Result<()> {
            Err(error)?
        }
        fn text() -> Result<()> {
            Err("no room")?
        }
        assert_eq!(locked(&std::sync::Mutex::new(1)).unwrap(), 1);
        assert_eq!(boxed("in a box".into()).unwrap_err().message(), "in a box");
        assert_eq!(told(&text().unwrap_err()), (500, ErrorKind::Application, "no room"));
    }

    #[test]
    fn question_mark_makes_a_box_of_it_that_comes_back_as_it_was() {
        fn boxed() -> Result<(), Box<dyn Cause + Send + Sync>> {
            Err(no_room())?
        }
        let error = boxed().unwrap_err();
        assert_eq!(error.to_string(), "no room");
        assert_eq!(Error::of_std(&*error).response(false), json!({ "room": 7, "code": 404 }));
    }

    #[cfg(feature = "anyhow")]
    #[test]
    fn anyhow_takes_it_and_gives_it_back_with_what_was_said_on_the_way() {
        use anyhow::Context;

        fn joining() -> anyhow::Result<()> {
            let list = || -> anyhow::Result<()> { Err(no_room())? };
            list().context("asking the chat server").context("joining")
        }
        fn handler() -> Result<()> {
            Ok(joining()?)
        }
        let error = handler().unwrap_err();
        assert_eq!(told(&error), (404, ErrorKind::Application, "joining: asking the chat server: no room"));
        assert_eq!(error.body(), Some(&json!({ "room": 7 })));
        assert_eq!(Error::from(anyhow::Error::from(no_room())).code(), 404);
        assert_eq!(Error::from(anyhow::anyhow!("odd")).code(), 500);
    }
}
