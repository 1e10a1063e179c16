//! Tests of registrants at an etcd to which happens what happens to such, on virtual time, by seeds.

use super::world::{Process, STEP, TTL, World, member};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// How many schedules of faults are tried, each with a seed of its own.
const SCHEDULES: u64 = 1_000;

/// Runs a test with many seeds, from one that is new each time or that `POMELO_ETCD_SEED` has; a failure says which seed it was.
fn with_seeds(count: u64, test: impl Fn(u64) + std::panic::RefUnwindSafe) {
    let said = std::env::var("POMELO_ETCD_SEED").ok().and_then(|seed| seed.parse().ok());
    let first = said.unwrap_or_else(|| getrandom::u64().unwrap() >> 16);
    println!("seeds {first} to {}", first + count - 1);
    for seed in first..first + count {
        if let Err(panic) = std::panic::catch_unwind(|| test(seed)) {
            eprintln!("this was with POMELO_ETCD_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

/// Nobody was given up, by anybody.
fn assert_unmoved(world: &World) {
    for process in &world.processes {
        let own = &process.member.info.id;
        assert_eq!((&process.gone, &process.dropped), (&vec![], &vec![]), "by {own}");
    }
}

fn lease_of(world: &World, process: &Process) -> i64 {
    world.store.keys[&process.member.info.id].lease
}

/// Some fault that costs no process its life.
fn trouble(world: &mut World) {
    let count = world.processes.len() as u64;
    let victim = world.chance.below(count) as usize;
    let long = SECOND * world.chance.below(9) as u32;
    match world.chance.below(7) {
        0 => {
            world.store.is_down = true;
            world.run(long * 4);
            world.store.restart(world.now);
        }
        1 => {
            world.store.is_suspended = true;
            world.run(long);
            world.store.is_suspended = false;
        }
        2 => {
            let lease = lease_of(world, &world.processes[victim]);
            world.store.end(lease);
        }
        3 => {
            world.cut(victim);
            world.store.compact();
        }
        4 => {
            // Cut off for so long that others hear nothing of it meanwhile.
            world.cut(victim);
            world.processes[victim].connect_at = world.now + TTL - SECOND;
        }
        5 => {
            world.processes[victim].is_suspended = true;
            world.run(SECOND * 2);
            world.processes[victim].is_suspended = false;
        }
        _ => (0..world.processes.len()).for_each(|index| world.cut(index)),
    }
}

#[test]
fn whatever_becomes_of_etcd_and_of_connections_nobody_who_lives_is_given_up_and_all_agree_after_it() {
    with_seeds(SCHEDULES, |seed| {
        let mut world = World::of(seed, 2 + (seed % 3) as usize);
        for _ in 0..4 {
            trouble(&mut world);
            let pause = SECOND * world.chance.below(8) as u32;
            world.run(pause);
            // One trouble at a time: who is away for a TTL altogether is given up.
            until_all_are_there(&mut world);
            assert_unmoved(&world);
        }
        world.run(SECOND * 12);
        world.assert_agreed("after it has been quiet");
        assert_unmoved(&world);
        let before: Vec<_> = world.processes.iter().map(|process| process.refused.len()).collect();
        assert!(before.iter().all(|count| *count == 0), "somebody was refused its own id");
    });
}

/// Gives all the time to write their keys again.
fn until_all_are_there(world: &mut World) {
    let end = world.now + TTL * 2;
    let is_there = |world: &World, process: &Process| world.store.keys.contains_key(&process.member.info.id);
    while !world.processes.iter().all(|process| is_there(world, process)) {
        assert!(world.now < end, "somebody never writes its key again");
        world.run(STEP);
    }
}

#[test]
fn an_etcd_that_has_lost_all_that_it_had_gets_it_again_and_nobody_is_given_up() {
    with_seeds(100, |seed| {
        let mut world = World::of(seed, 3);
        // Its revisions will be far behind those that servers have seen.
        world.store.revision += 1_000;
        (0..3).for_each(|index| world.cut(index));
        world.run(SECOND * 5);
        world.store.is_down = true;
        world.run(SECOND * 2);
        world.store.wipe();
        (0..3).for_each(|index| world.cut(index));
        until_all_are_there(&mut world);
        world.run(TTL * 2);
        world.assert_agreed("all have registered again");
        assert_unmoved(&world);
    });
}

#[test]
fn a_goodbye_is_believed_at_once_and_a_server_that_comes_is_known_at_once() {
    with_seeds(100, |seed| {
        let mut world = World::of(seed, 3);
        let comes = world.start(member("chat-7"));
        world.run(SECOND * 2);
        world.assert_agreed("one more");
        world.processes[comes].registrant.leave();
        world.run(SECOND);
        assert!(world.processes[comes].registrant.has_left());
        assert!(!world.store.keys.contains_key("chat-7"), "nothing of it is left");
        let process = &world.processes[0];
        assert_eq!(process.gone, [("chat-7".into(), world.processes[comes].member.incarnation)]);
        assert_eq!(process.expected, ["chat-0", "chat-1", "chat-2"].map(ServerId::from));
    });
}

#[test]
fn a_revision_that_is_compacted_is_no_end_all_is_read_again() {
    with_seeds(100, |seed| {
        let mut world = World::of(seed, 2);
        world.cut(0);
        world.processes[0].connect_at = world.now + SECOND * 2;
        for n in 0..5 {
            world.start(member(&format!("late-{n}")));
        }
        world.run(SECOND);
        world.store.compact();
        world.run(SECOND * 6);
        world.assert_agreed("all is known that came meanwhile");
    });
}

#[test]
fn a_lost_lease_is_taken_again_by_the_same_incarnation() {
    with_seeds(100, |seed| {
        let mut world = World::of(seed, 3);
        let lease = lease_of(&world, &world.processes[1]);
        world.store.end(lease);
        world.run(TTL + SECOND * 2);
        assert_ne!(lease_of(&world, &world.processes[1]), lease);
        world.assert_agreed("it is back");
        assert_unmoved(&world);
    });
}

#[test]
fn a_key_that_goes_while_there_is_a_link_moves_nothing_unless_it_stays_away_for_a_ttl() {
    with_seeds(100, |seed| {
        for missing in [TTL - SECOND, TTL + SECOND * 2] {
            let mut world = World::of(seed, 2);
            let lease = lease_of(&world, &world.processes[1]);
            // It lives, has its links, and can't reach etcd.
            world.cut(1);
            world.processes[1].connect_at = world.now + missing;
            world.store.end(lease);
            world.run(missing);
            let is_believed = missing > TTL;
            assert_eq!(world.processes[0].gone.len(), usize::from(is_believed), "after {missing:?}");
            world.run(SECOND * 3);
            world.assert_agreed("it is back");
        }
    });
}

#[test]
fn a_server_that_died_is_given_up_when_its_lease_has_expired_and_no_sooner() {
    with_seeds(100, |seed| {
        let mut world = World::of(seed, 2);
        world.kill(1);
        // It was kept for the last time a third of a TTL ago at most, or is kept right now.
        world.run(TTL - TTL / 3 - SECOND);
        assert_unmoved(&world);
        world.run(TTL / 3 + SECOND * 4);
        assert_eq!(world.processes[0].gone.len(), 1);
        assert_eq!(world.processes[0].expected, ["chat-0"].map(ServerId::from));
    });
}

#[test]
fn after_an_outage_absence_is_believed_when_a_ttl_has_passed_and_no_sooner() {
    with_seeds(100, |seed| {
        for is_killed in [true, false] {
            let mut world = World::of(seed, 3);
            (world.store.is_down, world.store.is_suspended) = (is_killed, !is_killed);
            world.run(SECOND);
            world.kill(2);
            world.run(SECOND * 30);
            assert_unmoved(&world);
            let lease = world.store.keys["chat-2"].lease;
            world.store.restart(world.now);
            world.store.is_suspended = false;
            // As if it had expired unseen.
            world.store.end(lease);
            world.run(TTL - STEP * 2);
            assert_unmoved(&world);
            world.run(SECOND * 5);
            world.assert_agreed("two are left");
        }
    });
}

#[test]
fn the_second_process_of_an_id_that_answers_is_refused_and_told_where_the_first_runs() {
    with_seeds(200, |seed| {
        let mut world = World::of(seed, 2);
        let second = world.start(member("chat-1"));
        if seed % 2 == 0 {
            world.run(SECOND);
            world.cut(1);
        }
        world.run(SECOND * 15);
        let first = &world.processes[1];
        let (host, incarnation) = (first.member.info.host.clone(), first.member.incarnation);
        assert_eq!(world.processes[second].ended, Some(Refused::Occupied { host, pid: 1, incarnation }));
        assert!(!world.processes[second].has_started);
        world.assert_agreed("the first is none the worse");
        assert_unmoved(&world);
    });
}

#[test]
fn the_key_of_a_process_that_is_over_is_taken_over_before_its_lease_expires() {
    with_seeds(200, |seed| {
        let mut world = World::of(seed, 2);
        world.delay = STEP;
        world.kill(1);
        let over = world.processes[1].member.incarnation;
        let next = world.start(member("chat-1"));
        world.run(TTL - TTL / 3 - STEP * 2);
        assert!(world.processes[next].has_started, "{:?}", world.processes[next].refused);
        world.assert_agreed("the next one is there");
        assert_eq!(world.processes[0].gone, [("chat-1".into(), over)]);
        assert_eq!(world.processes[0].dropped, Vec::<ServerId>::new(), "no room has moved");
    });
}

#[test]
fn a_process_whose_predecessor_began_later_by_its_clock_begins_later_still() {
    with_seeds(100, |seed| {
        let mut world = World::of(seed, 1);
        let (earlier, later) = (member("chat-1"), member("chat-1"));
        let first = world.start(later);
        world.run(SECOND * 2);
        world.delay = STEP;
        world.kill(first);
        let next = world.start(earlier);
        world.run(TTL - TTL / 3 - STEP * 2);
        assert!(world.processes[next].member.incarnation > world.processes[first].member.incarnation);
        world.assert_agreed("the next one is there");
    });
}

#[test]
fn a_process_that_was_suspended_and_replaced_ends_when_it_hears_so() {
    with_seeds(100, |seed| {
        let mut world = World::of(seed, 2);
        world.processes[1].is_suspended = true;
        world.run(SECOND);
        let next = world.start(member("chat-1"));
        world.run(SECOND * 5);
        assert!(world.processes[next].has_started);
        world.processes[1].is_suspended = false;
        world.run(SECOND * 3);
        let later = world.processes[next].member.incarnation;
        assert_eq!(world.processes[1].ended, Some(Refused::Superseded(later)));
        world.run(SECOND * 3);
        world.assert_agreed("the later one has the id");
    });
}

#[test]
fn of_processes_that_claim_an_id_at_once_one_has_it() {
    with_seeds(300, |seed| {
        let mut world = World::of(seed, 1);
        let (one, two) = (member("chat-1"), member("chat-1"));
        let claims = [world.start(one), world.start(two)];
        world.run(STEP * (seed % 20) as u32);
        world.cut(claims[(seed % 2) as usize]);
        world.run(SECOND * 20);
        let started: Vec<_> =
            claims.into_iter().filter(|index| world.processes[*index].has_started).collect();
        assert_eq!(started.len(), 1, "{:?}", claims.map(|index| &world.processes[index].refused));
        world.assert_agreed("all know that one");
    });
}

#[test]
fn a_server_that_changes_is_known_as_what_it_is_last_and_one_that_only_answers_has_not_changed() {
    with_seeds(200, |seed| {
        let mut world = World::of(seed, 2);
        for _ in 0..5 {
            let process = &mut world.processes[1];
            process.member.encodings.push(pomelo_core::wire::Encoding::Json);
            process.registrant.update(process.member.clone());
            world.run(STEP * 3);
            if world.chance.below(3) == 0 {
                world.cut(1);
            }
        }
        world.run(SECOND * 5);
        let entry = world.store.keys["chat-1"].entry.clone().unwrap();
        assert_eq!(entry.member.encodings.len(), 5);
        world.start(member("chat-1"));
        world.run(SECOND * 3);
        let answered = world.store.keys["chat-1"].entry.clone().unwrap();
        assert_eq!(answered.version, entry.version);
    });
}

#[test]
fn what_is_listed_is_expected_though_etcd_is_away_and_what_is_there_when_it_is_back() {
    let listed = [member("chat-1").info, member("chat-2").info];
    let now = Instant::now();
    let mut registrant = Registrant::new(member("chat-1"), 1, listed, world::SETTINGS, now);
    assert!(registrant.request(now).is_none() && registrant.event().is_none(), "there is nobody to ask");
    registrant.open();
    let expected = match registrant.event() {
        Some(Event::Expect(servers)) => servers.iter().map(|info| info.id.clone()).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(expected, ["chat-1", "chat-2"].map(ServerId::from));
    registrant.connected(now);
    assert!(matches!(registrant.request(now), Some(Request::Grant(_))));
    registrant.reply(Reply::Granted { lease: 7 }, now);
    assert!(matches!(registrant.request(now), Some(Request::Range)));
    let other = crate::entry::Entry { member: member("chat-3"), pid: 3, version: 0, left: false };
    let found = Found { id: "chat-3".into(), revision: 4, lease: 3, entry: Some(other) };
    registrant.reply(Reply::Snapshot(Snapshot { revision: 5, found: vec![found], asked: vec![] }), now);
    assert!(matches!(registrant.event(), Some(Event::Expect(servers)) if servers.len() == 3));
    assert!(matches!(registrant.event(), Some(Event::Up(member)) if member.info.id == "chat-3"));
    assert!(matches!(registrant.request(now), Some(Request::Watch { from: 6 })));
}

#[test]
fn a_guest_sees_all_and_is_seen_by_nobody() {
    let mut world = World::of(3, 2);
    let mut guest = member("guest-1");
    guest.info = Arc::new(serde_json::from_value(serde_json::json!({ "id": "guest-1" })).unwrap());
    let guest = world.start(guest);
    world.run(SECOND * 2);
    assert!(world.processes[guest].has_started);
    assert_eq!(world.processes[guest].expected, ["chat-0", "chat-1"].map(ServerId::from));
    assert!(!world.store.keys.contains_key("guest-1"));
    assert_eq!(world.processes[0].expected, ["chat-0", "chat-1"].map(ServerId::from));
    world.processes[guest].registrant.leave();
    world.run(SECOND);
    assert!(world.processes[guest].registrant.has_left());
}
