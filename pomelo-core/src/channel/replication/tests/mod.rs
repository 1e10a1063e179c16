//! An owner and a copy over a lossy link, by seeds: whatever happens on the way, each push reaches only whom it may, in order,
//! and once it is quiet both sides agree.

mod backend;
mod frontend;
mod journal;
mod world;

use std::cell::RefCell;

use self::journal::Seen;
use self::world::World;
use crate::cluster::lossy::for_seeds;

/// How many schedules are tried.
const SEEDS: u64 = 4_000;

/// How many steps of each come before the quiet.
const STEPS: usize = 250;

#[test]
fn whatever_the_link_does_pushes_reach_only_members_in_order_and_after_quiet_both_sides_agree() {
    let seen = RefCell::new(Seen::default());
    for_seeds(0..SEEDS, |dice| {
        let mut world = World::new(dice);
        (0..STEPS).for_each(|_| world.step());
        world.become_quiet();
        world.check_agreement();
        world.push_to_all();
        world.become_quiet();
        world.check_all_arrived();
        seen.borrow_mut().add(world.journal.seen);
    });
    // All that can happen on the way did.
    seen.borrow().check();
}
