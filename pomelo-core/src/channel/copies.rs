//! Which frontends have a copy of a channel's membership.

use super::members::List;
use crate::value::ServerId;

/// What a frontend was told of the membership.
#[derive(Default)]
pub(super) struct Copy {
    /// Its members, in order of joining.
    pub(super) members: List,
    pub(super) version: u64,
    /// Something could not be told: the whole membership goes before anything else.
    pub(super) stale: bool,
}

/// The copies of one channel, sorted by frontend: few, and in most channels one.
#[derive(Default)]
pub(super) struct Copies(Vec<(ServerId, Copy)>);

impl Copies {
    pub(super) fn get(&self, frontend: &ServerId) -> Option<&Copy> {
        let at = self.find(frontend).ok()?;
        self.0.get(at).map(|(_, copy)| copy)
    }

    pub(super) fn get_mut(&mut self, frontend: &ServerId) -> Option<&mut Copy> {
        let at = self.find(frontend).ok()?;
        self.0.get_mut(at).map(|(_, copy)| copy)
    }

    /// The frontend's copy, made if there is none.
    pub(super) fn get_or_new(&mut self, frontend: &ServerId) -> &mut Copy {
        let at = self.find(frontend).unwrap_or_else(|at| {
            if self.0.is_empty() {
                self.0.reserve_exact(1);
            }
            self.0.insert(at, (frontend.clone(), Copy::default()));
            at
        });
        &mut self.0[at].1
    }

    pub(super) fn remove(&mut self, frontend: &ServerId) {
        if let Ok(at) = self.find(frontend) {
            self.0.remove(at);
        }
    }

    pub(super) fn frontends(&self) -> impl Iterator<Item = &ServerId> {
        self.0.iter().map(|(frontend, _)| frontend)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&ServerId, &mut Copy)> {
        self.0.iter_mut().map(|(frontend, copy)| (&*frontend, copy))
    }

    fn find(&self, frontend: &ServerId) -> Result<usize, usize> {
        // By text: the order doesn't matter, and the natural one takes longer.
        self.0.binary_search_by(|(known, _)| (**known).cmp(&**frontend))
    }
}
