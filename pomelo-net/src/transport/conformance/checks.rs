//! The checks.
//!
//! | check | what must hold |
//! |---|---|
//! | `order` | calls arrive in the order in which they were made |
//! | `bodies` | bodies of any length, up to megabytes, arrive as they were |
//! | `in_flight` | ten thousand calls may be out at once, and each gets its own answer |
//! | `errors` | an error arrives with its code, kind and message |
//! | `deadline`, `cancellation` | a call ends by its deadline, or by being dropped, and leaves nothing behind |
//! | `stopping` | a server that stops answers what it has begun |
//! | `death`, `comeback` | a server that is gone fails its calls at once, and is called again when it is back |

use std::future::Future;
use std::task::{Context, Waker};
use std::time::Duration;

use futures::future::{join_all, maybe_done};
use pomelo_core::value::{ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;
use tokio::time::{sleep, timeout};

use super::{Check, World};

/// How long anything may take before it is said to hang: far longer than any machine needs.
const HANG_TIMEOUT: Duration = Duration::from_secs(60);

/// As many calls as are out at once.
const CALLS_IN_FLIGHT: u32 = 10_000;

pub(super) const ALL: &[Check] = &[
    ("messages arrive in the order in which they were sent", |world| Box::pin(order(world))),
    ("bodies of all lengths arrive unchanged", |world| Box::pin(bodies(world))),
    ("10,000 calls can be in flight at once", |world| Box::pin(in_flight(world))),
    ("a method's own error arrives as it is", |world| Box::pin(errors(world))),
    ("a call without an answer ends at its deadline", |world| Box::pin(deadline(world))),
    ("a call that is dropped leaves nothing behind", |world| Box::pin(cancellation(world))),
    ("a server that stops ends what it has begun", |world| Box::pin(stopping(world))),
    ("a server that dies fails its calls, and those that follow", |world| Box::pin(death(world))),
    ("a server that comes back under its id is called again", |world| Box::pin(comeback(world))),
];

/// Waits until `condition` holds.
pub(super) async fn until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(timeout(HANG_TIMEOUT, waiting).await.is_ok(), "this never came: {what}");
}

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(HANG_TIMEOUT, future).await {
        Ok(value) => value,
        Err(_) => panic!("this hangs: {what}"),
    }
}

impl World {
    async fn call<T: DeserializeOwned>(&self, method: &str, args: &impl Serialize) -> Result<T> {
        soon(method, self.app().rpc_invoke("callee-1", "user", "echo", method, args)).await
    }

    /// Calls a method from a task of its own.
    fn spawn(&self, method: &'static str, number: u32) -> tokio::task::JoinHandle<Result<u32>> {
        let app = self.app().clone();
        tokio::spawn(async move { app.rpc_invoke("callee-1", "user", "echo", method, &(number,)).await })
    }

    fn pending(&self) -> u64 {
        self.app().report().pending_calls
    }
}

async fn order(world: World) {
    // Calls to one server without a session or key start in the order in which they are made.
    let mut calls = Vec::new();
    for number in 0..CALLS_IN_FLIGHT {
        let app = world.app().clone();
        let mut call = Box::pin(maybe_done(async move {
            app.rpc_invoke::<u32>("callee-1", "user", "echo", "note", &(number,)).await
        }));
        // The first poll sends it; what wakes it later is the second one's.
        let _ = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        calls.push(call);
    }
    soon("all notes", join_all(calls.iter_mut())).await;
    for mut call in calls {
        call.as_mut().take_output().expect("it has ended").expect("a note is taken");
    }
    let notes = world.gate.notes.lock().expect("nobody panicked").clone();
    assert!(notes.iter().copied().eq(0..CALLS_IN_FLIGHT), "the notes are not in order");
    world.stop().await;
}

