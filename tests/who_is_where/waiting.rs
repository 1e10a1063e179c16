//! Waiting until a session is closed: who does, and for how long.

use std::time::Duration;

use pomelo::Session;
use pomelo::error::ErrorKind;
use serde_json::{Value, json};

use crate::linger;
use crate::support::{Client, soon, until};
use crate::world::{FOR_EVER, Links, World};

/// A client whose user is ann, with a hook that goes on by a permit, at the frontend or on the backend.
async fn lingering(world: &World, on_backend: bool) -> (Client, Session) {
    let (client, session) = world.client().await;
    session.bind("ann").await.unwrap();
    if on_backend {
        client.request("chat.roomHandler.linger", Value::Null).await;
    } else {
        linger(&session, &world.log, &world.gate).await.unwrap();
    }
    (client, session)
}

/// Where a hook is, and how servers reach each other.
const PLACES: [(Links, bool); 3] = [(Links::Memory, false), (Links::Memory, true), (Links::Tcp, true)];

#[tokio::test]
async fn a_kick_returns_when_the_hooks_have_run() {
    for (links, on_backend) in PLACES {
        let world = World::new(links).await;
        let (_client, session) = lingering(&world, on_backend).await;
        let (sessions, log) = (world.app("connector-1").sessions(), world.log.clone());
        let kick = tokio::spawn(async move {
            sessions.kick("ann", None).await;
            log.note("kicked");
        });
        world.log.seen("a hook runs").await;
        // Closing already is closing all the same.
        let (again, log) = (session.clone(), world.log.clone());
        let again = tokio::spawn(async move {
            again.kick(None).await.unwrap();
            log.note("kicked again");
        });
        world.gate.open();
        soon(async { (kick.await.unwrap(), again.await.unwrap()) }).await;
        let seen = world.log.read();
        let hook = seen.iter().position(|what| what == "a hook has run").unwrap();
        let kicks = seen.iter().position(|what| what.starts_with("kicked")).unwrap();
        assert!(hook < kicks, "{seen:?}");
        assert_eq!(world.ran_out(), 0);
    }
}

