//! Tests of endpoints on a bus that does what buses do, on virtual time, by seeds.

use super::world::{Chance, SETTINGS, STEP, World, member};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// How many schedules of faults are tried, each with a seed of its own.
const SCHEDULES: u64 = 250;

/// Runs a test with many seeds, from one that is new each time or that `POMELO_NATS_SEED` has; a failure says which seed it was.
fn with_seeds(count: u64, test: impl Fn(u64) + std::panic::RefUnwindSafe) {
    let said = std::env::var("POMELO_NATS_SEED").ok().and_then(|seed| seed.parse().ok());
    let first = said.unwrap_or_else(|| getrandom::u64().unwrap() >> 16);
    println!("seeds {first} to {}", first + count - 1);
    for seed in first..first + count {
        if let Err(panic) = std::panic::catch_unwind(|| test(seed)) {
            eprintln!("this was with POMELO_NATS_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

/// Sends something from anybody to anybody, as it happens.
fn chatter(world: &mut World) {
    let count = world.processes.len() as u64;
    for _ in 0..world.chance.below(8) {
        let (from, to) = (world.chance.below(count) as usize, world.chance.below(count) as usize);
        if from != to {
            // It may be refused; what is accepted is what counts.
            let _ = world.send(from, to);
        }
    }
}

/// Some faults, one after the other, while everybody sends.
fn trouble(world: &mut World, fault: u64) {
    let count = world.processes.len() as u64;
    let (victim, other) = (world.chance.below(count) as usize, world.chance.below(count) as usize);
    match fault {
        0 => world.loss = world.chance.below(30),
        1 => world.is_frozen = true,
        2 => world.cut(victim),
        3 => world.suspend(victim, true),
        _ => {
            world.cut(victim);
            world.cut(other);
        }
    }
    for _ in 0..world.chance.below(80) {
        chatter(world);
        world.run(STEP * 10);
    }
    (world.loss, world.is_frozen) = (0, false);
    for index in 0..world.processes.len() {
        world.suspend(index, false);
        if !world.processes[index].is_connected {
            world.connect(index);
        }
    }
}

#[test]
fn whatever_a_bus_does_links_are_in_order_without_gaps_and_all_is_accepted_or_counted() {
    with_seeds(SCHEDULES, |seed| {
        let servers = 2 + (seed % 2) as usize;
        let mut world = World::linked(seed, servers);
        for _ in 0..3 {
            let fault = world.chance.below(5);
            trouble(&mut world, fault);
            (0..5).for_each(|_| chatter(&mut world));
            world.run(SECOND);
        }
        world.run(SECOND * 12);
        world.assert_linked("after it has been quiet");
        for (from, to) in (0..servers).flat_map(|from| (0..servers).map(move |to| (from, to))) {
            if from != to {
                world.send(from, to).unwrap();
            }
        }
        let counted = |world: &World| -> u64 {
            world.processes.iter().flat_map(|process| process.sent.values().map(|sent| sent.counted)).sum()
        };
        let before = counted(&world);
        world.run(SECOND * 3);
        world.assert_linked("at the end");
        assert_eq!(counted(&world), before, "what is sent on a quiet bus arrives");
    });
}

#[test]
fn a_process_that_is_settled_is_linked_with_whoever_was_there() {
    with_seeds(100, |seed| {
        let mut world = World::linked(seed, 4);
        let joins = world.start(member("chat-9"));
        let is_settled = |world: &World| world.processes[joins].told.iter().any(|told| told == "Settled");
        while !is_settled(&world) {
            world.run(STEP);
        }
        world.assert_linked("when it is settled");
    });
}

#[test]
fn a_connection_that_nobody_spoke_of_is_seen() {
    let mut world = World::linked(1, 2);
    let now = world.now;
    // Its client could not say that it was connected again.
    world.processes[1].endpoint.disconnected(now);
    world.run(SECOND * 3);
    world.assert_linked("after a look at the client");
    // And here, that it was not any more.
    world.processes[1].is_connected = false;
    world.run(STEP);
    assert_eq!(world.send(1, 0), Err(Unsent::NoLink));
}

#[test]
fn the_loss_of_a_last_message_breaks_the_link_though_nothing_follows() {
    with_seeds(200, |seed| {
        let mut world = World::linked(seed, 2);
        world.run(SECOND * 3);
        world.loss = 100;
        world.send(0, 1).unwrap();
        world.run(STEP);
        world.loss = 0;
        world.run(SECOND * 4);
        assert_eq!(world.processes[0].sent["chat-1"].counted, 1);
        world.assert_linked("it is made anew");
    });
}

#[test]
fn while_the_bus_is_away_nobody_leaves_however_long_and_nothing_is_taken() {
    with_seeds(100, |seed| {
        for is_cut in [true, false] {
            let mut world = World::linked(seed, 3);
            match is_cut {
                true => (0..3).for_each(|index| world.cut(index)),
                false => world.is_frozen = true,
            }
            world.run(SECOND * 4);
            for index in 0..3 {
                assert_eq!(world.send(index, (index + 1) % 3), Err(Unsent::NoLink));
            }
            world.run(SECOND * (1 + seed % 90) as u32);
            world.is_frozen = false;
            if is_cut {
                (0..3).for_each(|index| world.connect(index));
            }
            world.run(SECOND * 5);
            world.assert_linked("it is back");
            for process in &world.processes {
                assert!(process.departures.is_empty(), "{:?}", process.told);
            }
        }
    });
}

#[test]
fn a_server_that_falls_silent_has_left_and_comes_back_as_the_same_process() {
    with_seeds(100, |seed| {
        let mut world = World::linked(seed, 2);
        world.suspend(1, true);
        world.run(SETTINGS.silence + SECOND * 2);
        assert_eq!(world.processes[0].departures, [("chat-1".into(), Departure::Silence)]);
        assert_eq!(world.send(0, 1), Err(Unsent::NoLink));
        world.suspend(1, false);
        world.run(SECOND * 5);
        world.assert_linked("it is back");
        assert_eq!(world.processes[0].members["chat-1"].incarnation, world.processes[1].member.incarnation);
    });
}

#[test]
fn a_silent_server_is_forgotten_by_the_time_in_which_the_bus_is_there() {
    let mut world = World::linked(1, 2);
    world.suspend(1, true);
    world.run(SECOND * 30);
    world.is_frozen = true;
    world.run(SECOND * 300);
    world.is_frozen = false;
    world.run(SECOND * 20);
    let is_forgotten =
        |world: &World| world.processes[0].told.iter().any(|told| told.starts_with("Forgotten"));
    assert!(!is_forgotten(&world), "{:?}", world.processes[0].told);
    world.run(SECOND * 30);
    assert!(is_forgotten(&world));
}

#[test]
fn what_was_queued_before_a_goodbye_arrives_before_it() {
    with_seeds(200, |seed| {
        let mut world = World::linked(seed, 3);
        (0..50).for_each(|_| world.send(1, 0).unwrap());
        world.processes[1].endpoint.close();
        world.run(SECOND * 2);
        assert_eq!(world.processes[0].got["chat-1"].count, 50);
        for peer in [0, 2] {
            assert_eq!(world.processes[peer].departures, [("chat-1".into(), Departure::Goodbye)]);
        }
    });
}

#[test]
fn a_process_whose_id_answers_is_refused_and_the_one_that_has_it_is_none_the_worse() {
    with_seeds(100, |seed| {
        let mut world = World::linked(seed, 2);
        let second = world.start(member("chat-1"));
        world.run(SECOND * 3);
        let refused = format!(
            "Occupied {{ host: \"127.0.0.1\", pid: 7, incarnation: {:?} }}",
            world.processes[1].member.incarnation
        );
        assert!(
            world.processes[second].told.iter().any(|told| told.contains(&refused)),
            "{:?}",
            world.processes[second].told
        );
        assert!(!world.processes[second].told.iter().any(|told| told == "Claimed"));
        assert!(world.processes[0].departures.is_empty());
        world.send(0, 1).unwrap();
        // It has the id once it is free.
        world.processes[1].endpoint.close();
        world.run(SECOND * 4);
        assert!(world.processes[second].told.iter().any(|told| told == "Claimed"));
        assert_eq!(
            world.processes[0].members["chat-1"].incarnation,
            world.processes[second].member.incarnation
        );
    });
}

#[test]
fn of_two_processes_that_claim_an_id_at_once_the_earlier_one_has_it() {
    with_seeds(100, |seed| {
        let mut world = World::new(seed);
        let (one, two) = (member("chat-1"), member("chat-1"));
        let (two, one) = (world.start(two), world.start(one));
        world.run(SECOND * 3);
        let has = |index: usize| world.processes[index].told.iter().any(|told| told == "Claimed");
        assert_eq!((has(one), has(two)), (true, false), "{:?}", world.processes[two].told);
    });
}

#[test]
fn a_process_that_did_not_answer_hears_that_a_later_one_has_its_id() {
    with_seeds(100, |seed| {
        let mut world = World::linked(seed, 2);
        world.suspend(1, true);
        let later = world.start(member("chat-1"));
        world.run(SECOND * 4);
        let incarnation = world.processes[later].member.incarnation;
        assert_eq!(world.processes[0].members["chat-1"].incarnation, incarnation);
        assert_eq!(world.processes[0].departures, [("chat-1".into(), Departure::Replaced)]);
        world.suspend(1, false);
        world.run(SECOND * 3);
        let superseded = format!("Refused(\"chat-1\", Superseded({incarnation:?}))");
        assert!(world.processes[1].told.contains(&superseded), "{:?}", world.processes[1].told);
        assert_eq!(world.processes[0].members["chat-1"].incarnation, incarnation, "it keeps its place");
    });
}

#[test]
fn changes_reach_everybody_whatever_is_lost() {
    with_seeds(300, |seed| {
        let mut world = World::linked(seed, 3);
        for count in 1..6 {
            world.loss = 20;
            let process = &mut world.processes[1];
            process.member.encodings.push(pomelo_core::wire::Encoding::Json);
            process.endpoint.announce(process.member.clone(), world.now);
            world.run(STEP * 30);
            if Chance(seed ^ count).is_lucky(30) {
                world.cut(1);
                world.run(STEP * 10);
                world.connect(1);
            }
        }
        world.loss = 0;
        world.run(SECOND * 12);
        for peer in [0, 2] {
            assert_eq!(world.processes[peer].members["chat-1"].encodings.len(), 5, "at {peer}");
        }
    });
}

#[test]
fn a_server_that_takes_another_incarnation_is_another_process_to_all() {
    with_seeds(100, |seed| {
        let mut world = World::linked(seed, 3);
        let process = &mut world.processes[1];
        process.member.incarnation = Incarnation::begin_after("chat-1", process.member.incarnation);
        process.endpoint.announce(process.member.clone(), world.now);
        world.run(SECOND * 4);
        world.assert_linked("after it has begun anew");
        for peer in [0, 2] {
            assert_eq!(
                world.processes[peer].members["chat-1"].incarnation,
                world.processes[1].member.incarnation
            );
        }
    });
}

#[test]
fn a_process_that_is_refused_hears_so_until_it_begins_later() {
    with_seeds(100, |seed| {
        let mut world = World::linked(seed, 2);
        let later = Incarnation::begin("chat-1");
        let link = world.processes[0].endpoint.link(&"chat-1".into()).unwrap();
        world.processes[0].endpoint.refuse(&"chat-1".into(), link, later);
        world.run(SECOND * 3);
        let superseded = format!("Refused(\"chat-0\", Superseded({later:?}))");
        assert!(world.processes[1].told.contains(&superseded), "{:?}", world.processes[1].told);
        assert_eq!(world.send(0, 1), Err(Unsent::NoLink));
    });
}

#[test]
fn a_full_queue_takes_no_more_and_a_cut_link_nothing() {
    let mut world = World::linked(1, 2);
    let full = (0..1_000_000).find_map(|_| world.send(0, 1).err());
    assert_eq!(full, Some(Unsent::Full));
    assert!(world.processes[0].endpoint.queued_bytes() >= SETTINGS.queue_limit);
    let incarnation = world.processes[1].member.incarnation;
    world.processes[0].endpoint.cut(&"chat-1".into(), incarnation);
    assert_eq!((world.send(0, 1), world.processes[0].endpoint.queued_bytes()), (Err(Unsent::NoLink), 0));
}
