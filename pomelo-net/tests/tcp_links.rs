//! Two servers that are linked by tcp, and what they see of each other.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use pomelo_core::cluster::{LinkEvents, LinkSender, Member, Refused, Superseded, Transport};
use pomelo_core::value::{Incarnation, ServerId, ServerInfo};
use pomelo_core::wire::envelope::Envelope;
use pomelo_net::transport::{Tcp, TcpOptions};
use serde_json::json;

/// Notes what its server hears of others, and panics where the test wants it.
#[derive(Default)]
struct Notes {
    heard: Mutex<Vec<String>>,
    /// What panics the next time that it is heard.
    panics: Mutex<Option<&'static str>>,
    refused: Mutex<Vec<Refused>>,
    /// The incarnation that has the id of whoever comes.
    later: Mutex<Option<Incarnation>>,
}

impl Notes {
    fn note(&self, what: &str) {
        self.heard.lock().unwrap().push(what.to_owned());
        let panics = self.panics.lock().unwrap().take_if(|panics| *panics == what);
        assert!(panics.is_none(), "as it must");
    }

    fn panic_at(&self, what: &'static str) {
        *self.panics.lock().unwrap() = Some(what);
    }

    fn all(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    fn count(&self, what: &str) -> usize {
        self.all().iter().filter(|heard| *heard == what).count()
    }

    /// Waits until it has heard so much.
    async fn until(&self, count: usize) -> Vec<String> {
        until(|| self.all().len() >= count, || format!("it heard {:?} only", self.all())).await;
        self.all()
    }

    async fn until_heard(&self, what: &str, times: usize) {
        let said = || format!("it heard {:?}, and not {what} {times} times", self.all());
        until(|| self.count(what) >= times, said).await;
    }
}

async fn until(mut is_so: impl FnMut() -> bool, said: impl Fn() -> String) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), waiting).await.is_ok(), "{}", said());
}

/// A call of method 0 with that number, as it is on the wire.
fn call(number: u8) -> Envelope {
    Envelope::decode(Bytes::from([&[1][..], &[0; 20], &[0x91, number]].concat())).unwrap()
}

impl LinkEvents for Notes {
    fn receive(&self, _: &ServerId, envelope: Envelope) {
        let mut bytes = bytes::BytesMut::new();
        let rest = envelope.encode(&mut bytes).unwrap();
        bytes.extend_from_slice(&rest);
        self.note(&format!("call {}", bytes.last().unwrap()));
    }

    fn greeting(&self, _: &Member) -> Envelope {
        call(99)
    }

    fn joined(&self, _: Member) -> Result<(), Superseded> {
        self.note("joined");
        self.later.lock().unwrap().map_or(Ok(()), |later| Err(Superseded(later)))
    }

    fn changed(&self, member: Member) {
        self.note(if member.leaving { "leaving" } else { "changed" });
    }

    fn unlinked(&self, _: &ServerId, _: usize) {
        self.note("unlinked");
    }

    fn left(&self, _: &ServerId, _: Incarnation) {
        self.note("left");
    }

    fn refused(&self, _: &ServerId, why: Refused) {
        self.refused.lock().unwrap().push(why);
        self.note("refused");
    }
}

struct Server {
    member: Member,
    heard: Arc<Notes>,
    link_sender: Arc<dyn LinkSender>,
}

fn member(id: &str, entry: serde_json::Value) -> Member {
    let mut info = json!({ "id": id, "serverType": "chat" });
    info.as_object_mut().unwrap().extend(entry.as_object().unwrap().clone());
    let member =
        json!({ "info": info, "incarnation": Incarnation::begin(id), "methods": {}, "encodings": [] });
    serde_json::from_value(member).unwrap()
}

impl Server {
    async fn start(id: &str, entry: serde_json::Value) -> Self {
        Self::start_as(member(id, entry), Arc::default()).await
    }

    async fn start_as(member: Member, heard: Arc<Notes>) -> Self {
        let link_sender = Tcp::new(TcpOptions::default()).bind(member.clone(), heard.clone()).await.unwrap();
        Self { member, heard, link_sender }
    }

