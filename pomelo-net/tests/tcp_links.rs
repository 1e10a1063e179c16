//! What two servers that are linked by tcp see of each other.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pomelo_core::cluster::Member;
use pomelo_core::envelope::Envelope;
use pomelo_core::server::ServerId;
use pomelo_core::session::Incarnation;
use pomelo_core::transport::{Inbox, Outlet, Superseded, Transport};
use pomelo_net::transport::{Tcp, TcpOptions};
use serde_json::json;

/// Notes what its server hears of the other one.
#[derive(Default)]
struct Notes(Mutex<Vec<&'static str>>);

impl Notes {
    fn note(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }

    fn all(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }

    /// Waits until it has heard so much.
    async fn until(&self, count: usize) -> Vec<&'static str> {
        let heard = async {
            while self.all().len() < count {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(60), heard).await;
        assert!(in_time.is_ok(), "it heard {:?} only", self.all());
        self.all()
    }
}

impl Inbox for Notes {
    fn receive(&self, _: &ServerId, _: Envelope) {}

    fn greeting(&self, _: &Member) -> Envelope {
        Envelope::greeting()
    }

    fn joined(&self, _: Member) -> Result<(), Superseded> {
        self.note("joined");
        Ok(())
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
}

struct Server {
    member: Member,
    heard: Arc<Notes>,
    outlet: Arc<dyn Outlet>,
}

impl Server {
    async fn start(id: &str, entry: serde_json::Value) -> Self {
        let mut info = json!({ "id": id, "serverType": "chat" });
        info.as_object_mut().unwrap().extend(entry.as_object().unwrap().clone());
        let member =
            json!({ "info": info, "incarnation": Incarnation::begin(id), "methods": {}, "encodings": [] });
        let member: Member = serde_json::from_value(member).unwrap();
        let heard = Arc::new(Notes::default());
        let outlet = Tcp::new(TcpOptions::default()).bind(member.clone(), heard.clone()).await.unwrap();
        Self { member, heard, outlet }
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_server_that_is_not_expected_any_more_keeps_its_link_until_it_leaves() {
    let one = Server::start("chat-1", json!({})).await;
    let two = Server::start("chat-2", json!({ "port": free_port() })).await;
    let both = [one.member.info.clone(), two.member.info.clone()];
    one.outlet.expect(&both);
    two.outlet.expect(&both);
    one.heard.until(1).await;
    two.heard.until(1).await;

    one.outlet.expect(&both[..1]);
    two.outlet.announce(Member { leaving: true, ..two.member.clone() });
    assert_eq!(one.heard.until(2).await, ["joined", "leaving"]);
    two.outlet.close().await;
    assert_eq!(one.heard.until(4).await, ["joined", "leaving", "unlinked", "left"]);
    assert_eq!(two.heard.all(), ["joined", "unlinked"], "it was not told that the other one has left");
}
