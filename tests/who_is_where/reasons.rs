//! Reasons of closing, as hooks and listeners learn them.

use serde_json::Value;

use crate::note_why;
use crate::support::Client;
use crate::world::{Links, World};

/// A client whose user is ann, and whose closing is noted at both servers.
async fn watched(world: &World) -> Client {
    let (client, session) = world.client().await;
    session.bind("ann").await.unwrap();
    note_why(&session, "connector", &world.log).await.unwrap();
    client.request("chat.roomHandler.watch", Value::Null).await;
    assert_eq!(session.close_reason(), None);
    client
}

/// What is noted once a session is closed for that reason, whichever comes first.
async fn everybody_learns(world: &World, reason: &str) {
    for who in ["connector", "chat", "event"] {
        world.log.seen(&format!(r#"{who}: ["ann","{reason}"]"#)).await;
    }
    assert_eq!(world.log.read().len(), 3);
}

#[tokio::test]
async fn hooks_and_listeners_learn_the_reason_of_a_kick() {
    for links in [Links::Memory, Links::Tcp] {
        let world = World::new(links).await;
        let _client = watched(&world).await;
        world.app("connector-1").sessions().kick("ann", Some("spam")).await;
        everybody_learns(&world, "spam").await;
    }
}

#[tokio::test]
async fn a_kick_without_a_reason_says_kick_to_hooks_too() {
    let world = World::new(Links::Memory).await;
    let _client = watched(&world).await;
    let chat = world.app("chat-1").backend_sessions();
    chat.kick_by_uid(&"connector-1".into(), "ann", None).await.unwrap();
    everybody_learns(&world, "kick").await;
}

#[tokio::test]
async fn hooks_and_listeners_learn_that_the_client_has_left() {
    let world = World::new(Links::Memory).await;
    watched(&world).await.close().await;
    everybody_learns(&world, "closed by the client").await;
}

#[tokio::test]
async fn hooks_learn_that_the_frontend_is_gone() {
    let mut world = World::new(Links::Memory).await;
    let _client = watched(&world).await;
    world.running[0].crash_server("connector-1").await;
    world.log.seen(r#"chat: ["ann","its frontend connector-1 is gone"]"#).await;
}

#[tokio::test]
async fn a_hook_that_comes_too_late_learns_that_the_session_is_closed() {
    let world = World::new(Links::Memory).await;
    let (client, session) = world.client().await;
    client.close().await;
    let left = r#"event: [null,"closed by the client"]"#;
    world.log.seen(left).await;
    note_why(&session, "late", &world.log).await.unwrap();
    assert_eq!(world.log.read(), [left, r#"late: [null,"closed"]"#]);
}
