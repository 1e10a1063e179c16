//! Origins: on whose behalf a call was made, as calls carry it.

use serde::{Deserialize, Serialize};

use crate::value::SessionId;

/// On whose behalf code runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Origin {
    /// No session's: a component, a listener, a task that the application has started.
    #[default]
    Outside,
    /// A message of that session is being handled, and its closing waits for that.
    Handler(SessionId),
    /// The hooks on a session's closing run, and its closing waits for them.
    Hook,
}

impl Origin {
    /// The session that it names.
    pub(crate) fn session(self) -> Option<SessionId> {
        match self {
            Self::Handler(session) => Some(session),
            Self::Outside | Self::Hook => None,
        }
    }
}
