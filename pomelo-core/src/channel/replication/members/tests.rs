//! Members against a list that is written down the slow way.

use super::*;
use crate::cluster::lossy::Dice;

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

fn at(members: &Members, copies: &Copies, frontend: &ServerId) -> Vec<Uid> {
    copies.get(frontend).map(|told| members.listed(told.members, frontend)).unwrap_or_default()
}

fn check(members: &Members, copies: &Copies, model: &Model) {
    assert_eq!(members.iter().map(Uid::as_str).collect::<Vec<_>>(), model.all());
    assert_eq!(members.len(), model.all().len());
    let mut of_frontends = 0;
    for nth in 0..3 {
        let frontend = format!("c-{nth}").into();
        let mut here: Vec<_> = at(members, copies, &frontend).iter().map(Uid::to_string).collect();
        of_frontends += here.len();
        here.sort();
        let mut expected: Vec<_> =
            model.0.iter().filter(|(_, at)| at.contains(&frontend.to_string())).collect();
        expected.sort();
        assert_eq!(here, expected.iter().map(|(uid, _)| uid.clone()).collect::<Vec<_>>());
    }
    assert_eq!(of_frontends, members.len());
}

#[test]
fn whoever_comes_and_goes_the_order_is_that_of_joining() {
    for seed in 0..50 {
        println!("seed {seed}");
        let (mut members, mut copies, mut model) = (Members::default(), Copies::default(), Model::default());
        let mut dice = Dice::new(seed);
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
    assert_eq!(at(&members, &copies, &one), ["ann", "cat"]);
    assert_eq!(at(&members, &copies, &two), ["ann", "dan"]);
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
