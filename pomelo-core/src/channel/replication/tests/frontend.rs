//! The frontend that has copies: its state machines, and what a registry of sessions does with them.

use std::collections::{BTreeMap, BTreeSet};

use super::backend::Outside;
use super::world::{COPY, Word, owner};
use crate::channel::replication::{Arrived, Replica};
use crate::cluster::pair::Pairs;
use crate::value::{Incarnation, Uid};
use crate::wire::envelope::{Batch, GroupOp, Push};

/// How many pushes may wait for a membership.
const LIMIT: usize = 4;

pub(super) struct Frontend {
    pub(super) incarnation: Incarnation,
    pub(super) pairs: Pairs,
    replicas: BTreeMap<u64, Replica>,
    /// Copies whose membership could not be asked for.
    unfetched: BTreeSet<u64>,
    /// It drops one in so many of what it may drop.
    drops_one_in: u64,
}

impl Frontend {
    pub(super) fn new(drops_one_in: u64) -> Self {
        Self {
            incarnation: Incarnation::begin("gate-1"),
            pairs: Pairs::default(),
            replicas: BTreeMap::new(),
            unfetched: BTreeSet::new(),
            drops_one_in,
        }
    }

    /// Another process of it begins.
    pub(super) fn restart(&mut self, out: &mut Outside<'_>) {
        self.drop_all(out);
        let incarnation = Incarnation::begin_after("gate-1", self.incarnation);
        *self = Self { incarnation, ..Self::new(self.drops_one_in) };
    }

    pub(super) fn receive(&mut self, word: Word, out: &mut Outside<'_>) {
        match word {
            Word::Group { group, version, op } => self.group(group, version, op, out),
            Word::Groups { alive } => {
                let over: Vec<_> =
                    self.replicas.keys().filter(|group| !alive.contains(group)).copied().collect();
                over.into_iter().for_each(|group| self.drop_copy(group, out));
            }
            Word::Greeting(greeting) => {
                let greeted = self.pairs.greeted(&owner(), self.incarnation, greeting);
                if greeted.news.is_some() {
                    out.journal.has_surprised = true;
                    self.drop_all(out);
                }
                if let Some(settled) = greeted.answer {
                    let _ = out.link.send(COPY, Word::Settled(settled), out.dice);
                }
            }
            Word::Settled(settled) => self.pairs.acknowledged(&owner(), settled),
            Word::Fetch { .. } => panic!("an owner doesn't ask"),
        }
    }

    fn group(&mut self, group: u64, version: u64, op: GroupOp, out: &mut Outside<'_>) {
        let is_optional = !matches!(op, GroupOp::Drop | GroupOp::Sync(_));
        if is_optional && out.dice.once_in(self.drops_one_in) {
            out.journal.seen.dropped_by_copy += 1;
            out.journal.has_surprised = true;
            return;
        }
        match op {
            GroupOp::Drop => self.drop_copy(group, out),
            GroupOp::Sync(uids) => {
                let synced = self.replicas.entry(group).or_default().sync(version, &uids);
                synced
                    .waited
                    .into_iter()
                    .for_each(|(seq, push)| self.push(group, version, seq, push, true, out));
            }
            GroupOp::Join(uid) => {
                if version == 1 {
                    self.drop_copy(group, out);
                }
                self.replicas.entry(group).or_default().join(version, &uid);
            }
            GroupOp::Leave(uid) => drop(self.replicas.entry(group).or_default().leave(version, &uid)),
            GroupOp::Push { seq, push } => {
                out.journal.arrived(&push);
                self.push(group, version, seq, push, false, out);
            }
        }
        self.fetch(group, out);
    }

    fn push(
        &mut self,
        group: u64,
        version: u64,
        seq: u64,
        push: Push,
        has_waited: bool,
        out: &mut Outside<'_>,
    ) {
        let replica = self.replicas.entry(group).or_default();
        let copy = push.clone();
        match replica.push(version, seq, push, LIMIT) {
            Arrived::Deliver(push) => out.journal.delivered(&push, replica.members().iter(), has_waited),
            Arrived::Waits => assert!(!has_waited, "the membership is there"),
            Arrived::Refused => out.journal.refused(&copy),
        }
    }

    fn fetch(&mut self, group: u64, out: &mut Outside<'_>) {
        let Some(replica) = self.replicas.get_mut(&group).filter(|replica| replica.must_ask()) else {
            return;
        };
        let is_sent = out.link.send(COPY, Word::Fetch { group }, out.dice).is_ok();
        replica.asked(is_sent);
        if !is_sent {
            self.unfetched.insert(group);
        }
    }

    fn drop_copy(&mut self, group: u64, out: &mut Outside<'_>) {
        let Some(mut replica) = self.replicas.remove(&group) else { return };
        replica.take_waiting().iter().for_each(|(_, push)| out.journal.refused(push));
    }

    fn drop_all(&mut self, out: &mut Outside<'_>) {
        let groups: Vec<_> = self.replicas.keys().copied().collect();
        groups.into_iter().for_each(|group| self.drop_copy(group, out));
    }

    /// There is a new link to the owner.
    pub(super) fn joined(&mut self, incarnation: Incarnation, out: &mut Outside<'_>) {
        if let Some(greeting) = self.pairs.meet(&owner(), incarnation) {
            let _ = out.link.send(COPY, Word::Greeting(greeting), out.dice);
        }
    }

    /// The link broke.
    pub(super) fn unlinked(&mut self) {
        let waiting =
            self.replicas.iter_mut().filter_map(|(group, replica)| replica.unlinked().then_some(*group));
        self.unfetched.extend(waiting);
    }

    /// The link is down, and the owner counts as gone.
    pub(super) fn declare_gone(&mut self, incarnation: Incarnation, out: &mut Outside<'_>) {
        self.drop_all(out);
        self.pairs.declare(&owner(), incarnation, Batch::default());
    }

    /// From now on it has room for everything.
    pub(super) fn drop_nothing(&mut self) {
        self.drops_one_in = u64::MAX;
    }

    /// What the server does every second.
    pub(super) fn sweep(&mut self, out: &mut Outside<'_>) {
        std::mem::take(&mut self.unfetched).into_iter().for_each(|group| self.fetch(group, out));
    }

    /// The members of each copy.
    pub(super) fn members(&self) -> BTreeMap<u64, BTreeSet<Uid>> {
        let members = |replica: &Replica| replica.members().iter().cloned().collect();
        self.replicas.iter().map(|(group, replica)| (*group, members(replica))).collect()
    }

    /// Whether something waits for a membership.
    pub(super) fn is_waiting(&self) -> bool {
        self.replicas.values().any(Replica::is_waiting)
    }
}
