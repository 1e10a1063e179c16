//! The checks of discoveries.
//!
//! | check | what must hold | needs |
//! |---|---|---|
//! | `expected_first` | registering returns once it was told whom to expect | |
//! | `unlisted` | a server that isn't in the list may register, too | |
//! | `again`, `left` | registering again, and leaving, work | |
//! | `comes` | others are told of a server that comes, and of its end | changes |
//! | `incarnations` | a later process of an id takes the place of an earlier one, never the other way round | changes |
//! | `changes` | what changes of a server is told in order | changes |
//! | `occupied` | an id that a process has, and answers by, is refused to another one | changes |
//! | `outage`, `start_in_outage` | servers go on, and start, while what the discovery asks is away | an outage |

use std::sync::Arc;

use pomelo_core::value::ServerInfo;
use pomelo_core::wire::Encoding;

use super::process::{Process, Told, member};
use super::{Check, Needs, Setup, info, listed};

pub(super) const ALL: &[Check] = &[
    Check {
        name: "whom to expect is told first, before the server is registered",
        needs: Needs::Nothing,
        run: |setup| Box::pin(expected_first(setup)),
    },
    Check {
        name: "a server that no list has expects itself and the list",
        needs: Needs::Nothing,
        run: |setup| Box::pin(unlisted(setup)),
    },
    Check {
        name: "a server that has left registers again, as often as it wants",
        needs: Needs::Nothing,
        run: |setup| Box::pin(again(setup)),
    },
    Check {
        name: "a server that leaves is told nothing more",
        needs: Needs::Nothing,
        run: |setup| Box::pin(left(setup)),
    },
    Check {
        name: "a server that comes is expected by those that are there",
        needs: Needs::Changes,
        run: |setup| Box::pin(comes(setup)),
    },
    Check {
        name: "a server that leaves is gone, by its incarnation, and one that comes back is another",
        needs: Needs::Changes,
        run: |setup| Box::pin(incarnations(setup)),
    },
    Check {
        name: "changes of a server are told in order, the last one last",
        needs: Needs::Changes,
        run: |setup| Box::pin(changes(setup)),
    },
    Check {
        name: "an id belongs to the process that has it and answers",
        needs: Needs::Changes,
        run: |setup| Box::pin(occupied(setup)),
    },
    Check {
        name: "an outage costs nobody its list, and after it all is known again",
        needs: Needs::Outage,
        run: |setup| Box::pin(outage(setup)),
    },
    Check {
        name: "a server that starts in an outage starts, and is known after it",
        needs: Needs::Outage,
        run: |setup| Box::pin(start_in_outage(setup)),
    },
];

fn alpha() -> Arc<ServerInfo> {
    listed().swap_remove(0)
}

fn beta() -> Arc<ServerInfo> {
    listed().swap_remove(1)
}

/// A server that servers.json doesn't have.
fn gamma() -> Arc<ServerInfo> {
    info("gamma-1", "gamma")
}

async fn expected_first(setup: Setup) {
    let process = Process::start(&setup, alpha()).await;
    let told = process.notes.all();
    let first = Told::Expect(vec!["alpha-1".into(), "beta-1".into()]);
    assert_eq!(told.first(), Some(&first), "what it is told first");
    process.leave().await;
}

async fn unlisted(setup: Setup) {
    let process = Process::start(&setup, gamma()).await;
    for id in ["alpha-1", "beta-1", "gamma-1"] {
        process.notes.until_expecting(id).await;
    }
    process.leave().await;
}

async fn again(setup: Setup) {
    for _ in 0..3 {
        let process = Process::start(&setup, alpha()).await;
        process.notes.until_expecting("beta-1").await;
        process.leave().await;
    }
}

async fn left(setup: Setup) {
    let (one, other) = (Process::start(&setup, alpha()).await, Process::start(&setup, beta()).await);
    let notes = one.notes.clone();
    one.leave().await;
    let before = notes.all();
    // What comes and goes then is news for the other.
    let third = Process::start(&setup, gamma()).await;
    third.leave().await;
    other.leave().await;
    assert_eq!(notes.all(), before, "it was told something after it had left");
}

