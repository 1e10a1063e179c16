//! Membership of a channel: a hash map of users whose entries are linked in order of joining.
//!
//! Taking an entry out of the map moves the last one into its place, so that neither adding nor leaving depends on the
//! number of members; the links keep the order. There is one list of all members, and one for each frontend, so that what
//! is asked of one frontend costs what there is at that frontend.
//!
//! ```text
//!  entries   0: ann      1: bob      2: cat        (places in the map; taking 0 out moves 2 there)
//!  users     ann ◀──▶ bob ◀──▶ cat                  (order of joining)
//!  at conn-1 ann ◀───────────▶ cat                  (the same, at one frontend)
//! ```

use indexmap::IndexMap;
use smallvec::SmallVec;

use super::copies::Copies;
use crate::value::{ServerId, Uid};

/// No entry: the end of a list. So many members would take hundreds of gigabytes.
const NONE: u32 = u32::MAX;

/// A map that holds no more than this keeps its memory.
const KEEP_CAPACITY: usize = 64;

/// The neighbours of an entry in a list, by their places in the map.
#[derive(Clone, Copy)]
struct Links {
    /// The one that joined before it, or `NONE`.
    before: u32,
    /// The one that joined after it, or `NONE`.
    after: u32,
}

/// The ends of a list of entries, and how many there are.
#[derive(Clone, Copy)]
pub(super) struct List {
    /// Who joined first of those that are left.
    first: u32,
    /// Who joined last.
    last: u32,
    /// How many there are.
    len: u32,
}

impl Default for List {
    fn default() -> Self {
        Self { first: NONE, last: NONE, len: 0 }
    }
}

impl List {
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The members of a channel.
#[derive(Default)]
pub(super) struct Members {
    /// By user, in no order that means anything.
    entries: IndexMap<Uid, Entry, foldhash::fast::RandomState>,
    /// All users, in order of joining.
    users: List,
    /// Places at frontends, all together.
    len: usize,
}

/// A user in the channel: the frontends that it is a member at, in order of joining.
struct Entry {
    /// Where the user is; mostly one frontend.
    at: SmallVec<[Place; 1]>,
    /// Its neighbours among all users.
    links: Links,
}

/// A frontend of a member, and the member's neighbours there.
struct Place {
    frontend: ServerId,
    links: Links,
}

impl Members {
    /// How many members there are; a user at two frontends counts twice.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a user at a frontend; false if it is there already.
    pub(super) fn add(&mut self, copies: &mut Copies, uid: Uid, frontend: &ServerId) -> bool {
        if self.entries.capacity() == 0 {
            // The first of many, or the only one.
            self.entries.reserve_exact(1);
        }
        let none = Links { before: NONE, after: NONE };
        let entry = self.entries.entry(uid);
        let index = entry.index() as u32;
        let entry = entry.or_insert_with(|| Entry { at: SmallVec::new(), links: none });
        if entry.at.iter().any(|place| place.frontend == *frontend) {
            return false;
        }
        let is_new = entry.at.is_empty();
        entry.at.push(Place { frontend: frontend.clone(), links: none });
        if is_new {
            let mut users = self.users;
            self.append(&mut users, None, index);
            self.users = users;
        }
        self.append(&mut copies.get_or_new(frontend).members, Some(frontend), index);
        self.len += 1;
        true
    }

    /// Takes a user at a frontend out; none if it was no member.
    pub(super) fn remove(
        &mut self,
        copies: &mut Copies,
        uid: &str,
        frontend: &str,
    ) -> Option<(Uid, ServerId)> {
        let (index, uid, entry) = self.entries.get_full_mut(uid)?;
        let uid = uid.clone();
        let nth = entry.at.iter().position(|place| *place.frontend == *frontend)?;
        let Place { frontend, links } = entry.at.remove(nth);
        let (of_user, is_gone) = (entry.links, entry.at.is_empty());
        if let Some(copy) = copies.get_mut(&frontend) {
            self.unlink(&mut copy.members, Some(&frontend), links);
        }
        if is_gone {
            let mut users = self.users;
            self.unlink(&mut users, None, of_user);
            self.users = users;
            self.take_out(copies, index);
        }
        self.len -= 1;
        Some((uid, frontend))
    }

    /// Takes all members at a frontend out, and gives them in order of joining.
    pub(super) fn lose(&mut self, copies: &mut Copies, frontend: &ServerId) -> Vec<Uid> {
        let Some(list) = copies.get(frontend).map(|told| told.members) else { return Vec::new() };
        let lost = self.listed(list, frontend);
        for uid in &lost {
            self.remove(copies, uid, frontend);
        }
        lost
    }

