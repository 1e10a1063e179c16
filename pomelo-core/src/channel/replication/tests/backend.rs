//! The server that owns the channels: its state machines, and what a table of channels does with them.

use std::collections::BTreeMap;

use super::journal::Journal;
use super::world::{OWNER, Word, copy};
use crate::channel::replication::{Outgoing, Owner, Untold};
use crate::cluster::Unsent;
use crate::cluster::lossy::{Dice, Link};
use crate::cluster::pair::Pairs;
use crate::value::{Incarnation, ServerId, Uid};
use crate::wire::envelope::{Batch, GroupOp, Push};

/// What the server does to a channel, once the application, which keeps it to itself, lets it go.
#[derive(Debug, Clone, Copy)]
enum Late {
    /// It says whether there is a copy, after which that is out of date if there was a new link.
    Told {
        is_relinked: bool,
    },
    Asked {
        is_again: bool,
    },
    Lost(Incarnation),
}

#[derive(Default)]
struct Channel {
    owner: Owner,
    is_kept: bool,
    late: Vec<Late>,
}

/// What the outside gives to each step.
pub(super) struct Outside<'a> {
    pub(super) dice: &'a mut Dice,
    pub(super) link: &'a mut Link<Word>,
    pub(super) journal: &'a mut Journal,
}

/// Whether the frontend is there, for the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Expected,
    Up(Incarnation),
    Gone,
}

pub(super) struct Backend {
    pub(super) incarnation: Incarnation,
    pub(super) pairs: Pairs,
    channels: BTreeMap<u64, Channel>,
    serial: u64,
    untold: Untold,
    known: Known,
    /// What the frontend asked for and was not seen to yet: that is a task of its own each time.
    asked: Vec<u64>,
}

/// The way of one channel to its frontends: the one at the link, and another that is always there.
struct Way<'a, 'b> {
    group: u64,
    out: &'a mut Outside<'b>,
    untold: &'a mut Untold,
}

impl Outgoing for Way<'_, '_> {
    fn send(&mut self, to: &ServerId, version: u64, op: GroupOp) -> Result<(), Unsent> {
        if *to != copy() {
            return if self.out.dice.once_in(4) { Err(Unsent::Full) } else { Ok(()) };
        }
        send(self.out, Word::Group { group: self.group, version, op })
    }

    fn end_untold(&mut self, to: &ServerId) {
        self.untold.add_end(to);
    }

    fn membership_untold(&mut self, to: &ServerId) {
        self.untold.add_membership(to, self.group);
    }
}

fn send(out: &mut Outside<'_>, word: Word) -> Result<(), Unsent> {
    let sent = out.link.send(OWNER, word, out.dice);
    out.journal.seen.full += u64::from(sent == Err(Unsent::Full));
    sent
}

impl Backend {
    pub(super) fn new() -> Self {
        let mut backend = Self {
            incarnation: Incarnation::begin("chat-1"),
            pairs: Pairs::default(),
            channels: BTreeMap::new(),
            serial: 0,
            untold: Untold::default(),
            known: Known::Expected,
            asked: Vec::new(),
        };
        backend.make_channels();
        backend
    }

    fn make_channels(&mut self) {
        while self.channels.len() < 3 {
            self.serial += 1;
            self.channels.insert(self.serial, Channel::default());
        }
    }

    pub(super) fn groups(&self) -> Vec<u64> {
        self.channels.keys().copied().collect()
    }

    fn parts<'a, 'b>(&'a mut self, group: u64, out: &'a mut Outside<'b>) -> (&'a mut Channel, Way<'a, 'b>) {
        let Self { channels, untold, .. } = self;
        (channels.get_mut(&group).unwrap(), Way { group, out, untold })
    }

    /// A user joins at the frontend, or elsewhere.
    pub(super) fn join(&mut self, group: u64, uid: Uid, is_elsewhere: bool, out: &mut Outside<'_>) {
        if is_elsewhere {
            let (channel, mut way) = self.parts(group, out);
            return channel.owner.join(uid, &"gate-2".into(), &mut way);
        }
        let owner = &self.channels[&group].owner;
        let is_refused = !owner.has_copy(&copy()) && self.known == Known::Gone;
        if is_refused || owner.members_at(&copy()).contains(&uid) {
            return;
        }
        out.journal.joined(group, uid.clone());
        let (channel, mut way) = self.parts(group, out);
        channel.owner.join(uid, &copy(), &mut way);
    }

