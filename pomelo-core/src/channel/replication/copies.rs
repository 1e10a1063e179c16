//! Replicas of a channel, as its owner knows them: which frontends have one, and what each was told.
//!
//! A copy begins with the first member at a frontend and ends with the last one, so that a frontend without
//! members is told nothing.

use super::members::List;
use crate::value::ServerId;

/// What a frontend was told of the membership.
#[derive(Default)]
pub(super) struct Told {
    /// Its members, in order of joining.
    pub(super) members: List,
    /// The version of the membership: one more with each change.
    pub(super) version: u64,
    /// Something may not have arrived: the whole membership goes before anything else.
    pub(super) is_stale: bool,
}

/// The copies of one channel, sorted by frontend: few, and in most channels one.
#[derive(Default)]
pub(super) struct Copies {
    told: Vec<(ServerId, Told)>,
    /// The highest version of a copy that was ended. What is begun after it has higher ones, so that no version ever stands for
    /// two memberships.
    ended_at: u64,
}

impl Copies {
    /// The copy of a frontend, if it has members.
    pub(super) fn get(&self, frontend: &ServerId) -> Option<&Told> {
        let at = self.find(frontend).ok()?;
        self.told.get(at).map(|(_, told)| told)
    }

    pub(super) fn get_mut(&mut self, frontend: &ServerId) -> Option<&mut Told> {
        let at = self.find(frontend).ok()?;
        self.told.get_mut(at).map(|(_, told)| told)
    }

    /// The frontend's copy, made if there is none. After another one has ended it begins with the whole membership: that frontend
    /// may still have the one before.
    pub(super) fn get_or_new(&mut self, frontend: &ServerId) -> &mut Told {
        let at = self.find(frontend).unwrap_or_else(|at| {
            if self.told.is_empty() {
                self.told.reserve_exact(1);
            }
            let is_stale = self.ended_at > 0;
            let told = Told { version: self.ended_at, is_stale, ..Told::default() };
            self.told.insert(at, (frontend.clone(), told));
            at
        });
        &mut self.told[at].1
    }

    /// Ends a copy.
    pub(super) fn remove(&mut self, frontend: &ServerId) {
        if let Ok(at) = self.find(frontend) {
            let (_, told) = self.told.remove(at);
            self.ended_at = self.ended_at.max(told.version);
        }
    }

    /// Those that have a copy, sorted by text.
    pub(super) fn frontends(&self) -> impl Iterator<Item = &ServerId> {
        self.told.iter().map(|(frontend, _)| frontend)
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [(ServerId, Told)] {
        &mut self.told
    }

    fn find(&self, frontend: &ServerId) -> Result<usize, usize> {
        // By text: the order doesn't matter, and the natural one takes longer.
        self.told.binary_search_by(|(known, _)| (**known).cmp(&**frontend))
    }
}
