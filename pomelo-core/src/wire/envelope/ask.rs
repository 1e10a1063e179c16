//! Asks: what an operator asks an admin module of a server, and why an ask has no answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::value::{Error, ErrorKind, Level, Result, ServerId};

/// What an operator asks an admin module of a server. Cheap to clone.
///
/// ```
/// use pomelo::admin::{Ask, Level};
///
/// #[derive(serde::Deserialize)]
/// struct Kick {
///     uid: String,
/// }
///
/// let ask = Ask::new("kickUser", "ann", Level::Everything).with_body(&serde_json::json!({ "uid": "bob" }))?;
/// assert_eq!((ask.user(), ask.body::<Kick>()?.uid), ("ann", "bob".to_owned()));
/// # Ok::<(), pomelo::Error>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
pub struct Ask {
    /// The name of the module.
    module: Arc<str>,
    /// The operator, for the log.
    user: Arc<str>,
    /// What the operator may do.
    level: Level,
    /// How long the module may take.
    within_ms: u64,
    /// JSON.
    body: Bytes,
}

/// Without its body, which may hold what is secret: it is what logs have.
impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { module, user, level, body, .. } = self;
        let (module, user, bytes) = (&**module, &**user, body.len());
        f.debug_struct("Ask")
            .field("module", &module)
            .field("user", &user)
            .field("level", level)
            .field("bytes", &bytes)
            .finish_non_exhaustive()
    }
}

impl Ask {
    /// How long a module may take where nobody says otherwise: an operator waits for it.
    pub const DEFAULT_TIME: Duration = Duration::from_secs(5);
    /// The longest time that a module may take.
    pub const MAX_TIME: Duration = Duration::from_secs(60);

    /// An ask of an operator, with `null` for a body.
    pub fn new(module: &str, user: &str, level: Level) -> Self {
        let body = Bytes::from_static(b"null");
        Self { module: module.into(), user: user.into(), level, within_ms: 0, body }
            .within(Self::DEFAULT_TIME)
    }

    /// Sets the body, which the module reads as JSON.
    ///
    /// # Errors
    /// If it can't be JSON.
    pub fn with_body(mut self, body: &(impl Serialize + ?Sized)) -> Result<Self> {
        self.body = serde_json::to_vec(body)?.into();
        Ok(self)
    }

    /// Sets how long the module may take, [`MAX_TIME`](Self::MAX_TIME) at most.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.within_ms = u64::try_from(time.min(Self::MAX_TIME).as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// The name of the module.
    pub fn module(&self) -> &str {
        &self.module
    }

    /// The name of the operator.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// What the operator may do.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The body, from JSON; `null` where the operator gave none.
    ///
    /// # Errors
    /// If the body is something else than `T`.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let module = &self.module;
            Error::of(ErrorKind::BadMessage, format_args!("`{module}` can't read what it is asked: {error}"))
        })
    }

    /// How long the module may take, whatever a peer has said.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_millis(self.within_ms).min(Self::MAX_TIME)
    }
}

/// Why an ask has no answer.
#[derive(Debug, Clone, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum AskError {
    /// The server has no module of that name.
    #[error("{server} has no admin module `{module}`, it has {}", Listed(known))]
    NoSuchModule {
        /// Which server.
        server: ServerId,
        /// What was asked.
        module: String,
        /// The modules that it has, sorted.
        known: Vec<String>,
    },
    /// The operator may not ask that.
    #[error("permission denied: that needs a user of level {}", needed.number())]
    Denied {
        /// The level that it needs.
        needed: Level,
    },
    /// The module failed, or the server can't be asked: [`Error::kind`] says which.
    #[error("{0}")]
    Failed(Error),
}

impl AskError {
    /// The server has not answered in time.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Failed(error) if error.kind() == ErrorKind::Deadline)
    }

    /// The server is down, or went while it was asked.
    pub fn is_down(&self) -> bool {
        matches!(self, Self::Failed(error) if matches!(error.kind(), ErrorKind::Refused | ErrorKind::NoServer))
    }
}

impl From<Error> for AskError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Names in a row, in quotes.
struct Listed<'a>(&'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (n, name) in self.0.iter().enumerate() {
            write!(f, "{}`{name}`", if n == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