    pub(super) fn leave(&mut self, group: u64, uid: &Uid, is_elsewhere: bool, out: &mut Outside<'_>) {
        let (channel, mut way) = self.parts(group, out);
        let sid = if is_elsewhere { "gate-2".into() } else { copy() };
        let was_member = channel.owner.leave(uid, &sid, &mut way);
        if was_member && !is_elsewhere {
            out.journal.left(group, uid.clone());
        }
    }

    pub(super) fn push(&mut self, group: u64, is_asking: bool, out: &mut Outside<'_>) {
        let members = self.channels[&group].owner.members_at(&copy());
        let push: Push = out.journal.pushed(group, members);
        let (channel, mut way) = self.parts(group, out);
        match is_asking {
            true => drop(channel.owner.push_asking(&copy(), 1, push, &mut way)),
            false => drop(channel.owner.push(push, &mut way)),
        }
    }

    /// The channel is destroyed; there is another one in its place.
    pub(super) fn end(&mut self, group: u64, out: &mut Outside<'_>) {
        let gone = self.channels[&group].owner.members_at(&copy());
        let (channel, mut way) = self.parts(group, out);
        channel.owner.end(&mut way);
        gone.into_iter().for_each(|uid| out.journal.left(group, uid));
        self.channels.remove(&group);
        self.make_channels();
    }

    /// The application keeps a channel to itself, or lets it go.
    pub(super) fn keep(&mut self, group: u64, is_kept: bool) {
        self.channels.get_mut(&group).unwrap().is_kept = is_kept;
    }

    /// The frontend is not up in a while, and never was.
    pub(super) fn give_up_waiting(&mut self, out: &mut Outside<'_>) {
        if self.known == Known::Expected {
            self.lose_all(Incarnation::from_bits(0), out);
        }
    }

    /// The link is down, and the frontend counts as gone.
    pub(super) fn declare_gone(&mut self, out: &mut Outside<'_>) {
        let Known::Up(incarnation) = self.known else { return };
        self.known = Known::Gone;
        let uids = self.lose_all(incarnation, out);
        self.pairs.declare(&copy(), incarnation, Batch { uids, ..Batch::default() });
    }

    fn lose_all(&mut self, incarnation: Incarnation, out: &mut Outside<'_>) -> Vec<Uid> {
        let mut lost = Vec::new();
        // There may be a later process of it already, which has a copy.
        self.untold.add_end(&copy());
        for (group, channel) in &mut self.channels {
            match channel.is_kept {
                true => channel.late.push(Late::Lost(incarnation)),
                false => lost.extend(lose(*group, channel, out)),
            }
        }
        lost
    }

    /// There is a new link to that process of the frontend.
    pub(super) fn joined(&mut self, incarnation: Incarnation, out: &mut Outside<'_>) {
        let before = std::mem::replace(&mut self.known, Known::Up(incarnation));
        if let Some(greeting) = self.pairs.meet(&copy(), incarnation) {
            let _ = send(out, Word::Greeting(greeting));
        }
        match before {
            Known::Up(same) if same == incarnation => self.tell_alive(true, out),
            Known::Up(earlier) => drop(self.lose_all(earlier, out)),
            Known::Expected | Known::Gone => {}
        }
    }

    fn tell_alive(&mut self, is_relinked: bool, out: &mut Outside<'_>) {
        let is_alive = |channel: &mut Channel| match channel.is_kept {
            true => {
                channel.late.push(Late::Told { is_relinked });
                true
            }
            false => has_copy(channel, is_relinked),
        };
        let channels = self.channels.iter_mut();
        let alive = channels.filter_map(|(group, channel)| is_alive(channel).then_some(*group)).collect();
        if send(out, Word::Groups { alive }) == Err(Unsent::Full) {
            self.untold.add_end(&copy());
        }
    }

