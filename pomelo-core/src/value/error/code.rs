//! Error types of an application's own, with codes of their own.

use std::error::Error as Cause;
use std::fmt;

use super::Error;
use super::status::{Status, chain};

/// An error type of the application's own that a method may return: `Result<T, MyError>`.
///
/// Derive it: `#[derive(pomelo::error::ErrorCode)]`. [`pomelo::Error`](Error) has it, and `Box<dyn std::error::Error + Send +
/// Sync>`, and with the feature `anyhow` also `anyhow::Error`. By hand:
///
/// ```
/// # use std::fmt;
/// use pomelo::error::ErrorCode;
///
/// struct Full {
///     limit: usize,
/// }
///
/// impl fmt::Display for Full {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         write!(f, "no more than {} fit in", self.limit)
///     }
/// }
///
/// impl ErrorCode for Full {
///     fn code(&self) -> u16 {
///         409
///     }
/// }
///
/// let error = Full { limit: 8 }.into_error();
/// assert_eq!((error.code(), error.message()), (409, "no more than 8 fit in"));
/// ```
///
/// The code is what a client sees: `{"code": 409}`. pomelo's clients take 200 for success; whose
/// [`Fault`](super::fault::Fault) an error is goes by its code. The message is what [`Display`](fmt::Display) says, with the
/// causes behind it. It goes to the log, to the server that called, and to clients in development only.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an error that a handler or remote method can return",
    label = "implement `pomelo::error::ErrorCode` for it (`#[derive(pomelo::error::ErrorCode)]`), or use `pomelo::Error`"
)]
pub trait ErrorCode: fmt::Display {
    /// The number that a client sees as `code`.
    fn code(&self) -> u16 {
        500
    }

    /// What it was caused by, for the log: `std::error::Error::source` of a type that has it. The default is nothing.
    fn cause(&self) -> Option<&(dyn Cause + 'static)> {
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
        self.0.status.code
    }

    fn into_error(self) -> Error {
        self
    }
}

#[diagnostic::do_not_recommend]
/// So that a method may return `Result<T, Box<dyn std::error::Error + Send + Sync>>`.
impl ErrorCode for Box<dyn Cause + Send + Sync> {
    fn code(&self) -> u16 {
        Status::code_of(&**self)
    }

    fn cause(&self) -> Option<&(dyn Cause + 'static)> {
        self.source()
    }

    fn into_error(self) -> Error {
        Error::of_std(&*self)
    }
}

/// So that a method may return `anyhow::Result<T>`.
#[cfg(feature = "anyhow")]
#[diagnostic::do_not_recommend] // The compiler says the same of a type without a code, with the feature and without it.
impl ErrorCode for anyhow::Error {
    fn code(&self) -> u16 {
        Status::code_of(&**self)
    }

    fn cause(&self) -> Option<&(dyn Cause + 'static)> {
        self.source()
    }

    fn into_error(self) -> Error {
        Error::from(self)
    }
}

/// An error of which `#[derive(ErrorCode)]` asks what its variant's attributes don't say. What it gets depends on
/// whether the error is a [`std::error::Error`], with causes: a method of [`OfError`] is found
/// before one of [`OfDisplay`], which takes one more reference.
#[doc(hidden)]
pub struct DerivedCode<'a, E>(pub &'a E);

/// See [`DerivedCode`].
#[doc(hidden)]
pub trait OfError<'a> {
    /// That of an [`Error`] among the causes.
    fn code(&self) -> u16;

    /// Its source.
    fn cause(&self) -> Option<&'a (dyn Cause + 'static)>;

    /// The error with its causes; with the code of an [`Error`] among them if none is given.
    fn error(&self, code: Option<u16>) -> Error;
}

impl<'a, E: Cause> OfError<'a> for DerivedCode<'a, E> {
    fn code(&self) -> u16 {
        Status::code_of(self.0)
    }

    fn cause(&self) -> Option<&'a (dyn Cause + 'static)> {
        self.0.source()
    }

    fn error(&self, code: Option<u16>) -> Error {
        match code {
            Some(code) => Error::new(code, chain(self.0, self.0.source())),
            None => Error::of_std(self.0),
        }
    }
}

/// See [`DerivedCode`].
#[doc(hidden)]
pub trait OfDisplay<'a> {
    /// Nothing is known.
    fn code(&self) -> u16;

    /// Nothing is known.
    fn cause(&self) -> Option<&'a (dyn Cause + 'static)>;

    /// The error with its text.
    fn error(&self, code: Option<u16>) -> Error;
}

impl<'a, E: ErrorCode> OfDisplay<'a> for &DerivedCode<'a, E> {
    fn code(&self) -> u16 {
        500
    }

    fn cause(&self) -> Option<&'a (dyn Cause + 'static)> {
        None
    }

    fn error(&self, code: Option<u16>) -> Error {
        Error::new(code.unwrap_or(500), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
