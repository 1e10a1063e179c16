//! Settlement: what two servers that lost each other say to each other. The rules are [`Pair`](crate::cluster::pair)'s.

use serde::{Deserialize, Serialize};

use crate::value::{Incarnation, SessionId, Uid};

/// What one side of a pair says first on every link.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Greeting {
    /// The process of the receiver that this is about.
    pub(crate) of: Option<Incarnation>,
    /// The number of the sender's last declaration that this process is gone; 0 if it made none.
    pub(crate) declared: u64,
    /// What it dropped by that, as far as it is not acknowledged.
    pub(crate) batches: Vec<Batch>,
}

/// Acknowledges a [`Greeting`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settled {
    /// The process of the sender that the greeting was about.
    pub(crate) of: Incarnation,
    /// The number of the last declaration that is settled.
    pub(crate) declared: u64,
}

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
    pub(crate) fn everything(number: u64) -> Self {
        Self { number, everything: true, ..Self::default() }
    }

    /// How many bytes the names take, about.
    pub(crate) fn weight(&self) -> usize {
        let uids: usize = self.uids.iter().map(|uid| uid.len() + NAME).sum();
        uids + self.sessions.len() * NAME * 2
    }

    /// Whether nothing was dropped.
    pub(crate) fn is_empty(&self) -> bool {
        !self.everything && self.uids.is_empty() && self.sessions.is_empty()
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.uids.extend(other.uids);
        self.sessions.extend(other.sessions);
        self.everything |= other.everything;
    }
}
