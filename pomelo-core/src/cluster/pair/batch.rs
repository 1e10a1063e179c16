//! A batch: what a server dropped of a peer when it declared that gone.

use serde::{Deserialize, Serialize};

use crate::value::{SessionId, Uid};

/// What a name takes besides its text.
const NAME: usize = 24;

/// What was dropped by one declaration. Users and sessions are the peer's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Batch {
    /// Which declaration it was.
    pub(crate) number: u64,
    /// Users that were taken out of channels, each named once.
    pub(crate) uids: Vec<Uid>,
    /// Sessions whose closed hooks ran.
    pub(crate) sessions: Vec<SessionId>,
    /// More than can be named: everything counts as dropped.
    pub(crate) everything: bool,
}

impl Batch {
    /// Something of each user and session of the peer was dropped.
    pub(super) fn everything(number: u64) -> Self {
        Self { number, everything: true, ..Self::default() }
    }

    /// How many bytes the names take, about.
    pub(super) fn weight(&self) -> usize {
        let uids: usize = self.uids.iter().map(|uid| uid.len() + NAME).sum();
        uids + self.sessions.len() * NAME * 2
    }

    /// Whether nothing was dropped.
    pub(crate) fn is_empty(&self) -> bool {
        !self.everything && self.uids.is_empty() && self.sessions.is_empty()
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.uids.extend(other.uids);
        self.sessions.extend(other.sessions);
        self.everything |= other.everything;
    }
}
