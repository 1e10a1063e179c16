//! A backend, a frontend and the link between them: what may happen next, and what must be so once it is quiet.

use std::collections::BTreeSet;

use super::backend::{Backend, Outside};
use super::frontend::Frontend;
use super::journal::Journal;
use crate::cluster::lossy::{Dice, Link};
use crate::value::{ServerId, Uid};
use crate::wire::envelope::{Greeting, GroupOp, Settled};

/// The sides of the link.
pub(super) const OWNER: usize = 0;
pub(super) const COPY: usize = 1;

/// After so many ticks without anything on the way, all has come to rest.
const CALM_TICKS: usize = 30;

/// It is quiet by then.
const MAX_TICKS: usize = 1_000;

pub(super) fn owner() -> ServerId {
    "chat-1".into()
}

pub(super) fn copy() -> ServerId {
    "gate-1".into()
}

/// What travels on the link.
#[derive(Debug)]
pub(super) enum Word {
    Greeting(Greeting),
    Settled(Settled),
    Group { group: u64, version: u64, op: GroupOp },
    Groups { alive: Vec<u64> },
    Fetch { group: u64 },
}

pub(super) struct World<'a> {
    dice: &'a mut Dice,
    link: Link<Word>,
    backend: Backend,
    frontend: Frontend,
    /// Which sides have taken note of the link, and so hear what it brings.
    has_joined: [bool; 2],
    pub(super) journal: Journal,
}

impl<'a> World<'a> {
    pub(super) fn new(dice: &'a mut Dice) -> Self {
        // The whole membership and a push find room.
        let room = 2 + dice.pick(12);
        let (slowest, drops_one_in) = (dice.roll(6), [20, 100, 500, u64::MAX][dice.pick(4)]);
        Self {
            dice,
            link: Link::new(room, slowest),
            backend: Backend::new(),
            frontend: Frontend::new(drops_one_in),
            has_joined: [false; 2],
            journal: Journal::default(),
        }
    }

    fn parts(&mut self) -> (&mut Backend, &mut Frontend, Outside<'_>) {
        let Self { dice, link, backend, frontend, journal, .. } = self;
        (backend, frontend, Outside { dice, link, journal })
    }

    /// Something happens, and time goes on.
    pub(super) fn step(&mut self) {
        match self.dice.roll(100) {
            0..60 => self.use_a_channel(),
            60..62 => {
                self.journal.seen.cut += u64::from(self.link.is_up());
                self.link.cut();
            }
            62..70 => self.notice_cut(),
            70..76 => self.open(),
            76..80 => self.declare_gone(),
            80..84 => self.sweep(),
            84..95 => self.work(),
            95 => {
                self.link.cut();
                if self.link.is_down(COPY) || self.link.notice(COPY) {
                    let (_, frontend, mut out) = self.parts();
                    frontend.restart(&mut out);
                }
            }
            _ => {
                let (backend, _, mut out) = self.parts();
                backend.give_up_waiting(&mut out);
            }
        }
        self.go_on();
    }

    /// The application joins, leaves, pushes, destroys, or keeps a channel to itself.
    fn use_a_channel(&mut self) {
        let (backend, _, mut out) = self.parts();
        let groups = backend.groups();
        let group = groups[out.dice.pick(groups.len())];
        let uid = Uid::from(out.dice.roll(4));
        let is_elsewhere = out.dice.once_in(8);
        match out.dice.roll(60) {
            0..20 => backend.join(group, uid, is_elsewhere, &mut out),
            20..38 => backend.leave(group, &uid, is_elsewhere, &mut out),
            38..55 => backend.push(group, false, &mut out),
            55..57 => backend.push(group, true, &mut out),
            57 => backend.end(group, &mut out),
            58 => backend.keep(group, true),
            _ => backend.keep(group, false),
        }
    }

    fn notice_cut(&mut self) {
        let side = self.dice.pick(2);
        if self.link.notice(side) && side == COPY {
            self.frontend.unlinked();
        }
    }

