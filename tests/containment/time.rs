//! Code that takes too long, and what it costs.

use std::time::Duration;

use serde_json::json;

use crate::log::Log;
use crate::support::until;
use crate::world::{Fault, World};

const SHORT: Duration = Duration::from_millis(100);

async fn start() -> World {
    World::start_with(|app| app.limits().request_timeout = SHORT).await
}

#[tokio::test]
async fn what_hangs_before_the_answer_is_dropped_at_the_deadline_and_the_session_goes_on() {
    let world = start().await;
    let ann = world.client().await;
    for (place, route) in [
        ("global before", "connector.entryHandler.echo"),
        ("global before", "chat.workHandler.echo"),
        ("later router", "area.areaHandler.echo"),
        ("before", "connector.entryHandler.echo"),
        ("before", "chat.workHandler.echo"),
        ("handler", "connector.entryHandler.echo"),
        ("handler", "chat.workHandler.echo"),
    ] {
        println!("{place} of {route}");
        world.faults.set(place, Fault::Hang);
        assert_eq!(ann.request(route, json!("x")).await["code"], 500);
        world.faults.clear();
        assert_eq!(ann.request(route, json!("x")).await, json!({ "text": "x" }));
    }
    world.running.stop().await;
}

#[tokio::test]
async fn an_error_handler_that_hangs_leaves_the_answer_as_it_was() {
    let world = start().await;
    let ann = world.client().await;
    for (place, route, code) in [
        ("error handler", "connector.entryHandler.fail", 499),
        ("error handler", "chat.workHandler.fail", 499),
        ("global error handler", "nobody.noHandler.none", 500),
    ] {
        world.faults.set(place, Fault::Hang);
        assert_eq!(ann.request(route, json!({})).await["code"], code, "{place} of {route}");
        world.faults.clear();
    }
    world.running.stop().await;
}

/// The handler has used up its own time; the after filters have theirs, and the error handler before them.
#[tokio::test]
async fn an_after_filter_that_hangs_is_dropped_and_those_behind_it_run() {
    let world = start().await;
    let ann = world.client().await;
    world.faults.set("second after", Fault::Hang);
    for (n, route) in ["connector.entryHandler.echo", "chat.workHandler.echo"].into_iter().enumerate() {
        assert_eq!(ann.request(route, json!("x")).await, json!({ "text": "x" }));
        until(|| world.faults.count("after") == n + 1 && world.faults.count("global after") == n + 1).await;
    }
    world.faults.set("handler", Fault::Hang);
    world.faults.set("global after", Fault::Hang);
    assert_eq!(ann.request("connector.entryHandler.echo", json!("x")).await["code"], 500);
    until(|| world.faults.count("after") == 3 && world.faults.count("error handler") == 1).await;
    world.faults.clear();
    assert_eq!(ann.request("connector.entryHandler.echo", json!("x")).await, json!({ "text": "x" }));
    world.running.stop().await;
}

/// The clock of the boundary ticks in a thread of its own, four times a second.
#[tokio::test]
async fn code_that_keeps_its_thread_for_longer_than_a_second_is_logged_by_name() {
    let (log, world) = (Log::start(), World::start().await);
    let ann = world.client().await;
    let long = Fault::Block(Duration::from_secs(3));
    for (place, what, route) in [
        ("handler", "handler", "chat.workHandler.echo"),
        ("router", "router", "chat.workHandler.echo"),
        ("after", "after filter", "connector.entryHandler.echo"),
    ] {
        world.faults.set(place, long);
        ann.request(route, json!("x")).await;
        world.faults.clear();
        ann.request(route, json!("x")).await;
        assert!(log.has(&[&format!("{what} kept its thread"), route, "session="]), "{what}");
    }
    assert_eq!(log.with(&["kept its thread"]).len(), 3);
    world.running.stop().await;
}
