//! Membership of a channel: a hash map of users whose entries are linked in order of joining.
//!
//! Taking an entry out of the map moves the last one into its place, so that neither adding nor leaving depends on the
//! number of members; the links keep the order. There is one list of all members, and one for each frontend, so that what
//! is asked of one frontend costs what there is at that frontend.

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
    before: u32,
    after: u32,
}

/// The ends of a list of entries, and how many there are.
#[derive(Clone, Copy)]
pub(super) struct List {
    first: u32,
    last: u32,
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
    entries: IndexMap<Uid, Entry, foldhash::fast::RandomState>,
    users: List,
    len: usize,
}

/// A user in the channel: the frontends that it is a member at, in order of joining.
struct Entry {
    at: SmallVec<[Place; 1]>,
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
        let lost = self.at(copies, frontend);
        for uid in &lost {
            self.remove(copies, uid, frontend);
        }
        lost
    }

    /// Takes all out.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The users, in order of joining; one at two frontends is there twice.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Uid> {
        let users = self.walk(self.users, |entry| Some(entry.links.after));
        users.flat_map(|(uid, entry)| entry.at.iter().map(move |_| uid))
    }

    /// The members at a frontend, in order of joining.
    pub(super) fn at(&self, copies: &Copies, frontend: &ServerId) -> Vec<Uid> {
        let Some(list) = copies.get(frontend).map(|copy| copy.members) else { return Vec::new() };
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
mod tests {
    use super::*;

    /// What the members are, written down the slow way.
    #[derive(Default)]
    struct Model(Vec<(String, Vec<String>)>);

    impl Model {
        fn add(&mut self, uid: &str, frontend: &str) -> bool {
            let index = self.0.iter().position(|(known, _)| known == uid).unwrap_or_else(|| {
                self.0.push((uid.into(), vec![]));
                self.0.len() - 1
            });
            let at = &mut self.0[index].1;
            let is_new = !at.iter().any(|known| known == frontend);
            if is_new {
                at.push(frontend.into());
            }
            is_new
        }

        fn remove(&mut self, uid: &str, frontend: &str) -> bool {
            let before = self.all().len();
            for (_, at) in self.0.iter_mut().filter(|(known, _)| known == uid) {
                at.retain(|known| known != frontend);
            }
            self.0.retain(|(_, at)| !at.is_empty());
            self.all().len() < before
        }

        fn all(&self) -> Vec<&str> {
            self.0.iter().flat_map(|(uid, at)| at.iter().map(|_| uid.as_str())).collect()
        }
    }

    /// A generator of numbers that are as good as random.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % sides
        }
    }

    fn check(members: &Members, copies: &Copies, model: &Model) {
        assert_eq!(members.iter().map(Uid::as_str).collect::<Vec<_>>(), model.all());
        assert_eq!(members.len(), model.all().len());
        let mut of_frontends = 0;
        for nth in 0..3 {
            let frontend = format!("c-{nth}").into();
            let mut at: Vec<_> = members.at(copies, &frontend).iter().map(Uid::to_string).collect();
            of_frontends += at.len();
            at.sort();
            let mut expected: Vec<_> =
                model.0.iter().filter(|(_, at)| at.contains(&frontend.to_string())).collect();
            expected.sort();
            assert_eq!(at, expected.iter().map(|(uid, _)| uid.clone()).collect::<Vec<_>>());
        }
        assert_eq!(of_frontends, members.len());
    }

    #[test]
    fn whoever_comes_and_goes_the_order_is_that_of_joining() {
        for seed in 0..50 {
            println!("seed {seed}");
            let (mut members, mut copies, mut model) =
                (Members::default(), Copies::default(), Model::default());
            let mut dice = Dice(seed);
            for _ in 0..300 {
                let (uid, frontend) = (format!("u{}", dice.roll(20)), format!("c-{}", dice.roll(3)));
                if dice.roll(20) == 0 {
                    let lost = members.lose(&mut copies, &frontend.as_str().into());
                    copies.remove(&frontend.as_str().into());
                    lost.iter().for_each(|uid| assert!(model.remove(uid, &frontend)));
                } else if dice.roll(2) == 0 {
                    let added = members.add(&mut copies, uid.as_str().into(), &frontend.as_str().into());
                    assert_eq!(added, model.add(&uid, &frontend));
                } else {
                    let removed = members.remove(&mut copies, &uid, &frontend).is_some();
                    assert_eq!(removed, model.remove(&uid, &frontend));
                }
                check(&members, &copies, &model);
            }
        }
    }

    #[test]
    fn the_members_of_a_frontend_are_in_order_of_joining_there() {
        let (mut members, mut copies) = (Members::default(), Copies::default());
        let (one, two) = (ServerId::from("c-1"), ServerId::from("c-2"));
        for (uid, frontend) in [("ann", &one), ("bob", &two), ("cat", &one), ("ann", &two), ("dan", &two)] {
            members.add(&mut copies, uid.into(), frontend);
        }
        members.remove(&mut copies, "bob", "c-2");
        assert_eq!(members.at(&copies, &one), ["ann", "cat"]);
        assert_eq!(members.at(&copies, &two), ["ann", "dan"]);
    }

    #[test]
    fn memory_is_given_back_as_members_leave() {
        let (mut members, mut copies, one) = (Members::default(), Copies::default(), ServerId::from("c-1"));
        for n in 0..10_000 {
            members.add(&mut copies, format!("u{n}").into(), &one);
        }
        for n in 10..10_000 {
            members.remove(&mut copies, &format!("u{n}"), "c-1");
        }
        assert!(members.entries.capacity() <= 4 * KEEP_CAPACITY, "{}", members.entries.capacity());
        assert_eq!(members.iter().count(), 10);
    }

    #[test]
    fn a_channel_of_one_has_room_for_one() {
        let (mut members, mut copies) = (Members::default(), Copies::default());
        members.add(&mut copies, "ann".into(), &"c-1".into());
        assert!(members.entries.capacity() <= 3, "{}", members.entries.capacity());
        assert!(size_of::<Entry>() <= 40, "{}", size_of::<Entry>());
    }
}