    fn send(&self, to: &Self, number: u8) {
        self.link_sender.send(&to.member.info.id, call(number)).unwrap();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// chat-1, which has no port, and chat-2, which know of each other.
async fn pair() -> (Server, Server) {
    let one = Server::start("chat-1", json!({})).await;
    let two = Server::start("chat-2", json!({ "port": free_port() })).await;
    expect_each_other(&one, &two);
    (one, two)
}

fn expect_each_other(one: &Server, two: &Server) {
    let both = [one.member.info.clone(), two.member.info.clone()];
    one.link_sender.expect(&both);
    two.link_sender.expect(&both);
}

#[tokio::test]
async fn a_server_that_is_not_expected_any_more_keeps_its_link_until_it_leaves() {
    let (one, two) = pair().await;
    one.heard.until(2).await;
    two.heard.until(2).await;

    one.link_sender.expect(std::slice::from_ref(&one.member.info));
    two.link_sender.announce(Member { leaving: true, ..two.member.clone() });
    assert_eq!(one.heard.until(3).await, ["joined", "call 99", "leaving"]);
    two.link_sender.close().await;
    assert_eq!(one.heard.until(5).await, ["joined", "call 99", "leaving", "unlinked", "left"]);
    assert_eq!(
        two.heard.all(),
        ["joined", "call 99", "unlinked"],
        "it was not told that the other one has left"
    );
}

#[tokio::test]
async fn the_greeting_is_the_first_of_a_link_in_both_directions() {
    let (one, two) = pair().await;
    one.heard.until_heard("joined", 1).await;
    one.send(&two, 1);
    two.heard.until_heard("call 1", 1).await;
    two.send(&one, 2);
    one.heard.until_heard("call 2", 1).await;
    assert_eq!(one.heard.all(), ["joined", "call 99", "call 2"]);
    assert_eq!(two.heard.all(), ["joined", "call 99", "call 1"]);
}

/// Whatever of what it is told of a link panics, the link ends on both sides and is made again.
#[tokio::test]
async fn a_link_whose_reader_panics_is_made_again() {
    for panics in ["call 7", "changed"] {
        let (one, two) = pair().await;
        one.heard.until_heard("call 99", 1).await;
        two.heard.until_heard("call 99", 1).await;
        two.heard.panic_at(panics);
        one.send(&two, 7);
        one.link_sender.announce(Member { encodings: vec![], ..one.member.clone() });
        two.heard.until_heard(panics, 1).await;
        for server in [&one, &two] {
            server.heard.until_heard("unlinked", 1).await;
            server.heard.until_heard("call 99", 2).await;
        }
        one.send(&two, 8);
        two.heard.until_heard("call 8", 1).await;
        two.send(&one, 9);
        one.heard.until_heard("call 9", 1).await;
        assert_eq!((one.heard.count("left"), two.heard.count("left")), (0, 0), "nobody is gone");
    }
}

#[tokio::test]
async fn a_link_of_which_the_news_panic_is_made_again() {
    let one = Server::start("chat-1", json!({})).await;
    let two = Server::start("chat-2", json!({ "port": free_port() })).await;
    one.heard.panic_at("joined");
    two.heard.panic_at("joined");
    expect_each_other(&one, &two);
    for server in [&one, &two] {
        server.heard.until_heard("joined", 2).await;
    }
    let mut number = 0;
    let arrived = || {
        number += 1;
        // It may be about to be made.
        let _ = one.link_sender.send(&two.member.info.id, call(number));
        two.heard.all().iter().any(|heard| heard.starts_with("call") && heard != "call 99")
    };
    until(arrived, || "nothing arrives".to_owned()).await;

    one.heard.panic_at("unlinked");
    two.heard.panic_at("call 100");
    let joined = one.heard.count("joined");
    one.send(&two, 100);
    one.heard.until_heard("unlinked", 1).await;
    one.heard.until_heard("joined", joined + 1).await;
}

#[tokio::test]
async fn a_server_that_says_goodbye_is_gone_also_for_who_panics_at_it() {
    let (one, two) = pair().await;
    one.heard.until_heard("call 99", 1).await;
    two.heard.until_heard("call 99", 1).await;
    one.heard.panic_at("unlinked");
    two.link_sender.close().await;
    one.heard.until_heard("left", 1).await;
}

#[tokio::test]
async fn a_second_process_of_an_id_is_refused_while_the_first_answers_and_nobody_notices() {
    let (one, two) = pair().await;
    one.heard.until_heard("call 99", 1).await;
    two.heard.until_heard("call 99", 1).await;
    let second = Server::start("chat-1", json!({})).await;
    second.link_sender.expect(std::slice::from_ref(&two.member.info));
    second.heard.until_heard("refused", 2).await;
    let occupied = Refused::Occupied {
        host: "127.0.0.1".into(),
        pid: std::process::id(),
        incarnation: one.member.incarnation,
    };
    assert!(second.heard.refused.lock().unwrap().iter().all(|why| *why == occupied));
    one.send(&two, 1);
    two.heard.until_heard("call 1", 1).await;
    assert_eq!(one.heard.all(), ["joined", "call 99"]);
    assert_eq!(two.heard.all(), ["joined", "call 99", "call 1"]);

    one.link_sender.close().await;
    second.heard.until_heard("call 99", 1).await;
    two.heard.until_heard("call 99", 2).await;
    second.send(&two, 2);
    two.heard.until_heard("call 2", 1).await;
    assert_eq!(two.heard.all()[3..], ["unlinked", "left", "joined", "call 99", "call 2"]);
}

#[tokio::test]
async fn a_process_that_began_before_one_that_is_known_is_told_after_what_to_begin() {
    let early = member("chat-1", json!({}));
    let (one, two) = pair().await;
    one.heard.until_heard("call 99", 1).await;
    let early = Server::start_as(early, Arc::default()).await;
    early.link_sender.expect(std::slice::from_ref(&two.member.info));
    early.heard.until_heard("refused", 1).await;
    assert_eq!(early.heard.refused.lock().unwrap()[0], Refused::Superseded(one.member.incarnation));

    // As one that starts does: it takes a later one, and then it is a second process.
    let incarnation = Incarnation::begin_after("chat-1", one.member.incarnation);
    early.link_sender.announce(Member { incarnation, ..early.member.clone() });
    let is_occupied = || {
        let refused = early.heard.refused.lock().unwrap();
        refused.iter().any(|why| matches!(why, Refused::Occupied { .. }))
    };
    until(is_occupied, || "it is not told that its place is taken".to_owned()).await;
    assert_eq!(one.heard.count("unlinked"), 0);
}

/// The dialer may hear of a later process as well as who listens, from others.
#[tokio::test]
async fn who_knows_a_later_process_refuses_the_link_whoever_dialed() {
    for dialer_knows in [true, false] {
        let one = Server::start("chat-1", json!({})).await;
        let two = Server::start("chat-2", json!({ "port": free_port() })).await;
        let later = Incarnation::begin("chat-1");
        let (knows, refused) = if dialer_knows { (&one, &two) } else { (&two, &one) };
        *knows.heard.later.lock().unwrap() = Some(later);
        expect_each_other(&one, &two);
        refused.heard.until_heard("refused", 1).await;
        assert_eq!(refused.heard.refused.lock().unwrap()[0], Refused::Superseded(later));
        *knows.heard.later.lock().unwrap() = None;
        let joined = one.heard.count("joined");
        one.heard.until_heard("joined", joined + 1).await;
    }
}

/// Others dial it, and are linked with the first one, so it must ask.
#[tokio::test]
async fn a_second_process_that_others_would_dial_is_refused_too() {
    let one = Server::start("chat-1", json!({ "port": free_port() })).await;
    let two = Server::start("chat-2", json!({ "port": free_port() })).await;
    expect_each_other(&one, &two);
    for server in [&one, &two] {
        server.heard.until_heard("call 99", 1).await;
    }
    let second = Server::start("chat-2", json!({ "port": free_port() })).await;
    second.link_sender.expect(std::slice::from_ref(&one.member.info));
    second.heard.until_heard("refused", 1).await;
    let why = second.heard.refused.lock().unwrap()[0].clone();
    assert!(matches!(why, Refused::Occupied { incarnation, .. } if incarnation == two.member.incarnation));
    one.send(&two, 1);
    two.heard.until_heard("call 1", 1).await;
    assert_eq!(two.heard.all(), ["joined", "call 99", "call 1"]);
}

/// Also where the other one is to dial, by its id, and doesn't know of it yet.
#[tokio::test]
async fn a_newcomer_that_no_list_has_yet_is_linked_whatever_its_id_is() {
    let two = Server::start("chat-2", json!({ "port": free_port() })).await;
    for newcomer in ["chat-1", "chat-3"] {
        let newcomer = Server::start(newcomer, json!({ "port": free_port() })).await;
        newcomer.link_sender.expect(std::slice::from_ref(&two.member.info));
        newcomer.heard.until_heard("joined", 1).await;
        assert_eq!(newcomer.link_sender.trouble(&"chat-2".into()), None);
    }
    let nobody: Arc<ServerInfo> =
        Arc::new(serde_json::from_value(json!({ "id": "chat-9", "port": free_port() })).unwrap());
    two.link_sender.expect(std::slice::from_ref(&nobody));
    let why = format!("connection refused at 127.0.0.1:{}", nobody.port.unwrap());
    until(|| two.link_sender.trouble(&nobody.id).as_ref() == Some(&why), || "no reason is known".to_owned())
        .await;
}