    /// The users, in order of joining; one at two frontends is there twice.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Uid> {
        let users = self.walk(self.users, |entry| Some(entry.links.after));
        users.flat_map(|(uid, entry)| entry.at.iter().map(move |_| uid))
    }

    /// The members of a frontend's list, in order of joining.
    pub(super) fn listed(&self, list: List, frontend: &ServerId) -> Vec<Uid> {
        let mut uids = Vec::with_capacity(list.len as usize);
        let after = |entry: &Entry| entry.place(frontend).map(|place| place.links.after);
        uids.extend(self.walk(list, after).map(|(uid, _)| uid.clone()));
        uids
    }

    /// A user, and the frontends that it is a member at, in order of joining.
    pub(super) fn get(
        &self,
        uid: &str,
    ) -> Option<(&Uid, impl DoubleEndedIterator<Item = &ServerId> + Clone)> {
        let (uid, entry) = self.entries.get_key_value(uid)?;
        Some((uid, entry.at.iter().map(|place| &place.frontend)))
    }

    /// Goes along a list by what `after` says is next; the end of a list is a place that no entry has.
    fn walk(
        &self,
        list: List,
        after: impl Fn(&Entry) -> Option<u32>,
    ) -> impl Iterator<Item = (&Uid, &Entry)> {
        let mut next = Some(list.first);
        std::iter::from_fn(move || {
            let (uid, entry) = self.entries.get_index(next? as usize)?;
            next = after(entry);
            Some((uid, entry))
        })
    }

    /// Takes an entry, which is in no list any more, out of the map; the last one moves into its place.
    fn take_out(&mut self, copies: &mut Copies, index: usize) {
        self.entries.swap_remove_index(index);
        if let Some((_, moved)) = self.entries.get_index(index) {
            let frontends: SmallVec<[ServerId; 1]> =
                moved.at.iter().map(|place| place.frontend.clone()).collect();
            let mut users = self.users;
            self.relink(&mut users, None, index as u32);
            self.users = users;
            for frontend in &frontends {
                if let Some(copy) = copies.get_mut(frontend) {
                    self.relink(&mut copy.members, Some(frontend), index as u32);
                }
            }
        }
        // Halved only when it is down to a quarter, so that it doesn't grow again at once.
        let capacity = self.entries.capacity();
        if capacity > KEEP_CAPACITY && self.entries.len() < capacity / 4 {
            self.entries.shrink_to(capacity / 2);
        }
    }

    /// Puts an entry at the end of a list: that of a frontend, or that of all.
    fn append(&mut self, list: &mut List, frontend: Option<&ServerId>, index: u32) {
        let before = std::mem::replace(&mut list.last, index);
        list.len += 1;
        match self.links(before, frontend) {
            Some(links) => links.after = index,
            None => list.first = index,
        }
        if let Some(links) = self.links(index, frontend) {
            *links = Links { before, after: NONE };
        }
    }

    /// Makes neighbours of those that an entry is between.
    fn unlink(&mut self, list: &mut List, frontend: Option<&ServerId>, Links { before, after }: Links) {
        list.len -= 1;
        match self.links(before, frontend) {
            Some(links) => links.after = after,
            None => list.first = after,
        }
        match self.links(after, frontend) {
            Some(links) => links.before = before,
            None => list.last = before,
        }
    }

    /// Tells the neighbours of an entry where it is now.
    fn relink(&mut self, list: &mut List, frontend: Option<&ServerId>, index: u32) {
        let Some(Links { before, after }) = self.links(index, frontend).copied() else { return };
        match self.links(before, frontend) {
            Some(links) => links.after = index,
            None => list.first = index,
        }
        match self.links(after, frontend) {
            Some(links) => links.before = index,
            None => list.last = index,
        }
    }

    fn links(&mut self, index: u32, frontend: Option<&ServerId>) -> Option<&mut Links> {
        let (_, entry) = self.entries.get_index_mut(index as usize)?;
        match frontend {
            None => Some(&mut entry.links),
            Some(frontend) => {
                let place = entry.at.iter_mut().find(|place| place.frontend == *frontend)?;
                Some(&mut place.links)
            }
        }
    }
}

impl Entry {
    fn place(&self, frontend: &ServerId) -> Option<&Place> {
        self.at.iter().find(|place| place.frontend == *frontend)
    }
}

#[cfg(test)]
mod tests;
