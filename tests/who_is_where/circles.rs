//! Waits that could end only after themselves: they don't begin.
//!
//! Whoever waits for a session to close does so for ever in these tests, so each would hang if it were otherwise.

use pomelo::Session;
use serde_json::json;

use crate::linger;
use crate::support::{Client, soon, until};
use crate::world::{Links, World};

async fn user_of(world: &World, server: &str, uid: &str) -> (Client, Session) {
    let (client, session) = world.client_of(server).await;
    session.bind(uid).await.unwrap();
    (client, session)
}

#[tokio::test]
async fn a_handler_may_kick_its_own_session() {
    for links in [Links::Memory, Links::Tcp] {
        let world = World::new(links).await;
        world.gate.open();
        for route in ["connector.entryHandler.kick", "chat.roomHandler.kick"] {
            let (client, _) = user_of(&world, "connector-1", route).await;
            client.send(route, json!([route])).await;
            world.log.seen(&format!("Some({route:?}) kicked {route}")).await;
            assert_eq!(client.end().await.as_deref(), Some("kick"));
        }
        assert_eq!(world.ran_out(), 0);
    }
}

#[tokio::test]
async fn a_handler_may_have_its_own_session_kicked_by_a_remote() {
    for links in [Links::Memory, Links::Tcp] {
        let world = World::new(links).await;
        let (client, _) = user_of(&world, "connector-1", "ann").await;
        client.send("connector.entryHandler.haveKicked", json!(["ann"])).await;
        world.log.seen("had kicked").await;
        assert_eq!((client.end().await.as_deref(), world.ran_out()), (Some("kick"), 0));
    }
}

#[tokio::test]
async fn two_handlers_may_kick_each_other() {
    for links in [Links::Memory, Links::Tcp] {
        for route in ["connector.entryHandler.kick", "chat.roomHandler.kick"] {
            let world = World::new(links).await;
            let (ann, _) = user_of(&world, "connector-1", "ann").await;
            let (bob, _) = user_of(&world, "connector-1", "bob").await;
            ann.send(route, json!(["bob"])).await;
            bob.send(route, json!(["ann"])).await;
            until(|| world.log.read().len() == 2).await;
            world.gate.open();
            world.log.seen(r#"Some("ann") kicked bob"#).await;
            world.log.seen(r#"Some("bob") kicked ann"#).await;
            world.log.seen(r#"event: ["ann","kick"]"#).await;
            world.log.seen(r#"event: ["bob","kick"]"#).await;
            assert_eq!(world.ran_out(), 0);
        }
    }
}

#[tokio::test]
async fn handlers_at_two_frontends_that_kick_each_other_wait_no_longer_than_the_limit() {
    let world = World::hasty(Links::Tcp).await;
    let (ann, _) = user_of(&world, "connector-1", "ann").await;
    let (bob, _) = user_of(&world, "connector-2", "bob").await;
    ann.send("connector.entryHandler.kickAt", json!(["connector-2", "bob"])).await;
    bob.send("connector.entryHandler.kickAt", json!(["connector-1", "ann"])).await;
    until(|| world.log.read().len() == 2).await;
    world.gate.open();
    world.log.seen(r#"event: ["ann","kick"]"#).await;
    world.log.seen(r#"event: ["bob","kick"]"#).await;
}

/// A client whose session has a hook, and one that is kicked, with another hook that hangs.
async fn two(world: &World) -> (Client, Session, Client, Session) {
    let (first, one) = user_of(world, "connector-1", "ann").await;
    let (second, two) = user_of(world, "connector-1", "bob").await;
    linger(&two, &world.log, &world.gate).await.unwrap();
    (first, one, second, two)
}

#[tokio::test]
async fn a_hook_waits_for_nobody_that_it_kicks_or_has_kicked() {
    for links in [Links::Memory, Links::Tcp] {
        for by_remote in [false, true] {
            let world = World::new(links).await;
            let (first, one, second, _) = two(&world).await;
            let (app, log) = (world.app("connector-1").clone(), world.log.clone());
            let hook = move |session: Session| async move {
                if by_remote {
                    app.rpc.chat.room_remote.kick(&session, "connector-1", vec!["bob".into()]).await?;
                } else {
                    app.sessions().kick("bob", None).await;
                }
                log.note("kicked in a hook");
                Ok(())
            };
            one.on_closed(hook).await.unwrap();
            first.close().await;
            world.log.seen("kicked in a hook").await;
            assert_eq!(second.end().await.as_deref(), Some("kick"));
            assert!(!world.log.has("a hook has run"));
        }
    }
}

#[tokio::test]
async fn a_hook_binds_without_waiting() {
    for links in [Links::Memory, Links::Tcp] {
        for by_remote in [false, true] {
            let world = World::new(links).await;
            let (first, one, _second, two) = two(&world).await;
            two.unbind("bob").await.unwrap();
            let (app, log, id) = (world.app("connector-1").clone(), world.log.clone(), two.id());
            let hook = move |session: Session| async move {
                // The user's last session is this very one, which is still closing.
                let unique = app.sessions().get(id).unwrap().bind_unique("ann").await;
                log.note(format_args!("alone: {}", unique.is_ok()));
                if by_remote {
                    app.rpc.chat.room_remote.bind(&session, "connector-1", id, "ann").await?;
                } else {
                    app.sessions().bind(id, "ann").await?;
                }
                log.note("bound in a hook");
                Ok(())
            };
            one.on_closed(hook).await.unwrap();
            first.close().await;
            world.log.seen("bound in a hook").await;
            assert!(world.log.has("alone: false"));
            let ids: Vec<_> =
                world.app("connector-1").sessions().get_by_uid("ann").iter().map(Session::id).collect();
            assert_eq!((ids, world.ran_out()), (vec![id], 0));
        }
    }
}

#[tokio::test]
async fn a_handler_may_bind_the_user_of_its_own_session_that_is_closing() {
    let world = World::new(Links::Memory).await;
    let (_new, new) = world.client().await;
    let (old, _) = user_of(&world, "connector-1", "ann").await;
    old.send("connector.entryHandler.handOver", json!(new.id().to_string())).await;
    world.log.seen("handed over").await;
    soon(async { assert_eq!(old.end().await.as_deref(), Some("kick")) }).await;
    assert_eq!(world.app("connector-1").sessions().get(new.id()).unwrap().uid().as_deref(), Some("ann"));
}
