//! Both sides of a pair over a lossy link, by seeds: words are delayed and refused, a side takes note of a link, or of its end, when it
//! does, and something may be dropped late, when there is a link again.

use std::cell::Cell;

use super::*;
use crate::cluster::Unsent;
use crate::cluster::lossy::{Dice, Link, for_seeds};

/// How many schedules are tried, and how many steps of each come before the quiet.
const SEEDS: u64 = 4_000;
const STEPS: usize = 150;

/// It is quiet by then.
const MAX_TICKS: usize = 500;

struct World<'a> {
    dice: &'a mut Dice,
    link: Link<Word>,
    sides: [Side; 2],
    /// Which sides have taken note of the link, and so hear what it brings.
    has_joined: [bool; 2],
    /// How many greetings found no room.
    refused: u64,
}

impl<'a> World<'a> {
    fn new(dice: &'a mut Dice) -> Self {
        let link = Link::new(3 + dice.pick(4), dice.roll(6));
        let sides = [Side::new("a"), Side::new("b")];
        Self { dice, link, sides, has_joined: [false; 2], refused: 0 }
    }

    fn other(&self, side: usize) -> (ServerId, Incarnation) {
        (self.sides[1 - side].id.clone(), self.sides[1 - side].incarnation)
    }

    fn greet(&mut self, side: usize) {
        let (peer, incarnation) = self.other(side);
        let greeting = self.sides[side].pairs.greeting(&peer, incarnation);
        self.say(side, greeting);
    }

    fn say(&mut self, side: usize, greeting: Greeting) {
        let (peer, _) = self.other(side);
        if self.link.send(side, Word::Greeting(greeting), self.dice) == Err(Unsent::Full) {
            self.sides[side].pairs.not_said(&peer);
            self.refused += 1;
        }
    }

    fn say_again(&mut self, side: usize) {
        for (_, greeting) in self.sides[side].pairs.say_again() {
            self.say(side, greeting);
        }
    }

    fn step(&mut self) {
        let side = self.dice.pick(2);
        match self.dice.roll(20) {
            0..6 if self.has_joined[side] && !self.link.is_down(side) => self.sides[side].hold(),
            6 => self.link.cut(),
            7..10 => {
                self.link.notice(side);
            }
            10..13 => self.open(),
            // It has not taken note of a link that there may be by now.
            13..16 if self.link.is_down(side) || !self.has_joined[side] => self.declare(side),
            16 if self.has_joined[side] && self.link.is_up() => {
                // A channel that the application kept to itself, when the other side was declared gone.
                self.declare(side);
                self.greet(side);
            }
            17 => self.restart(side),
            18 => self.say_again(side),
            19 => self.fill(side),
            _ => {}
        }
        self.go_on();
    }

    /// Other traffic, which says nothing here, takes all the room that there is.
    fn fill(&mut self, side: usize) {
        let nothing = Settled { of: Incarnation::from_bits(0), declared: 0 };
        if self.has_joined[side] && self.link.is_up() {
            while self.link.send(side, Word::Settled(nothing), self.dice).is_ok() {}
        }
    }

    fn open(&mut self) {
        if self.link.open() {
            self.has_joined = [false; 2];
            (0..2).for_each(|side| self.greet(side));
        }
    }

    fn declare(&mut self, side: usize) {
        let other = self.other(side);
        self.sides[side].declare((&other.0, other.1));
    }

    /// A side begins anew, as another process; what the other one had of the process before is no matter any more.
    fn restart(&mut self, side: usize) {
        self.link.cut();
        self.link.notice(side);
        let id = self.sides[side].id.clone();
        self.sides[side] = Side::new(&id);
        let other = &mut self.sides[1 - side];
        (other.held, other.dropped, other.heard) = Default::default();
    }

    fn go_on(&mut self) {
        self.link.tick();
        for side in 0..2 {
            if self.link.is_up() && !self.has_joined[side] && self.dice.once_in(3) {
                self.has_joined[side] = true;
                let (peer, incarnation) = self.other(side);
                if let Some(greeting) = self.sides[side].pairs.meet(&peer, incarnation) {
                    self.say(side, greeting);
                }
            }
            if self.has_joined[side] && self.dice.once_in(2) {
                self.receive(side);
            }
        }
    }

    fn receive(&mut self, side: usize) {
        let (from, _) = self.other(side);
        let Some(word) = self.link.receive(side) else { return };
        if let Some(answer) = self.sides[side].hear(&from, word) {
            // If it is lost, the next greeting gets it again.
            let _ = self.link.send(side, answer, self.dice);
        }
    }

    /// The link is up and stays, until nothing is on the way.
    fn become_quiet(&mut self) {
        for _ in 0..MAX_TICKS {
            for side in 0..2 {
                self.link.notice(side);
            }
            self.open();
            self.go_on();
            (0..2).for_each(|side| self.say_again(side));
            if self.link.is_quiet() && self.has_joined == [true; 2] {
                return;
            }
        }
        panic!("it never becomes quiet");
    }
}

#[test]
fn whatever_the_link_does_each_side_has_heard_once_of_all_that_the_other_dropped() {
    let refused = Cell::new(0);
    for_seeds(0..SEEDS, |dice| {
        let mut world = World::new(dice);
        (0..STEPS).for_each(|_| world.step());
        world.become_quiet();
        for side in 0..2 {
            let (told, dropped) = (&world.sides[1 - side].heard, &world.sides[side].dropped);
            assert!(told.values().all(|times| *times == 1), "told twice: {told:?}");
            assert_eq!(&told.keys().copied().collect::<BTreeSet<_>>(), dropped);
        }
        // Another link has all acknowledged that was not yet.
        world.link.cut();
        world.become_quiet();
        for side in 0..2 {
            let (peer, incarnation) = world.other(side);
            assert!(world.sides[side].pairs.greeting(&peer, incarnation).batches.is_empty());
        }
        refused.set(refused.get() + world.refused);
    });
    assert!(refused.get() > 100, "links were full: {refused:?}");
}
