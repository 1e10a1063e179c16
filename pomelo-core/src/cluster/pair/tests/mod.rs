//! Two sides of a pair over a link that breaks anywhere, by seeds.

mod schedules;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::value::{ServerId, SessionId, Uid};

/// What travels on the link.
#[derive(Debug, Clone)]
enum Word {
    Greeting(Greeting),
    Settled(Settled),
}

/// One server, with what it holds of the other.
struct Side {
    id: ServerId,
    incarnation: Incarnation,
    pairs: Pairs,
    /// What it holds of the other, by number: a name is held once and dropped at most once.
    held: BTreeSet<u64>,
    next: u64,
    /// What it has dropped, ever.
    dropped: BTreeSet<u64>,
    /// How often it heard that the other side dropped something.
    heard: BTreeMap<u64, u32>,
    /// Whether it heard that everything was dropped.
    heard_everything: bool,
    /// What is on the way to it by the present link.
    incoming: VecDeque<Word>,
}

impl Side {
    fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            incarnation: Incarnation::begin(id),
            pairs: Pairs::default(),
            held: BTreeSet::new(),
            next: 0,
            dropped: BTreeSet::new(),
            heard: BTreeMap::new(),
            heard_everything: false,
            incoming: VecDeque::new(),
        }
    }

    fn hold(&mut self) {
        self.next += 1;
        self.held.insert(self.next);
    }

    /// Declares the other one gone: even numbers are users, odd ones sessions.
    fn declare(&mut self, other: (&ServerId, Incarnation)) {
        let mut batch = Batch::default();
        for number in std::mem::take(&mut self.held) {
            self.dropped.insert(number);
            match number % 2 {
                0 => batch.uids.push(Uid::from(number)),
                _ => batch.sessions.push(SessionId { incarnation: other.1, serial: number }),
            }
        }
        self.pairs.declare(other.0, other.1, batch);
    }

    fn hear(&mut self, from: &ServerId, word: Word) -> Option<Word> {
        match word {
            Word::Greeting(greeting) => {
                let Greeted { news, answer } = self.pairs.greeted(from, self.incarnation, greeting);
                let news = news.unwrap_or_default();
                self.heard_everything |= news.everything;
                let uids = news.uids.iter().map(|uid| uid.parse().unwrap());
                for number in uids.chain(news.sessions.iter().map(|session| session.serial)) {
                    *self.heard.entry(number).or_default() += 1;
                }
                answer.map(Word::Settled)
            }
            Word::Settled(settled) => {
                self.pairs.acknowledged(from, settled);
                None
            }
        }
    }
}

/// Two sides and the link between them.
struct World {
    sides: [Side; 2],
    linked: bool,
}

/// What may happen next.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A side holds something of the other.
    Hold(usize),
    /// The link breaks; what is on the way is lost.
    Cut,
    /// A side that has no link declares the other gone.
    Declare(usize),
    /// A link is made.
    Link,
    /// The next word of the link arrives at a side.
    Deliver(usize),
    /// A side begins anew, as another process.
    Restart(usize),
}

impl World {
    fn new() -> Self {
        Self { sides: [Side::new("a"), Side::new("b")], linked: false }
    }

    fn other(&self, side: usize) -> (ServerId, Incarnation) {
        (self.sides[1 - side].id.clone(), self.sides[1 - side].incarnation)
    }

    fn cut(&mut self) {
        self.linked = false;
        self.sides.iter_mut().for_each(|side| side.incoming.clear());
    }

    fn link(&mut self) {
        self.cut();
        self.linked = true;
        for side in 0..2 {
            let (peer, incarnation) = self.other(side);
            let greeting = self.sides[side].pairs.greeting(&peer, incarnation);
            self.sides[1 - side].incoming.push_back(Word::Greeting(greeting));
        }
    }

    fn deliver(&mut self, to: usize) {
        let (from, _) = self.other(to);
        let Some(word) = self.sides[to].incoming.pop_front() else { return };
        if let Some(answer) = self.sides[to].hear(&from, word) {
            self.sides[1 - to].incoming.push_back(answer);
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Hold(side) if self.linked => self.sides[side].hold(),
            Step::Declare(side) if !self.linked => {
                let other = self.other(side);
                self.sides[side].declare((&other.0, other.1));
            }
            Step::Cut => self.cut(),
            Step::Link if !self.linked => self.link(),
            Step::Deliver(side) => self.deliver(side),
            Step::Restart(side) => {
                self.cut();
                let id = self.sides[side].id.clone();
                self.sides[side] = Side::new(&id);
                // What the other one had of the process before is no matter any more.
                let other = &mut self.sides[1 - side];
                (other.held, other.dropped, other.heard) = Default::default();
            }
            Step::Hold(_) | Step::Declare(_) | Step::Link => {}
        }
    }

