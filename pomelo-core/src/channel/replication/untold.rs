//! Retries: messages that frontends could not be sent, and are sent as soon as their links have room.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use crate::value::ServerId;

/// What an owner's server has to tell again. A frontend whose link is down by then learns it in other ways when it is up.
#[derive(Debug, Default)]
pub(crate) struct Untold {
    /// Frontends that may keep copies which have ended, until they are told which have not.
    ends: HashSet<ServerId, RandomState>,
    /// Channels whose membership found no room. Pushes may wait for it at the frontend, and the channel's next message may never
    /// come.
    memberships: HashSet<(ServerId, u64), RandomState>,
}

impl Untold {
    /// The end of a copy could not be told to a frontend.
    pub(crate) fn add_end(&mut self, frontend: &ServerId) {
        self.ends.insert(frontend.clone());
    }

    /// There was no room to send a frontend the membership of a channel.
    pub(crate) fn add_membership(&mut self, frontend: &ServerId, group: u64) {
        self.memberships.insert((frontend.clone(), group));
    }

    /// Takes the frontends that are to be told which copies have not ended.
    pub(crate) fn take_ends(&mut self) -> impl Iterator<Item = ServerId> + use<> {
        std::mem::take(&mut self.ends).into_iter()
    }

    /// Takes the memberships that are to be sent, unless they were sent meanwhile.
    pub(crate) fn take_memberships(&mut self) -> impl Iterator<Item = (ServerId, u64)> + use<> {
        std::mem::take(&mut self.memberships).into_iter()
    }
}