async fn bodies(world: World) {
    for length in [0, 1, 1_000, 8_191, 8_192, 65_536, 1_000_003, 8 << 20] {
        let body = ByteBuf::from((0..length).map(|n: usize| (n * 31 % 251) as u8).collect::<Vec<_>>());
        let echo: ByteBuf = world.call("echo", &(&body,)).await.expect("an echo");
        assert!(echo == body, "a body of {length} bytes came back changed");
    }
    world.stop().await;
}

async fn in_flight(world: World) {
    let calls: Vec<_> = (0..CALLS_IN_FLIGHT).map(|number| world.spawn("wait", number)).collect();
    until("all calls at the callee", || world.gate.noted() == CALLS_IN_FLIGHT as usize).await;
    world.gate.open.add_permits(CALLS_IN_FLIGHT as usize);
    for (number, call) in (0..CALLS_IN_FLIGHT).zip(calls) {
        let answer = soon("an answer", call).await.expect("no panic").expect("an answer");
        assert_eq!(answer, number, "an answer went to another call");
    }
    until("nothing pending", || world.pending() == 0).await;
    world.stop().await;
}

async fn errors(world: World) {
    let error = world.call::<u32>("fail", &(1,)).await.expect_err("it fails");
    assert_eq!((error.code(), error.message()), (417, "as it was told"));
    let error = world.call::<u32>("nothing", &(1,)).await.expect_err("there is no such method");
    assert_eq!(error.kind(), ErrorKind::NoSuchMethod);
    assert_eq!(world.call::<u32>("note", &(1,)).await.expect("the link is as before"), 1);
    world.stop().await;
}

async fn deadline(world: World) {
    let limit = Duration::from_millis(20);
    let call = world.app().rpc_invoke::<u32>("callee-1", "user", "echo", "wait", &(1,));
    assert!(timeout(limit, call).await.is_err(), "nobody opened the gate");
    world.gate.open.add_permits(1);
    assert_eq!(world.call::<u32>("note", &(2,)).await.expect("a late answer harms nobody"), 2);
    world.stop().await;
}

async fn cancellation(world: World) {
    let call = world.spawn("wait", 1);
    until("the call at the callee", || world.gate.noted() == 1).await;
    assert_eq!(world.pending(), 1);
    call.abort();
    until("the call forgotten", || world.pending() == 0).await;
    world.gate.open.add_permits(1);
    assert_eq!(world.call::<u32>("note", &(2,)).await.expect("its answer harms nobody"), 2);
    world.stop().await;
}

async fn stopping(mut world: World) {
    let call = world.spawn("wait", 1);
    until("the call at the callee", || world.gate.noted() == 1).await;
    let callee = world.callee.take().expect("it runs");
    let (gate, app) = (world.gate.clone(), world.app().clone());
    let opening = async {
        until("the callee leaving", || app.servers("callee").is_empty()).await;
        let error = app.rpc_invoke::<u32>("callee-1", "user", "echo", "note", &(2,)).await;
        assert_eq!(error.expect_err("it takes nothing new").kind(), ErrorKind::Refused);
        gate.open.add_permits(1);
    };
    soon("the callee's stopping", async { tokio::join!(callee.stop(), opening) }).await;
    assert_eq!(soon("the answer", call).await.expect("no panic").expect("an answer"), 1);
    world.stop().await;
}

async fn death(mut world: World) {
    let call = world.spawn("wait", 1);
    until("the call at the callee", || world.gate.noted() == 1).await;
    world.crash_callee().await;
    let error = soon("the call's end", call).await.expect("no panic").expect_err("nobody answers");
    assert_eq!(error.kind(), ErrorKind::Refused);
    world.unlinked().await;
    let error = world.call::<u32>("note", &(2,)).await.expect_err("it is down");
    assert_eq!(error.kind(), ErrorKind::Refused);
    world.stop().await;
}

async fn comeback(mut world: World) {
    for number in 1..4 {
        world.crash_callee().await;
        world.unlinked().await;
        world.restart_callee().await;
        assert_eq!(world.call::<u32>("note", &(number,)).await.expect("it is back"), number);
    }
    world.stop().await;
}
