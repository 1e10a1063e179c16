//! Confirmed pushes: frontends say whom they did not reach.

use std::time::Duration;

use futures::FutureExt;
use pomelo::channel::Recipient;
use pomelo::to;
use serde_json::json;

use crate::faulty::Fault;
use crate::support::{soon, until};
use crate::world::{World, endless};

fn recipient(uid: &str, sid: &str) -> Recipient {
    Recipient { uid: uid.into(), sid: sid.into() }
}

#[tokio::test]
async fn confirmed_pushes_that_nobody_awaits_any_more_leave_nothing_behind() {
    let world = World::with(|app| app.limits().pending_calls = 5).await;
    let chat = world.app("chat-1");
    let (channels, news) = (chat.channels(), json!(1));
    let den = channels.create("den");
    den.add("ann", "connector-1").unwrap();
    world.transport().set("connector-1", "chat-1", "Reply", Fault::Lose);
    for _ in 0..10 {
        assert!(den.push_confirmed("news", &news).now_or_never().is_none());
        let to = [recipient("ann", "connector-1")];
        assert!(channels.push_by_uids_confirmed("news", &news, to).now_or_never().is_none());
    }
    assert_eq!((world.transport().met(), world.pending("chat-1")), (20, 0));
    world.transport().heal();
    chat.rpc.connector.entry_remote.ping(to("connector-1")).await.unwrap();
    world.running.stop().await;
}

#[tokio::test]
async fn a_confirmed_push_has_one_deadline_whatever_the_number_of_frontends() {
    let world = World::start().await;
    let chat = world.app("chat-1");
    let den = chat.channels().create("den");
    for connector in ["connector-1", "connector-2"] {
        den.add("ann", connector).unwrap();
        world.transport().set(connector, "chat-1", "Reply", Fault::Lose);
    }
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    assert_eq!(den.push_confirmed("news", &json!(1)).await.unwrap(), ["ann", "ann"]);
    let limit = Duration::from_secs(30);
    assert!((limit..limit + Duration::from_secs(1)).contains(&began.elapsed()), "{:?}", began.elapsed());
    let both = [recipient("ann", "connector-1"), recipient("bob", "connector-2")];
    let began = tokio::time::Instant::now();
    let missing = chat.channels().push_by_uids_confirmed("news", &json!(1), both).await.unwrap();
    assert_eq!(missing, ["ann", "bob"]);
    assert!(began.elapsed() < limit + Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(world.pending("chat-1"), 0);
}

/// The frontend has missed a join, and can't ask for the membership: the link back is full.
#[tokio::test]
async fn pushes_that_wait_for_a_membership_are_bounded_and_are_delivered_when_the_link_has_room() {
    let world = World::with(|app| {
        endless(app);
        app.limits().stashed_pushes = 2;
    })
    .await;
    let ann = world.user("ann").await;
    let den = world.app("chat-1").channels().create("den");
    den.add("eve", "connector-1").unwrap();
    world.transport().set("chat-1", "connector-1", "Join", Fault::Lose);
    world.transport().set("connector-1", "chat-1", "FetchGroup", Fault::Full);
    den.add("ann", "connector-1").unwrap();
    for number in 1..=2 {
        den.push("news", &json!(number)).unwrap();
    }
    // There is no place for a third: who asks is told at once.
    let missing = soon(den.push_confirmed("news", &json!(3))).await.unwrap();
    assert_eq!((missing.len(), world.dropped("connector-1", "unreachable")), (2, 1));
    assert!(world.transport().met() > 1);
    // Nothing else of that channel is sent.
    world.transport().heal();
    assert_eq!(soon(ann.push("news")).await, json!(1));
    assert_eq!(soon(ann.push("news")).await, json!(2));
    world.running.stop().await;
}

#[tokio::test]
async fn a_membership_that_a_broken_link_lost_is_asked_for_again() {
    let world = World::with(endless).await;
    let ann = world.user("ann").await;
    let den = world.app("chat-1").channels().create("den");
    den.add("eve", "connector-1").unwrap();
    world.transport().set("chat-1", "connector-1", "Join", Fault::Lose);
    world.transport().set("connector-1", "chat-1", "FetchGroup", Fault::Lose);
    den.add("ann", "connector-1").unwrap();
    den.push("news", &json!(1)).unwrap();
    until(|| world.transport().met() == 2).await;
    world.transport().heal();
    world.transport().link_events("connector-1").unlinked(&"chat-1".into(), 1);
    assert_eq!(soon(ann.push("news")).await, json!(1));
    world.running.stop().await;
}
