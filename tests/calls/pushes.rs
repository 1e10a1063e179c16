//! Pushes that no client can be sent.

use pomelo::channel::Recipient;
use pomelo::error::ErrorKind;
use serde_json::{Value, json};

use crate::world::{App, World};

/// Every kind of push, with what became of it.
async fn all_kinds(app: &App, route: &str, message: &Value) -> Vec<pomelo::Result<()>> {
    let (channels, to) = (app.channels(), || [Recipient { uid: "ann".into(), sid: "connector-1".into() }]);
    let den = channels.create("den");
    den.add("ann", "connector-1").unwrap();
    vec![
        den.push(route, message),
        den.push_volatile(route, message),
        den.push_to("ann", route, message),
        den.push_confirmed(route, message).await.map(drop),
        channels.push_by_uids(route, message, to()),
        channels.push_by_uids_confirmed(route, message, to()).await.map(drop),
        channels.broadcast("connector", route, message),
    ]
}

#[tokio::test]
async fn a_push_on_a_route_of_more_than_255_bytes_is_an_error_to_who_pushes() {
    let world = World::start().await;
    let ann = world.user("ann").await;
    for outcome in all_kinds(world.app("chat-1"), &"r".repeat(256), &json!(1)).await {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadMessage);
        assert!(error.message().contains("at most 255 bytes, not 256"), "{error}");
    }
    let longest = "r".repeat(255);
    for outcome in all_kinds(world.app("chat-1"), &longest, &json!(1)).await {
        outcome.unwrap();
    }
    for _ in 0..7 {
        assert_eq!(ann.push(&longest).await, json!(1));
    }
    world.running.stop().await;
}

#[tokio::test]
async fn a_push_of_more_than_16_mib_is_an_error_to_who_pushes() {
    let world = World::start().await;
    let _ann = world.user("ann").await;
    // Two quotes, the route and its length, and the kind of message are in the package, too.
    let fits = (1 << 24) - 1 - 2 - 4 - 2;
    let too_long = json!("x".repeat(fits + 1));
    for outcome in all_kinds(world.app("chat-1"), "news", &too_long).await {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadMessage);
        assert!(error.message().contains("push news: a message takes at most 16777215 bytes"), "{error}");
    }
    let den = world.app("chat-1").channels().create("den");
    den.push("news", &json!("x".repeat(fits))).unwrap();
    assert_eq!(world.dropped("connector-1", "unencodable"), 0);
    world.running.stop().await;
}
