//! Groups over a registry without a server: what a backend says of a channel, and what the members' clients receive.

use super::*;
use crate::cluster::Unsent;
use crate::frontend::testing::{Client, TestFrontend};
use crate::wire::Body;
use crate::wire::envelope::Answer;

fn backend() -> ServerId {
    "chat-1".into()
}

/// A channel of the backend that is up.
fn channel(frontend: &TestFrontend) -> GroupKey {
    let known = frontend.registry.peers.view.known();
    let incarnation = known.member("chat-1").unwrap().incarnation;
    GroupKey { backend: backend(), incarnation, group: 1 }
}

fn push(route: &str) -> Push {
    let mut push = Push { route: route.into(), payload: Default::default(), volatile: false };
    push.payload.add(Body::json(&b"{}"[..]));
    push
}

/// The backend says these of a channel, each with its version.
fn say(frontend: &TestFrontend, key: &GroupKey, ops: impl IntoIterator<Item = (u64, GroupOp)>) {
    for (version, op) in ops {
        deliver(&frontend.registry, &backend(), key.clone(), version, op);
    }
}

/// A client that is bound to a user.
async fn client_of(frontend: &TestFrontend, uid: &str) -> Arc<Client> {
    let (session, client) = frontend.open();
    frontend.session(&session).bind(uid).await.unwrap();
    client
}

/// Waits until a client has received no more than that.
async fn receives(client: &Client, text: &str) {
    for _ in 0..10_000 {
        if client.received() == text {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{:?} is not {text:?}", client.received());
}

fn pushed(route: &str) -> GroupOp {
    GroupOp::Push { seq: 0, push: push(route) }
}

#[tokio::test]
async fn a_push_reaches_the_sessions_of_members_whenever_these_are_bound() {
    let frontend = TestFrontend::new();
    let key = channel(&frontend);
    let before = client_of(&frontend, "ann").await;
    say(&frontend, &key, [(1, GroupOp::Join("ann".into())), (2, GroupOp::Join("bob".into()))]);
    let after = client_of(&frontend, "bob").await;
    say(&frontend, &key, [(2, pushed("a")), (3, GroupOp::Leave("ann".into())), (3, pushed("b"))]);
    receives(&after, "a {};b {};").await;
    receives(&before, "a {};").await;
}

#[tokio::test]
async fn pushes_wait_for_a_membership_that_is_missing_and_reach_its_members_in_order() {
    let frontend = TestFrontend::new();
    let key = channel(&frontend);
    let client = client_of(&frontend, "ann").await;
    say(&frontend, &key, [(1, GroupOp::Join("bob".into())), (3, pushed("a")), (3, pushed("b"))]);
    let sent = frontend.sent.take();
    assert!(matches!(&sent[..], [(to, Message::FetchGroup { group: 1 })] if *to == backend()), "{sent:?}");
    assert_eq!(client.received(), "");
    say(&frontend, &key, [(3, GroupOp::Sync(vec!["ann".into()])), (3, pushed("c"))]);
    receives(&client, "a {};b {};c {};").await;
}

#[tokio::test]
async fn a_membership_that_could_not_be_asked_for_is_asked_for_again() {
    let frontend = TestFrontend::new();
    let key = channel(&frontend);
    frontend.sent.refuse(Some(Unsent::Full));
    say(&frontend, &key, [(2, pushed("a"))]);
    frontend.sent.refuse(None);
    let asked = || frontend.sent.take().len();
    assert_eq!(asked(), 0);
    fetch_again(&frontend.registry);
    fetch_again(&frontend.registry);
    assert_eq!(asked(), 1, "once");
    frontend.registry.stop_fetching(&backend());
    fetch_again(&frontend.registry);
    assert_eq!(asked(), 1, "the link broke, so it was not answered");
}

#[tokio::test]
async fn copies_of_channels_that_are_no_more_are_dropped_and_whoever_asked_is_told() {
    let frontend = TestFrontend::new();
    let key = channel(&frontend);
    let client = client_of(&frontend, "ann").await;
    say(&frontend, &key, [(1, GroupOp::Join("ann".into()))]);
    keep_groups(&frontend.registry, &key.backend, key.incarnation, |group| group == 1);
    say(&frontend, &key, [(1, pushed("a")), (4, GroupOp::Push { seq: 7, push: push("b") })]);
    receives(&client, "a {};").await;
    frontend.sent.take();
    keep_groups(&frontend.registry, &key.backend, key.incarnation, |_| false);
    assert_eq!(frontend.registry.tables().count(), (1, 0));
    let mut sent = frontend.sent.take();
    while sent.is_empty() {
        tokio::task::yield_now().await;
        sent = frontend.sent.take();
    }
    assert!(matches!(&sent[..], [(_, Message::Reply { seq: 7, result: Err(_) })]), "{sent:?}");
}

#[tokio::test]
async fn a_push_that_asks_whom_it_reached_is_answered_by_the_members_without_a_connection() {
    let frontend = TestFrontend::new();
    let key = channel(&frontend);
    let client = client_of(&frontend, "ann").await;
    let joins = [(1, GroupOp::Join("ann".into())), (2, GroupOp::Join("bob".into()))];
    say(&frontend, &key, joins);
    say(&frontend, &key, [(2, GroupOp::Push { seq: 7, push: push("a") })]);
    let sent = frontend.sent.take();
    let Some((_, Message::Reply { seq: 7, result: Ok(Answer::Missing(missing)) })) = sent.first() else {
        panic!("{sent:?}")
    };
    assert_eq!(*missing, ["bob"]);
    receives(&client, "a {};").await;
}

#[tokio::test]
async fn a_process_that_is_not_there_has_no_copy_made_for_it() {
    let frontend = TestFrontend::new();
    let mut key = channel(&frontend);
    key.incarnation = Incarnation::begin_after("chat-1", key.incarnation);
    say(&frontend, &key, [(1, GroupOp::Join("ann".into())), (1, pushed("a"))]);
    assert_eq!(frontend.registry.tables().count(), (0, 0));
    assert_eq!(frontend.registry.peers.counters.dropped(Dropped::Outdated), 2);
}

#[tokio::test]
async fn pushes_follow_a_session_to_the_connection_that_takes_the_place_of_its_first() {
    let frontend = TestFrontend::new();
    let key = channel(&frontend);
    let (session, first) = frontend.open();
    frontend.session(&session).bind("ann").await.unwrap();
    say(&frontend, &key, [(1, GroupOp::Join("ann".into())), (1, pushed("a"))]);
    let (connection, second) = frontend.connect();
    session.attach(&connection).expect("it is open");
    say(&frontend, &key, [(1, pushed("b"))]);
    crate::frontend::deliver_to_uids(&frontend.registry, &backend(), 0, &push("c"), vec!["ann".into()]);
    crate::frontend::broadcast(&frontend.registry, &push("d"), true);
    receives(&second, "b {};c {};d {};").await;
    receives(&first, "a {};").await;
}
