//! The journal of pushes and deliveries, and the rules that it is checked by.

use std::collections::{BTreeMap, BTreeSet};

use crate::value::Uid;
use crate::wire::envelope::Push;

/// A push, as its owner meant it.
struct Meant {
    group: u64,
    /// When it was pushed.
    at: u64,
    members: BTreeSet<Uid>,
    has_arrived: bool,
    is_over: bool,
}

/// How often something happened, of which a test says nothing where it never does.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Seen {
    pub(super) delivered: u64,
    pub(super) delivered_late: u64,
    pub(super) refused: u64,
    pub(super) full: u64,
    pub(super) cut: u64,
    pub(super) dropped_by_copy: u64,
    pub(super) told_untold: u64,
    pub(super) lost: u64,
    pub(super) late: u64,
}

impl Seen {
    fn all(&mut self) -> [&mut u64; 9] {
        [
            &mut self.delivered,
            &mut self.delivered_late,
            &mut self.refused,
            &mut self.full,
            &mut self.cut,
            &mut self.dropped_by_copy,
            &mut self.told_untold,
            &mut self.lost,
            &mut self.late,
        ]
    }

    pub(super) fn add(&mut self, mut other: Self) {
        self.all().into_iter().zip(other.all()).for_each(|(sum, more)| *sum += *more);
    }

    pub(super) fn check(mut self) {
        let times = format!("{self:?}");
        assert!(self.all().into_iter().all(|times| *times >= 100), "{times}");
    }
}

/// Everything that happened, as the rules need it.
#[derive(Default)]
pub(super) struct Journal {
    now: u64,
    pushes: Vec<Meant>,
    /// When each user was last in each channel, until then or still.
    present: BTreeMap<(u64, Uid), Option<u64>>,
    /// The last push that each user got of each channel.
    last: BTreeMap<(u64, Uid), usize>,
    /// The copy has dropped something that the owner can't know of: a push may have to wait until that is made good.
    pub(super) has_surprised: bool,
    /// Pushes from this one on find both sides in step.
    calm_since: Option<usize>,
    pub(super) seen: Seen,
}

impl Journal {
    pub(super) fn joined(&mut self, group: u64, uid: Uid) {
        self.now += 1;
        self.present.insert((group, uid), None);
    }

    pub(super) fn left(&mut self, group: u64, uid: Uid) {
        self.now += 1;
        let until = self.present.insert((group, uid), Some(self.now));
        assert_eq!(until, Some(None), "who leaves was there");
    }

    /// A push to those members; it carries its number as its route.
    pub(super) fn pushed(&mut self, group: u64, members: Vec<Uid>) -> Push {
        self.now += 1;
        let meant = Meant {
            group,
            at: self.now,
            members: members.into_iter().collect(),
            has_arrived: false,
            is_over: false,
        };
        self.pushes.push(meant);
        let number = (self.pushes.len() - 1).to_string();
        Push { route: number.into(), payload: Default::default(), volatile: false }
    }

    /// A push arrives at the copy.
    pub(super) fn arrived(&mut self, push: &Push) {
        let number: usize = push.route.parse().unwrap();
        self.pushes[number].has_arrived = true;
    }

    /// Every push that arrived was delivered or refused.
    pub(super) fn check_none_left(&self) {
        let left = self.pushes.iter().position(|meant| meant.has_arrived && !meant.is_over);
        assert_eq!(left, None, "it arrived, and nothing came of it");
    }

    /// The copy delivers a push, at once or after it had to wait for the membership.
    pub(super) fn delivered<'a>(
        &mut self,
        push: &Push,
        to: impl Iterator<Item = &'a Uid> + Clone,
        has_waited: bool,
    ) {
        let number: usize = push.route.parse().unwrap();
        let meant = &mut self.pushes[number];
        assert!(!std::mem::replace(&mut meant.is_over, true), "push {number} is delivered once");
        if !has_waited {
            let to: BTreeSet<_> = to.clone().cloned().collect();
            assert_eq!(to, meant.members, "push {number} reaches the members that it was for");
        }
        for uid in to {
            let key = (meant.group, uid.clone());
            let until = self.present[&key];
            assert!(until.is_none_or(|until| until > meant.at), "{uid} had left before push {number}");
            let before = self.last.insert(key, number);
            assert!(before.is_none_or(|before| before < number), "{uid} got {before:?} before {number}");
        }
        let is_calm = !self.has_surprised && self.calm_since.is_some_and(|first| first <= number);
        assert!(
            !(has_waited && is_calm),
            "the owner knows what was lost with a link, so push {number} doesn't wait"
        );
        match has_waited {
            true => self.seen.delivered_late += 1,
            false => self.seen.delivered += 1,
        }
    }

    /// The copy drops a push, and says so.
    pub(super) fn refused(&mut self, push: &Push) {
        let number: usize = push.route.parse().unwrap();
        assert!(!std::mem::replace(&mut self.pushes[number].is_over, true), "push {number} is refused once");
        self.seen.refused += 1;
    }

    /// It is quiet now.
    pub(super) fn calm_down(&mut self) {
        self.calm_since = Some(self.pushes.len());
    }

    /// Every push since it is quiet was delivered to whom it was for.
    pub(super) fn check_delivered_since(&self) {
        for (number, meant) in self.pushes.iter().enumerate().skip(self.calm_since.unwrap()) {
            for uid in &meant.members {
                let last = self.last.get(&(meant.group, uid.clone()));
                assert_eq!(last, Some(&number), "{uid} got the last push to channel {}", meant.group);
            }
        }
    }
}
