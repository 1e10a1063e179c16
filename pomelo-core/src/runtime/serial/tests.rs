//! Turns in tests: their order, their bounds, and who is refused.

use std::sync::Mutex;

use futures::FutureExt;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::*;
use crate::wire::envelope::Origin;

fn turns(change: impl FnOnce(&mut Limits)) -> Arc<SerialTurns> {
    let mut limits = Limits::default();
    change(&mut limits);
    SerialTurns::new(&limits, Supervisor::new(Handle::current(), "room-1", |_| {}))
}

fn join(turns: &Arc<SerialTurns>, key: &str) -> NextTurn {
    turns.join(key, Location::caller())
}

#[tokio::test(start_paused = true)]
async fn turns_come_in_the_order_of_the_calls_however_the_futures_are_polled() {
    let turns = turns(|_| {});
    let order = Arc::new(Mutex::new(vec![]));
    let calls: Vec<_> = (0..5).map(|number| (number, join(&turns, "a"))).collect();
    let tasks = calls.into_iter().rev().map(|(number, serial)| {
        let order = order.clone();
        tokio::spawn(async move {
            let _turn = serial.await.unwrap();
            sleep(Duration::from_millis(1)).await;
            order.lock().unwrap().push(number);
        })
    });
    futures::future::join_all(tasks.collect::<Vec<_>>()).await;
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
    assert_eq!(turns.len(), 0, "idle keys are kept");
}

#[tokio::test(start_paused = true)]
async fn other_keys_do_not_wait_and_who_gives_up_is_passed_by() {
    let turns = turns(|_| {});
    let first = join(&turns, "a").await.unwrap();
    assert!(join(&turns, "b").now_or_never().unwrap().is_ok());
    let given_up = join(&turns, "a");
    let mut last = tokio::spawn(join(&turns, "a"));
    assert!((&mut last).now_or_never().is_none());
    drop((given_up, first));
    let last = last.await.unwrap().unwrap();
    assert_eq!(format!("{last:?}"), r#"Turn("a")"#);
    drop(last);
    assert_eq!(turns.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn too_many_are_refused_and_too_late_is_an_error_and_both_name_the_key_and_the_line() {
    let turns = turns(|limits| limits.serial_queue = 1);
    let first = tokio::spawn(join(&turns, "room-7")).await.unwrap().unwrap();
    let second = tokio::spawn(join(&turns, "room-7"));
    tokio::task::yield_now().await;
    let full = join(&turns, "room-7").await.unwrap_err();
    assert_eq!(full.kind(), ErrorKind::Overloaded);
    let at = "has it";
    let told = full.message();
    assert!(
        told.starts_with("1 others wait for serial key room-7 (serial_queue): ") && told.ends_with(at),
        "{told}"
    );
    let late = second.await.unwrap().unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Deadline);
    let told = late.message();
    assert!(told.starts_with("serial key room-7 was not free for 10s (serial_timeout): "), "{told}");
    assert!(told.contains("tests.rs:"), "{told}");
    drop(first);
    assert_eq!(turns.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_has_the_turn_is_refused_at_once_also_in_another_task_of_the_same_work() {
    let turns = turns(|_| {});
    let nested = turns.clone();
    let work = async move {
        let _turn = join(&nested, "a").await.unwrap();
        tokio::task::yield_now().await;
        join(&nested, "a").await.unwrap_err()
    };
    // As a lane does it: what isn't ready goes on in a task of its own.
    let mut work = Box::pin(origin::scope(Origin::Hook, Box::pin(work)));
    assert!((&mut work).now_or_never().is_none());
    let error = tokio::spawn(work).await.unwrap();
    assert_eq!(error.kind(), ErrorKind::Reentered);
    assert!(error.message().starts_with("serial key a is held by who asks for it, since "), "{error}");
    assert_eq!(turns.len(), 0);
    // What is another piece of work in the same task only waits.
    let mut first = Box::pin(origin::scope(Origin::Hook, Box::pin(join(&turns, "a"))));
    let turn = (&mut first).now_or_never().unwrap().unwrap();
    let mut second = Box::pin(origin::scope(Origin::Hook, Box::pin(join(&turns, "a"))));
    assert!((&mut second).now_or_never().is_none());
    drop(turn);
    assert!(second.now_or_never().unwrap().is_ok());
}