    /// A new link: greetings are the first on it, and are queued before anybody else can send.
    fn open(&mut self) {
        if !self.link.open() {
            return;
        }
        self.has_joined = [false; 2];
        let (backend, frontend, out) = self.parts();
        let incarnations = (backend.incarnation, frontend.incarnation);
        let greetings = [
            (OWNER, backend.pairs.greeting(&copy(), incarnations.1)),
            (COPY, frontend.pairs.greeting(&owner(), incarnations.0)),
        ];
        for (from, greeting) in greetings {
            out.link.send(from, Word::Greeting(greeting), out.dice).unwrap();
        }
    }

    /// A side takes note of the link. It may have sent something before.
    fn join(&mut self, side: usize) {
        if !self.link.is_up() || self.has_joined[side] {
            return;
        }
        self.has_joined[side] = true;
        let (backend, frontend, mut out) = self.parts();
        match side {
            OWNER => backend.joined(frontend.incarnation, &mut out),
            _ => frontend.joined(backend.incarnation, &mut out),
        }
    }

    fn declare_gone(&mut self) {
        let side = self.dice.pick(2);
        if !self.link.is_down(side) {
            return;
        }
        let (backend, frontend, mut out) = self.parts();
        match side {
            OWNER => backend.declare_gone(&mut out),
            _ => frontend.declare_gone(backend.incarnation, &mut out),
        }
    }

    fn sweep(&mut self) {
        let (backend, frontend, mut out) = self.parts();
        match out.dice.pick(2) {
            OWNER => backend.sweep(&mut out),
            _ => frontend.sweep(&mut out),
        }
    }

    fn work(&mut self) {
        let (backend, _, mut out) = self.parts();
        backend.work(&mut out);
    }

    /// Time goes on: sides take note of a link, and what has arrived is taken in.
    fn go_on(&mut self) {
        self.link.tick();
        for side in 0..2 {
            if self.dice.once_in(3) {
                self.join(side);
            }
            if self.has_joined[side] && self.dice.once_in(2) {
                self.receive(side);
            }
        }
    }

    fn receive(&mut self, side: usize) {
        let (backend, frontend, mut out) = self.parts();
        let Some(word) = out.link.receive(side) else { return };
        match side {
            OWNER => backend.receive(word, &mut out),
            _ => frontend.receive(word, &mut out),
        }
    }

    /// The link is up and stays, and the application does nothing, until all has come to rest.
    pub(super) fn become_quiet(&mut self) {
        self.frontend.drop_nothing();
        for group in self.backend.groups() {
            self.backend.keep(group, false);
        }
        let mut calm = 0;
        for _ in 0..MAX_TICKS {
            if self.link.notice(OWNER) | self.link.notice(COPY) {
                self.frontend.unlinked();
            }
            self.open();
            (0..2).for_each(|side| self.join(side));
            self.sweep();
            self.work();
            self.go_on();
            calm = if self.link.is_quiet() { calm + 1 } else { 0 };
            if calm > CALM_TICKS {
                break;
            }
        }
        assert!(self.link.is_up() && self.link.is_quiet() && self.backend.is_quiet());
        self.journal.check_none_left();
        assert!(!self.frontend.is_waiting(), "nothing waits for a membership any more");
    }

    /// The frontend has no copy but of channels that have members there.
    pub(super) fn check_agreement(&self) {
        let (members, copies) = (self.backend.members(), self.frontend.members());
        assert!(copies.keys().all(|group| members.contains_key(group)), "{members:?} and not {copies:?}");
    }

    pub(super) fn push_to_all(&mut self) {
        self.journal.calm_down();
        for group in self.backend.members().into_keys() {
            let (backend, _, mut out) = self.parts();
            backend.push(group, false, &mut out);
            // There is room for what it takes: the whole membership and the push.
            while !self.link.is_quiet() {
                self.go_on();
            }
        }
    }

    /// The last pushes reached exactly the members, and both sides agree on who these are.
    pub(super) fn check_all_arrived(&self) {
        self.journal.check_delivered_since();
        let members = self.backend.members().into_iter();
        let members = members.map(|(group, uids)| (group, uids.into_iter().collect::<BTreeSet<_>>()));
        assert_eq!(members.collect::<Vec<_>>(), self.frontend.members().into_iter().collect::<Vec<_>>());
    }
}