#[tokio::test]
async fn a_kick_returns_when_a_handler_on_a_backend_has_ended_and_the_hook_that_it_registered_has_run() {
    for links in [Links::Memory, Links::Tcp] {
        let world = World::new(links).await;
        let (client, session) = world.client().await;
        session.bind("ann").await.unwrap();
        client.send("chat.roomHandler.watchLate", Value::Null).await;
        world.log.seen("a handler runs").await;
        let (sessions, log) = (world.app("connector-1").sessions(), world.log.clone());
        let kick = tokio::spawn(async move {
            sessions.kick("ann", None).await;
            log.note("kicked");
        });
        until(|| world.app("connector-1").sessions().is_empty()).await;
        world.gate.open();
        soon(kick).await.unwrap();
        let seen = world.log.read();
        let place = |what: &str| seen.iter().position(|seen| seen == what);
        assert!(
            place(r#"chat: ["ann","kick"]"#).is_some_and(|hook| Some(hook) < place("kicked")),
            "{seen:?}"
        );
    }
}

#[tokio::test]
async fn a_kick_at_another_frontend_returns_when_the_hooks_there_have_run() {
    for links in [Links::Memory, Links::Tcp] {
        let world = World::new(links).await;
        let _client = lingering(&world, true).await;
        let (sessions, log) = (world.app("connector-2").backend_sessions(), world.log.clone());
        let kick = tokio::spawn(async move {
            sessions.kick_by_uid(&"connector-1".into(), "ann", None).await.unwrap();
            log.note("kicked");
        });
        world.log.seen("a hook runs").await;
        world.gate.open();
        soon(kick).await.unwrap();
        let seen = world.log.read();
        assert_eq!(seen.last().unwrap(), "kicked", "{seen:?}");
    }
}

#[tokio::test]
async fn a_bind_waits_for_sessions_of_its_user_that_are_closing() {
    for unique in [false, true] {
        for (links, on_backend) in PLACES {
            let world = World::new(links).await;
            let (old, _) = lingering(&world, on_backend).await;
            old.close().await;
            world.log.seen("a hook runs").await;
            let (_new, session) = world.client().await;
            let log = world.log.clone();
            let bind = tokio::spawn(async move {
                let bound = if unique { session.bind_unique("ann").await } else { session.bind("ann").await };
                log.note("bound");
                bound
            });
            tokio::task::yield_now().await;
            assert!(!world.log.has("bound"));
            world.gate.open();
            soon(bind).await.unwrap().unwrap();
            let seen = world.log.read();
            let place = |what: &str| seen.iter().position(|seen| seen == what);
            assert!(place("a hook has run") < place("bound"), "{seen:?}");
        }
    }
}

#[tokio::test]
async fn a_hook_that_hangs_holds_nobody_up_for_longer_than_the_limit() {
    for (links, on_backend) in PLACES {
        let world = World::hasty(links).await;
        let _old = lingering(&world, on_backend).await;
        let (_new, session) = world.client().await;
        soon(world.app("connector-1").sessions().kick("ann", None)).await;
        world.log.seen("a hook runs").await;
        assert!(!world.log.has("a hook has run"));
        assert!(world.ran_out() > 0);
        soon(session.bind("ann")).await.unwrap();
        assert_eq!(world.app("connector-1").sessions().get_by_uid("ann").len(), 1);
    }
}

#[tokio::test]
async fn a_user_of_whom_a_hook_hangs_can_be_bound_and_not_alone() {
    let world = World::hasty(Links::Memory).await;
    let (old, _) = lingering(&world, false).await;
    old.close().await;
    world.log.seen("a hook runs").await;
    let (_new, session) = world.client().await;
    let error = soon(session.bind_unique("ann")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadline);
    assert!(error.message().contains("of ann is still closing (close_wait)"), "{error}");
    assert_eq!((session.uid(), world.ran_out()), (None, 1));
    soon(session.bind("ann")).await.unwrap();
    assert_eq!(world.ran_out(), 2);
}

#[tokio::test]
async fn a_backend_whose_hook_hangs_does_not_keep_a_user() {
    let world = World::hasty(Links::Tcp).await;
    let (old, _) = lingering(&world, true).await;
    old.close().await;
    world.log.seen("a hook runs").await;
    world.log.seen(r#"event: ["ann","closed by the client"]"#).await;
    let (_new, session) = world.client().await;
    soon(session.bind_unique("ann")).await.unwrap();
    assert!(!world.log.has("a hook has run"));
}

#[tokio::test]
async fn sessions_that_close_take_no_place_of_calls() {
    let world = World::with(Links::Memory, |app| {
        (app.limits().close_wait, app.limits().pending_calls) = (FOR_EVER, 2);
    })
    .await;
    let clients =
        [lingering(&world, true).await, lingering(&world, true).await, lingering(&world, true).await];
    drop(clients);
    until(|| world.log.read().iter().filter(|seen| *seen == "a hook runs").count() == 3).await;
    let (client, _) = world.client().await;
    assert_eq!(client.request("chat.roomHandler.watch", Value::Null).await, json!({}));
}

/// A bind of a session to ann, asked by chat-1 while a hook on ann's last session runs.
async fn waiting_bind(world: &World) -> (Client, tokio::task::JoinHandle<pomelo::Result<()>>) {
    let (old, _) = lingering(world, false).await;
    old.close().await;
    world.log.seen("a hook runs").await;
    let (client, session) = world.client().await;
    let remote = world.app("chat-1").backend_sessions();
    let remote = remote.get(session.frontend_id(), session.id()).await.unwrap().unwrap();
    let log = world.log.clone();
    let bind = tokio::spawn(async move {
        log.note("asking");
        remote.bind_unique("ann").await
    });
    world.log.seen("asking").await;
    // What is asked now arrives after the bind.
    let there = world.app("chat-1").backend_sessions();
    there.get_by_uid(session.frontend_id(), "bob").await.unwrap();
    (client, bind)
}

/// Once the frontend has heard all that chat-1 has said, the hook on ann's last session may end.
async fn let_the_hook_run(world: &World) {
    let there = world.app("chat-1").backend_sessions();
    there.get_by_uid(&"connector-1".into(), "bob").await.unwrap();
    world.gate.open();
    world.log.seen(r#"event: ["ann","closed by the client"]"#).await;
    // Whoever waited for that has had its turn before this is answered.
    world.app("connector-2").backend_sessions().get_by_uid(&"connector-1".into(), "bob").await.unwrap();
}

#[tokio::test]
async fn a_remote_bind_that_nobody_waits_for_any_more_binds_nothing() {
    for links in [Links::Memory, Links::Tcp] {
        let world = World::new(links).await;
        let (_client, bind) = waiting_bind(&world).await;
        bind.abort();
        assert!(bind.await.unwrap_err().is_cancelled());
        let_the_hook_run(&world).await;
        assert!(world.app("connector-1").sessions().get_by_uid("ann").is_empty());
    }
}

#[tokio::test]
async fn a_remote_bind_whose_deadline_has_passed_binds_nothing() {
    let world = World::with(Links::Memory, |app| {
        let is_frontend = app.server().frontend;
        let limits = app.limits();
        (limits.rpc_timeout, limits.close_wait) = match is_frontend {
            true => (FOR_EVER, FOR_EVER),
            false => (Duration::from_millis(100), Duration::ZERO),
        };
    })
    .await;
    let (_client, bind) = waiting_bind(&world).await;
    assert_eq!(soon(bind).await.unwrap().unwrap_err().kind(), ErrorKind::Deadline);
    let_the_hook_run(&world).await;
    assert!(world.app("connector-1").sessions().get_by_uid("ann").is_empty());
}

#[tokio::test]
async fn a_remote_bind_of_a_server_that_is_gone_binds_nothing() {
    let mut world = World::new(Links::Memory).await;
    let (_client, bind) = waiting_bind(&world).await;
    world.running[0].crash_server("chat-1").await;
    world.gate.open();
    world.log.seen(r#"event: ["ann","closed by the client"]"#).await;
    assert!(world.app("connector-1").sessions().get_by_uid("ann").is_empty());
    // Nobody would wait any more in a process of its own.
    bind.abort();
}

#[tokio::test]
async fn a_user_is_refused_by_a_session_that_is_open() {
    let world = World::new(Links::Memory).await;
    let (one, first) = world.client().await;
    let (_two, second) = world.client().await;
    first.bind("ann").await.unwrap();
    assert_eq!(soon(second.bind_unique("ann")).await.unwrap_err().kind(), ErrorKind::Application);
    assert!(one.request("connector.entryHandler.id", json!({})).await.is_string());
}
