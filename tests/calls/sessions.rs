//! Session operations at the frontend, several at once.

use serde_json::json;

use crate::faulty::Fault;
use crate::support::{soon, until};
use crate::world::{World, endless};

#[tokio::test]
async fn of_two_hooks_that_register_at_once_only_the_one_that_failed_is_dropped() {
    let world = World::with(endless).await;
    let ann = world.client().await;
    world.transport().set("chat-1", "connector-1", "Subscribe", Fault::Hold);
    let request = ann.send("chat.workHandler.watchTwice", json!({})).await;
    until(|| world.transport().met() == 1).await;
    world.transport().forget();
    world.open(1);
    until(|| world.log().count("second registered") == 1).await;
    // What the first one has sent is lost with the link.
    world.transport().link_events("chat-1").unlinked(&"connector-1".into(), 1);
    assert_eq!(soon(ann.response(request)).await, json!({}));
    assert_eq!(world.log().all(), ["second registered", "first refused"]);
    ann.close().await;
    until(|| world.log().count("second ran") == 1).await;
    assert_eq!(world.log().count("first ran"), 0);
    world.running.stop().await;
}

#[tokio::test]
async fn what_is_set_while_all_is_pushed_is_pushed_by_the_next() {
    let world = World::with(endless).await;
    let ann = world.client().await;
    world.transport().set("chat-1", "connector-1", "op: Set", Fault::Hold);
    let request = ann.send("chat.workHandler.setTwice", json!({})).await;
    until(|| world.transport().met() == 1).await;
    world.open(1);
    until(|| world.log().count("set again") == 1).await;
    world.transport().heal();
    assert_eq!(soon(ann.response(request)).await, json!({}));
    assert_eq!(ann.request("connector.entryHandler.setting", json!({})).await, json!(2));
    world.running.stop().await;
}

#[tokio::test]
async fn a_channel_that_an_update_left_empty_by_a_panic_is_no_more() {
    let world = World::start().await;
    let channels = world.app("chat-1").channels();
    let update = || channels.update("den", |_| -> pomelo::Result<()> { panic!("as it must") });
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(update)).is_err());
    assert!(channels.get("den").is_none());
    channels.update("den", |den| den.add("ann", "connector-1")).unwrap();
    let update = || channels.update("den", |_| -> pomelo::Result<()> { panic!("as it must") });
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(update)).is_err());
    assert_eq!(channels.get("den").unwrap().members(), ["ann"]);
    world.running.stop().await;
}
