//! Start errors: why servers don't start, by what it takes to mend it.
//!
//! ```text
//!  Arguments ─ Config ─ Missing ─▶ nothing has run yet
//!  Hook ─ Bind ─ Refused ─ Failed ─▶ what had started is ended again, and its ports are free
//! ```

use std::error::Error as Cause;
use std::{fmt, io};

use crate::value::config::ConfigError;
use crate::value::{Error, ErrorKind, ServerId};

/// Why servers did not start: what [`Builder::start`](super::Builder::start) and its neighbours return.
///
/// Its text says all in one line: which server, which file and entry, which address, and why. Its sources are what that was
/// made of, such as the [`ConfigError`] of a file or the [`io::Error`] of a port. `?` makes an [`Error`] of it, with the same
/// text and kind.
///
/// ```
/// # use pomelo::App;
/// use pomelo::app::{Cluster, Running};
/// use pomelo::error::StartError;
///
/// async fn start_or_say_why<R: Cluster>() -> Option<Running<R>> {
///     match App::<R>::builder().start().await {
///         Ok(running) => return Some(running),
///         Err(StartError::Bind { server, source }) => eprintln!("another port for {server}? {source}"),
///         Err(StartError::Config { source }) => eprintln!("to be mended in the configuration: {source}"),
///         Err(error) => eprintln!("{error}"),
///     }
///     None
/// }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum StartError {
    /// The command line is not understood.
    Arguments {
        /// What of it.
        source: Error,
    },
    /// The configuration is wrong, or the application's code says what doesn't fit it.
    Config {
        /// Which file and entry, or which part of the code.
        source: Error,
    },
    /// A server lacks what the application must give it: something that a method is lent, a trait's implementation, a connector.
    Missing {
        /// Which server.
        server: ServerId,
        /// What.
        source: Error,
    },
    /// A server can't listen for clients or for other servers.
    Bind {
        /// Which server.
        server: ServerId,
        /// Where, and why.
        source: Error,
    },
    /// A lifecycle hook or a component failed, or took too long.
    Hook {
        /// Of which server.
        server: ServerId,
        /// Which hook, and why.
        source: Error,
    },
    /// The cluster doesn't take a server: another process has its id, say, or it has a wrong token.
    Refused {
        /// Which server.
        server: ServerId,
        /// Why.
        source: Error,
    },
    /// A server failed while it was put together or started: code of the application panicked, a task that it needs ended, or
    /// the system has no thread for it.
    Failed {
        /// Which server.
        server: ServerId,
        /// Of what.
        source: Error,
    },
}

impl StartError {
    pub(super) fn config(why: impl fmt::Display) -> Self {
        Self::Config { source: Error::of(ErrorKind::Config, why) }
    }

    pub(super) fn missing(server: &ServerId, why: impl fmt::Display) -> Self {
        Self::Missing { server: server.clone(), source: Error::of(ErrorKind::Config, why) }
    }

    pub(super) fn hook(server: &ServerId) -> impl FnOnce(Error) -> Self {
        move |error| Self::Hook { server: server.clone(), source: error.context(server) }
    }

    pub(super) fn refused(server: &ServerId, source: Error) -> Self {
        Self::Refused { server: server.clone(), source }
    }

    pub(super) fn failed(server: &ServerId, source: Error) -> Self {
        Self::Failed { server: server.clone(), source }
    }

    /// What a connector or a transport starts with: its options are wrong, or it can't listen.
    pub(super) fn listening(server: &ServerId, source: Error) -> Self {
        let is_io = causes(&*source).any(|cause| cause.is::<io::Error>());
        match source.kind() == ErrorKind::Config && !is_io {
            true => Self::Config { source },
            false => Self::Bind { server: server.clone(), source },
        }
    }

    /// Which server did not start, where it was one of them.
    pub fn server(&self) -> Option<&ServerId> {
        match self {
            Self::Arguments { .. } | Self::Config { .. } => None,
            Self::Missing { server, .. }
            | Self::Bind { server, .. }
            | Self::Hook { server, .. }
            | Self::Refused { server, .. }
            | Self::Failed { server, .. } => Some(server),
        }
    }

    /// What went wrong, for a person.
    pub fn message(&self) -> &str {
        self.error().message()
    }

    /// The kind of the [`Error`] that `?` makes of it.
    pub fn kind(&self) -> ErrorKind {
        self.error().kind()
    }

    fn error(&self) -> &Error {
        match self {
            Self::Arguments { source }
            | Self::Config { source }
            | Self::Missing { source, .. }
            | Self::Bind { source, .. }
            | Self::Hook { source, .. }
            | Self::Refused { source, .. }
            | Self::Failed { source, .. } => source,
        }
    }

    /// An error of a program: with this one among its sources.
    pub(super) fn into_error(self) -> Error {
        let (kind, message) = (self.kind(), self.message().to_owned());
        Error::of(kind, message).with_source(self)
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        let text = Error::from(&error);
        Self::Config { source: Error::of(ErrorKind::Config, text).with_source(error) }
    }
}

/// The causes of an error, from its source on.
fn causes<'a>(error: &'a (dyn Cause + 'static)) -> impl Iterator<Item = &'a (dyn Cause + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

impl Cause for StartError {
    fn source(&self) -> Option<&(dyn Cause + 'static)> {
        // What the error says is said already.
        Some(self.error().status())
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.error(), f)
    }
}

/// As that of [`Error`]: `main` prints this, to people.
impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.error(), f)
    }
}
