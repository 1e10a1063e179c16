//! The frontend's side of replication: the copy of a channel's membership, and the pushes that wait for it.
//!
//! ```text
//!             version + 1                        other version
//!  current ───────────────▶ current     current ───────────────▶ waiting: asks once, holds pushes back
//!                                                                   │ Sync
//!                                       current ◀───────────────────┘ what waited is taken in again, in order
//! ```
//!
//! A push of the present version is delivered; one of another version waits, too, since the members that it
//! was for are not known here.

use foldhash::fast::RandomState;
use indexmap::IndexSet;

use crate::value::Uid;
use crate::wire::envelope::Push;

/// Users of a channel, in no particular order.
pub(crate) type Users = IndexSet<Uid, RandomState>;

/// A copy of the membership of one channel.
#[derive(Debug, Default)]
pub(crate) struct Replica {
    /// The version of the owner's membership that this is.
    version: u64,
    members: Users,
    /// Pushes that wait for the membership, in order, each with the number by which its owner asks whom it reached; none while
    /// nothing is known to be missing.
    waiting: Option<Vec<(u64, Push)>>,
    /// The membership was asked for, and the link has not broken since.
    is_asked: bool,
}

/// What becomes of a push that has arrived.
#[derive(Debug)]
pub(crate) enum Arrived {
    /// It goes to the members now.
    Deliver(Push),
    /// It waits for the membership.
    Waits,
    /// It is dropped: too many wait.
    Refused,
}

/// What a membership that has arrived leads to.
#[derive(Debug)]
pub(crate) struct Synced {
    /// The members before.
    pub(crate) before: Users,
    /// The pushes that waited, to be taken in again now.
    pub(crate) waited: Vec<(u64, Push)>,
}

impl Replica {
    /// The members of the present version.
    pub(crate) fn members(&self) -> &Users {
        &self.members
    }

    /// A user joined; false if that can't be told yet, since something before it is missing.
    pub(crate) fn join(&mut self, version: u64, uid: &Uid) -> bool {
        if !self.follows(version) {
            return false;
        }
        if self.members.is_empty() {
            // The first of many, or the only one.
            self.members.reserve_exact(1);
        }
        self.members.insert(uid.clone());
        true
    }

    /// A user left; false as for [`join`](Self::join).
    pub(crate) fn leave(&mut self, version: u64, uid: &Uid) -> bool {
        let follows = self.follows(version);
        if follows {
            self.members.swap_remove(uid);
        }
        follows
    }

    /// A push arrived for the members of a version; `limit` is how many may wait.
    #[inline]
    pub(crate) fn push(&mut self, version: u64, seq: u64, push: Push, limit: usize) -> Arrived {
        if self.waiting.is_none() && version == self.version {
            return Arrived::Deliver(push);
        }
        self.hold_back(seq, push, limit)
    }

    #[cold]
    fn hold_back(&mut self, seq: u64, push: Push, limit: usize) -> Arrived {
        let waiting = self.waiting.get_or_insert_default();
        if waiting.len() >= limit {
            return Arrived::Refused;
        }
        waiting.push((seq, push));
        Arrived::Waits
    }

    /// The whole membership arrived.
    pub(crate) fn sync(&mut self, version: u64, uids: &[Uid]) -> Synced {
        self.version = version;
        self.is_asked = false;
        let before = std::mem::replace(&mut self.members, uids.iter().cloned().collect());
        Synced { before, waited: self.waiting.take().unwrap_or_default() }
    }

    /// Whether something is known to be missing.
    #[cfg(test)]
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Whether the owner is to be asked for the membership now.
    pub(crate) fn must_ask(&self) -> bool {
        self.waiting.is_some() && !self.is_asked
    }

    /// The owner was asked for the membership, or could not be: then it [must be](Self::must_ask) later.
    pub(crate) fn asked(&mut self, is_sent: bool) {
        self.is_asked = is_sent;
    }

    /// The link to the owner broke: what was asked for won't come. True if it is still needed.
    pub(crate) fn unlinked(&mut self) -> bool {
        self.is_asked = false;
        self.waiting.is_some()
    }

    /// Takes the members out, for a copy that has ended.
    pub(crate) fn take_members(&mut self) -> Users {
        std::mem::take(&mut self.members)
    }

    /// Takes the pushes out that wait, for a copy that has ended.
    pub(crate) fn take_waiting(&mut self) -> Vec<(u64, Push)> {
        self.waiting.take().unwrap_or_default()
    }

    /// Whether a change is the next one: then it is taken in. Otherwise something is missing from now on.
    fn follows(&mut self, version: u64) -> bool {
        if self.waiting.is_some() {
            return false;
        }
        let follows = version == self.version + 1;
        match follows {
            true => self.version = version,
            false => self.waiting = Some(Vec::new()),
        }
        follows
    }
}
