//! The status of an error, which is the last of its causes, and the chain of causes.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ErrorKind;
use super::fault::Fault;

/// An error's code, kind, body and fault.
///
/// It is an error itself, so that it is found among the causes of errors that know nothing of us, and thus survives the
/// way through an application's own error types and `anyhow`.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Status {
    pub(super) code: u16,
    pub(super) kind: ErrorKind,
    pub(super) body: Option<Value>,
    /// Whose fault it is, if that was said.
    pub(super) fault: Option<Fault>,
    /// It was logged where it arose, so nobody on its way logs it once more.
    pub(super) logged: bool,
    /// What caused the error, if that was said; it stays in this process.
    #[serde(skip)]
    pub(super) source: Option<Arc<dyn Error + Send + Sync>>,
}

impl Status {
    pub(super) fn of(kind: ErrorKind, code: u16) -> Self {
        Self { code, kind, body: None, fault: None, logged: false, source: None }
    }

    /// The first one among the causes of an error.
    pub(super) fn among<'a>(error: &'a (dyn Error + '_)) -> Option<&'a Self> {
        causes(error.source()).find_map(|cause| cause.downcast_ref())
    }

    /// The code of an error: that of the first one among its causes, else 500.
    pub(super) fn code_of(error: &(dyn Error + '_)) -> u16 {
        Self::among(error).map_or(500, |status| status.code)
    }

    /// Whether it says more than that something failed.
    pub(super) fn says_something(&self) -> bool {
        let ordinary = matches!(self.kind, ErrorKind::Application | ErrorKind::Config);
        self.body.is_some() || self.fault.is_some() || self.code != 500 || !ordinary
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, code {}", self.kind, self.code)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Status {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// More causes than any chain has that isn't a circle.
const MAX_CAUSES: usize = 32;

/// The causes of an error, from its source on.
pub(super) fn causes<'a>(
    source: Option<&'a (dyn Error + 'static)>,
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(source, |&cause| cause.source()).take(MAX_CAUSES)
}

/// What an error says, and its causes behind it; a cause that the error says itself isn't said twice.
pub(super) fn chain(error: &dyn fmt::Display, source: Option<&(dyn Error + 'static)>) -> String {
    let mut text = error.to_string();
    for cause in causes(source).filter(|cause| !cause.is::<Status>()) {
        let cause = cause.to_string();
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}
