//! Channels on peers alone: what they send to frontends, and whom they lose.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::cluster::Unsent;
use crate::peers::testing::{self, Recorder};
use crate::value::ErrorKind;
use crate::wire::envelope::{GroupOp, Message};

/// A channel's name, and the members that it has lost.
type Lost = (String, Vec<Uid>);

/// The channels of `chat-1`, with what they send and whom they lose.
struct House {
    table: Arc<Table>,
    channels: Channels,
    sent: Arc<Recorder>,
    lost: Arc<Mutex<Vec<Lost>>>,
}

impl House {
    fn new(frontends: &[&str]) -> Self {
        let (peers, sent) = testing::peers("chat-1", frontends);
        let lost = Arc::<Mutex<Vec<_>>>::default();
        let losing = lost.clone();
        let table = Table::new(peers, move |channel, uids| {
            losing.lock().unwrap().push((channel.name().to_owned(), uids.to_vec()));
        });
        Self { channels: Channels::new(table.clone()), table, sent, lost }
    }

    /// What was sent to frontends since the last time, in short.
    fn sent(&self) -> Vec<String> {
        let short = |message: Message| match message {
            Message::Group { version, op, .. } => match op {
                GroupOp::Join(uid) => format!("join {uid} {version}"),
                GroupOp::Leave(uid) => format!("leave {uid} {version}"),
                GroupOp::Sync(uids) => format!("sync {} {version}", uids.join(" ")),
                GroupOp::Push { push, .. } => format!("push {} {version}", push.route),
                GroupOp::Drop => "drop".to_owned(),
            },
            Message::Groups { alive, .. } => format!("alive {alive:?}"),
            other => format!("{other:?}"),
        };
        self.sent.take().into_iter().map(|(to, message)| format!("{to}: {}", short(message))).collect()
    }

    fn lost(&self) -> Vec<Lost> {
        std::mem::take(&mut self.lost.lock().unwrap())
    }
}

#[tokio::test]
async fn each_frontend_is_told_of_its_members_and_gets_one_message_a_push() {
    let house = House::new(&["gate-1", "gate-2"]);
    let room = house.channels.create("room");
    for (uid, sid) in [("ann", "gate-1"), ("bob", "gate-2"), ("cat", "gate-1"), ("ann", "gate-1")] {
        room.add(uid, sid).unwrap();
    }
    room.push("onChat", &json!({})).unwrap();
    let joined = ["gate-1: join ann 1", "gate-2: join bob 1", "gate-1: join cat 2"];
    let pushed = ["gate-1: push onChat 2", "gate-2: push onChat 1"];
    assert_eq!(house.sent(), [&joined[..], &pushed[..]].concat());
    assert!(room.leave("bob", "gate-2") && !room.leave("bob", "gate-2"));
    assert_eq!(house.sent(), ["gate-2: leave bob 2", "gate-2: drop"]);
    assert_eq!(room.members(), ["ann", "cat"]);
    assert!(house.channels.destroy("room") && room.push("onChat", &json!({})).is_err());
    assert_eq!(house.sent(), ["gate-1: drop"]);
}

#[tokio::test]
async fn what_finds_a_full_link_is_made_good_by_the_whole_membership() {
    let house = House::new(&["gate-1"]);
    let room = house.channels.create("room");
    room.add("ann", "gate-1").unwrap();
    house.sent.refuse(Some(Unsent::Full));
    room.add("bob", "gate-1").unwrap();
    house.sent.refuse(None);
    house.sent();
    room.push("onChat", &json!({})).unwrap();
    assert_eq!(house.sent(), ["gate-1: sync ann bob 2", "gate-1: push onChat 2"]);
}

#[tokio::test]
async fn ends_and_memberships_that_found_a_full_link_are_told_as_soon_as_there_is_room() {
    let house = House::new(&["gate-1"]);
    let (over, room) = (house.channels.create("over"), house.channels.create("room"));
    for channel in [&over, &room] {
        channel.add("ann", "gate-1").unwrap();
    }
    house.sent();
    house.sent.refuse(Some(Unsent::Full));
    over.destroy();
    house.table.asked(&"gate-1".into(), room.group());
    house.table.tell_untold();
    house.sent.refuse(None);
    house.table.tell_untold();
    assert_eq!(house.sent(), ["gate-1: sync ann 1", &format!("gate-1: alive [{}]", room.group())]);
    house.table.tell_untold();
    assert!(house.sent().is_empty(), "once");
}

#[tokio::test]
async fn a_frontend_that_had_all_members_before_begins_with_the_whole_membership_again() {
    let house = House::new(&["gate-1"]);
    let room = house.channels.create("room");
    room.add("ann", "gate-1").unwrap();
    room.leave("ann", "gate-1");
    house.sent();
    room.add("bob", "gate-1").unwrap();
    assert_eq!(house.sent(), ["gate-1: sync bob 3"], "no version is used twice");
}

#[tokio::test]
async fn members_are_lost_with_their_frontend() {
    let house = House::new(&["gate-1", "gate-2"]);
    let (one, two) = (house.channels.create("one"), house.channels.create("two"));
    for (channel, uid, sid) in [(&one, "bob", "gate-1"), (&one, "ann", "gate-1"), (&two, "ann", "gate-1")] {
        channel.add(uid, sid).unwrap();
    }
    two.add("cat", "gate-2").unwrap();
    assert_eq!(house.table.lose(&"gate-1".into(), drop), ["ann", "bob"]);
    let mut lost = house.lost();
    lost.sort();
    assert_eq!(lost, [("one".into(), vec!["bob".into(), "ann".into()]), ("two".into(), vec!["ann".into()])]);
    assert_eq!((one.len(), two.members()), (0, vec![Uid::from("cat")]));
}

#[tokio::test(start_paused = true)]
async fn members_at_a_frontend_that_is_expected_are_lost_unless_it_comes_soon() {
    let house = House::new(&[]);
    let expected = [testing::info("gate-1"), testing::info("gate-2")];
    house.table.peers.view.expect(&expected);
    let room = house.channels.create("room");
    for (uid, sid) in [("ann", "gate-1"), ("bob", "gate-2")] {
        room.add(uid, sid).unwrap();
    }
    let unknown = room.add("cat", "gate-3").unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NoServer);
    house.table.peers.view.join(testing::member("gate-2", crate::value::Incarnation::begin("gate-2")));
    tokio::time::sleep(house.table.peers.gone_after() + Duration::from_secs(1)).await;
    assert_eq!(house.lost(), [("room".to_owned(), vec![Uid::from("ann")])]);
    assert_eq!(room.members(), ["bob"]);
}