async fn comes(setup: Setup) {
    let there = Process::start(&setup, alpha()).await;
    assert!(!there.notes.expected().contains(&"gamma-1".to_owned()), "nobody knows of it yet");
    let comes = Process::start(&setup, gamma()).await;
    there.notes.until_expecting("gamma-1").await;
    comes.leave().await;
    there.leave().await;
}

async fn incarnations(setup: Setup) {
    let there = Process::start(&setup, alpha()).await;
    for _ in 0..3 {
        let comes = Process::start(&setup, beta()).await;
        let (id, incarnation) = (comes.id(), comes.member.incarnation);
        let is_up = |told: &Told| matches!(told, Told::Up(up, of, _) if *up == id && *of == incarnation);
        there.notes.until("beta-1 up", || there.notes.all().iter().any(is_up)).await;
        let gone = comes.gone();
        assert!(!there.notes.all().contains(&gone), "it is there");
        comes.leave().await;
        there.notes.until_told(&gone).await;
    }
    let goings = there.notes.all().into_iter().filter(|told| matches!(told, Told::Gone(..))).count();
    assert_eq!(goings, 3, "each process is gone once");
    there.leave().await;
}

async fn changes(setup: Setup) {
    let there = Process::start(&setup, alpha()).await;
    let mut changing = Process::start(&setup, beta()).await;
    let last = 8;
    for _ in 0..last {
        changing.change(|member| member.encodings.push(Encoding::Json));
    }
    there.notes.until_told(&Told::Up(changing.id(), changing.member.incarnation, last)).await;
    let seen: Vec<usize> = there
        .notes
        .all()
        .into_iter()
        .filter_map(|told| match told {
            Told::Up(id, _, encodings) if id == "beta-1" => Some(encodings),
            _ => None,
        })
        .collect();
    assert!(seen.is_sorted(), "told out of order: {seen:?}");
    assert_eq!(seen.last(), Some(&last), "what it is now is told last");
    changing.leave().await;
    there.leave().await;
}

async fn occupied(setup: Setup) {
    let first = Process::start(&setup, alpha()).await;
    let second = member(alpha());
    let (told, registered) = Process::try_start(&setup, second).await;
    assert!(registered.is_err(), "two processes have one id");
    assert_eq!(told.all().last(), Some(&Told::Occupied(first.member.incarnation)), "why it is refused");
    // The one that has it is none the worse for it.
    let comes = Process::start(&setup, gamma()).await;
    first.notes.until_expecting("gamma-1").await;
    comes.leave().await;
    first.leave().await;
    let third = Process::start(&setup, alpha()).await;
    third.leave().await;
}

async fn outage(setup: Setup) {
    let (one, other) = (Process::start(&setup, alpha()).await, Process::start(&setup, beta()).await);
    let Some(outage) = &setup.outage else { return };
    let (list, before) = (one.notes.expected(), one.notes.all().len());
    (outage.begin)().await;
    (outage.end)().await;
    let comes = Process::start(&setup, gamma()).await;
    one.notes.until_expecting("gamma-1").await;
    other.notes.until_expecting("gamma-1").await;
    for told in &one.notes.all()[before..] {
        match told {
            Told::Expect(ids) => {
                assert!(list.iter().all(|id| ids.contains(id)), "it lost some of its list: {ids:?}")
            }
            Told::Up(..) => {}
            other => panic!("the outage has told it {other:?}"),
        }
    }
    let gone = other.gone();
    other.leave().await;
    one.notes.until_told(&gone).await;
    comes.leave().await;
    one.leave().await;
}

async fn start_in_outage(setup: Setup) {
    let there = Process::start(&setup, alpha()).await;
    let Some(outage) = &setup.outage else { return };
    (outage.begin)().await;
    let starts = Process::start(&setup, beta()).await;
    assert_eq!(starts.notes.expected(), ["alpha-1", "beta-1"], "it expects what servers.json says");
    (outage.end)().await;
    let (id, incarnation) = (starts.id(), starts.member.incarnation);
    let is_up = |told: &Told| matches!(told, Told::Up(up, of, _) if *up == id && *of == incarnation);
    there.notes.until("beta-1 up", || there.notes.all().iter().any(is_up)).await;
    starts.leave().await;
    there.leave().await;
}