    /// A link that holds, until nothing is on the way.
    fn quiet(&mut self) {
        self.link();
        while self.sides.iter().any(|side| !side.incoming.is_empty()) {
            (0..2).for_each(|side| self.deliver(side));
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let side = 0..2_usize;
    let step = prop_oneof![
        4 => side.clone().prop_map(Step::Hold),
        2 => Just(Step::Cut),
        2 => side.clone().prop_map(Step::Declare),
        3 => Just(Step::Link),
        5 => side.clone().prop_map(Step::Deliver),
        1 => side.prop_map(Step::Restart),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// proptest prints the steps, and the seed of a failure.
    #[test]
    fn once_it_is_quiet_each_side_has_heard_once_of_all_that_the_other_dropped(steps in steps()) {
        let mut world = World::new();
        steps.into_iter().for_each(|step| world.step(step));
        world.quiet();
        for side in 0..2 {
            let (told, dropped) = (&world.sides[1 - side].heard, &world.sides[side].dropped);
            prop_assert!(told.values().all(|times| *times == 1), "told twice: {told:?}");
            prop_assert_eq!(&told.keys().copied().collect::<BTreeSet<_>>(), dropped);
            // All is acknowledged: another link has nothing new to say.
            let (peer, incarnation) = world.other(side);
            prop_assert!(world.sides[side].pairs.greeting(&peer, incarnation).batches.is_empty());
        }
    }
}

#[test]
fn a_peer_that_held_nothing_has_nothing_to_settle() {
    let mut world = World::new();
    world.link();
    world.cut();
    let other = world.other(0);
    world.sides[0].declare((&other.0, other.1));
    world.quiet();
    assert!(world.sides[1].heard.is_empty() && !world.sides[1].heard_everything);
}

#[test]
fn a_link_lost_during_the_exchange_repeats_it_and_nothing_is_settled_twice() {
    for lost_after in 0..4 {
        let mut world = World::new();
        world.link();
        world.sides[0].hold();
        world.cut();
        let other = world.other(0);
        world.sides[0].declare((&other.0, other.1));
        world.link();
        (0..lost_after).for_each(|turn| world.deliver(turn % 2));
        world.quiet();
        assert_eq!(world.sides[1].heard.values().collect::<Vec<_>>(), [&1], "lost after {lost_after} words");
    }
}

#[test]
fn a_greeting_to_an_earlier_process_is_no_news() {
    let (own, before) = (Incarnation::begin("b"), Incarnation::begin("b"));
    let mut pairs = Pairs::default();
    let a = ServerId::from("a");
    pairs.meet(&a, Incarnation::begin("a"));
    let greeting = Greeting { of: Some(before), declared: 1, batches: vec![Batch::everything(1)] };
    assert_eq!(pairs.greeted(&a, own, greeting.clone()), Greeted::default());
    assert!(pairs.greeted(&a, before, greeting).news.is_some_and(|news| news.everything));
}

#[test]
fn names_beyond_the_bound_count_as_everything_of_the_peer_that_was_gone_first() {
    let mut pairs = Pairs::default();
    // Clients choose such names, in games that bind what they are told.
    let long = Uid::from("u".repeat(1 << 20));
    let batch = |names: usize| Batch { uids: vec![long.clone(); names], ..Batch::default() };
    let (a, b) = (ServerId::from("a"), ServerId::from("b"));
    let (of_a, of_b) = (Incarnation::begin("a"), Incarnation::begin("b"));
    pairs.declare(&a, of_a, batch(3));
    assert_eq!(pairs.greeting(&a, of_a).batches[0].uids.len(), 3);
    pairs.declare(&b, of_b, batch(1));
    assert_eq!(pairs.greeting(&a, of_a).batches, [Batch::everything(1)]);
    assert_eq!(pairs.greeting(&b, of_b).batches[0].uids.len(), 1);
    pairs.acknowledged(&a, Settled { of: of_a, declared: 1 });
    assert!(pairs.greeting(&a, of_a).batches.is_empty());
}

#[test]
fn what_is_declared_between_a_greeting_and_its_link_is_said_again() {
    let mut pairs = Pairs::default();
    let (a, of_a) = (ServerId::from("a"), Incarnation::begin("a"));
    assert_eq!(pairs.greeting(&a, of_a).declared, 0);
    pairs.declare(&a, of_a, Batch { uids: vec!["u".into()], ..Batch::default() });
    assert_eq!(pairs.meet(&a, of_a).map(|greeting| greeting.batches.len()), Some(1));
    assert_eq!(pairs.meet(&a, of_a), None);
}

#[test]
fn a_number_is_not_used_again_when_a_pair_was_forgotten() {
    let mut pairs = Pairs::default();
    let (a, of_a) = (ServerId::from("a"), Incarnation::begin("a"));
    pairs.declare(&a, of_a, Batch::default());
    pairs.retain(|_| false);
    assert_eq!(pairs.greeting(&a, of_a).declared, 0);
    pairs.declare(&a, of_a, Batch::default());
    assert_eq!(pairs.greeting(&a, of_a).declared, 2);
}

#[test]
fn what_is_dropped_late_of_an_earlier_process_takes_nothing_from_the_one_that_followed() {
    let mut pairs = Pairs::default();
    let (a, before) = (ServerId::from("a"), Incarnation::begin("a"));
    let now = Incarnation::begin_after("a", before);
    let batch = |uid: &str| Batch { uids: vec![Uid::from(uid)], ..Batch::default() };
    pairs.declare(&a, now, batch("ann"));
    pairs.declare(&a, before, batch("bob"));
    assert_eq!(pairs.greeting(&a, before), Greeting::default());
    assert_eq!(pairs.greeting(&a, now).batches, [Batch { number: 1, ..batch("ann") }]);
}

#[test]
fn servers_that_come_and_go_under_ever_new_ids_do_not_add_up() {
    let mut pairs = Pairs::default();
    let of_all = Incarnation::begin("a");
    for number in 0..=MAX_PAIRS {
        pairs.declare(
            &format!("a-{number}").into(),
            of_all,
            Batch { uids: vec!["u".into()], ..Batch::default() },
        );
    }
    assert_eq!(pairs.greeting(&"a-1".into(), of_all).declared, 2);
    assert_eq!(pairs.greeting(&"a-0".into(), of_all).declared, 0);
}