    /// What the server does every second.
    pub(super) fn sweep(&mut self, out: &mut Outside<'_>) {
        for (_, group) in self.untold.take_memberships().filter(|(frontend, _)| *frontend == copy()) {
            self.asked(group, true, out);
        }
        for frontend in self.untold.take_ends().filter(|frontend| *frontend == copy()) {
            assert_eq!(frontend, copy());
            out.journal.seen.told_untold += 1;
            self.tell_alive(false, out);
        }
    }

    pub(super) fn receive(&mut self, word: Word, out: &mut Outside<'_>) {
        match word {
            Word::Fetch { group } => self.asked.push(group),
            Word::Greeting(greeting) => {
                let greeted = self.pairs.greeted(&copy(), self.incarnation, greeting);
                if let Some(settled) = greeted.answer {
                    let _ = send(out, Word::Settled(settled));
                }
            }
            Word::Settled(settled) => self.pairs.acknowledged(&copy(), settled),
            Word::Group { .. } | Word::Groups { .. } => panic!("a frontend doesn't say that"),
        }
    }

    /// One of the tasks that were begun for what the frontend asked for, or for a channel that was kept.
    pub(super) fn work(&mut self, out: &mut Outside<'_>) {
        if !self.asked.is_empty() {
            let group = self.asked.swap_remove(out.dice.pick(self.asked.len()));
            self.asked(group, false, out);
        }
        let free = self.channels.iter().find(|(_, channel)| !channel.is_kept && !channel.late.is_empty());
        let Some(group) = free.map(|(group, _)| *group) else { return };
        let late = &mut self.channels.get_mut(&group).unwrap().late;
        let late = late.swap_remove(out.dice.pick(late.len()));
        out.journal.seen.late += 1;
        match late {
            Late::Told { is_relinked } => {
                if !has_copy(self.channels.get_mut(&group).unwrap(), is_relinked) {
                    self.untold.add_end(&copy());
                }
            }
            Late::Asked { is_again } => self.sync(group, is_again, out),
            Late::Lost(incarnation) => self.lose_late(group, incarnation, out),
        }
    }

    fn asked(&mut self, group: u64, is_again: bool, out: &mut Outside<'_>) {
        match self.channels.get_mut(&group) {
            Some(channel) if channel.is_kept => channel.late.push(Late::Asked { is_again }),
            Some(_) => self.sync(group, is_again, out),
            None => {}
        }
    }

    fn sync(&mut self, group: u64, is_again: bool, out: &mut Outside<'_>) {
        let (channel, mut way) = self.parts(group, out);
        match is_again {
            true => channel.owner.tell_again(&copy(), &mut way),
            false => channel.owner.asked(&copy(), &mut way),
        }
    }

    fn lose_late(&mut self, group: u64, incarnation: Incarnation, out: &mut Outside<'_>) {
        let uids = lose(group, self.channels.get_mut(&group).unwrap(), out);
        // It may be back, and have a copy again.
        self.untold.add_end(&copy());
        if !uids.is_empty() {
            self.pairs.declare(&copy(), incarnation, Batch { uids, ..Batch::default() });
            let greeting = self.pairs.greeting(&copy(), incarnation);
            let _ = send(out, Word::Greeting(greeting));
        }
    }

    /// Whether nothing is left to do, and nothing is kept.
    pub(super) fn is_quiet(&mut self) -> bool {
        let is_idle = |channel: &Channel| channel.late.is_empty() && !channel.is_kept;
        self.asked.is_empty() && self.channels.values().all(is_idle)
    }

    /// The members of each channel at the frontend, for those that have some.
    pub(super) fn members(&self) -> BTreeMap<u64, Vec<Uid>> {
        let with_copy = self.channels.iter().filter(|(_, channel)| channel.owner.has_copy(&copy()));
        with_copy.map(|(group, channel)| (*group, channel.owner.members_at(&copy()))).collect()
    }
}

fn has_copy(channel: &mut Channel, is_relinked: bool) -> bool {
    if is_relinked { channel.owner.relinked(&copy()) } else { channel.owner.has_copy(&copy()) }
}

fn lose(group: u64, channel: &mut Channel, out: &mut Outside<'_>) -> Vec<Uid> {
    let lost = channel.owner.lose(&copy());
    out.journal.seen.lost += lost.len() as u64;
    lost.iter().for_each(|uid| out.journal.left(group, uid.clone()));
    lost
}
