//! The tasks that a bound server needs, each made to panic with work under way.

use std::net::TcpListener;
use std::time::Duration;

use bytes::Bytes;
use pomelo_core::envelope::Envelope;
use pomelo_core::server::ServerId;
use pomelo_core::session::Incarnation;
use pomelo_core::transport::Superseded;

use super::*;

/// Hears everything and does nothing.
struct Quiet;

impl Inbox for Quiet {
    fn receive(&self, _: &ServerId, _: Envelope) {}

    fn greeting(&self, _: &Member) -> Envelope {
        Envelope::decode(Bytes::from([&[1][..], &[0; 20], &[0x90]].concat())).unwrap()
    }

    fn joined(&self, _: Member) -> Result<(), Superseded> {
        Ok(())
    }

    fn changed(&self, _: Member) {}

    fn unlinked(&self, _: &ServerId, _: usize) {}

    fn left(&self, _: &ServerId, _: Incarnation) {}
}

async fn bind(id: &str, port: Option<u16>) -> TcpOutlet {
    let info = serde_json::json!({ "id": id, "serverType": "chat", "port": port });
    let member = serde_json::json!({
        "info": info, "incarnation": Incarnation::begin(id), "methods": {}, "encodings": []
    });
    let hub = Hub::new(Arc::default(), serde_json::from_value(member).unwrap(), Arc::new(Quiet));
    listen::start(&hub).await.unwrap();
    TcpOutlet(hub)
}

/// chat-1, which dials, and chat-2, which has a port and expects it.
async fn pair() -> (TcpOutlet, TcpOutlet) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (one, two) = (bind("chat-1", None).await, bind("chat-2", Some(port)).await);
    two.expect(&[one.0.own().info]);
    (one, two)
}

async fn until(mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("this takes too long");
}

fn is_linked(one: &TcpOutlet, two: &TcpOutlet) -> bool {
    let has_link =
        |hub: &Hub, id: &ServerId| hub.peer(id).and_then(|peer| peer.queue()).is_some_and(|q| !q.is_closed());
    has_link(&one.0, two.0.id()) && has_link(&two.0, one.0.id())
}

#[tokio::test]
async fn a_task_that_panics_while_somebody_dials_accepts_again() {
    let (one, two) = pair().await;
    assert_eq!(two.0.tasks.trip("accept links"), 1);
    one.expect(&[two.0.own().info]);
    until(|| is_linked(&one, &two)).await;
}

#[tokio::test]
async fn a_task_that_panics_when_its_link_breaks_dials_again() {
    let (one, two) = pair().await;
    one.expect(&[two.0.own().info]);
    until(|| is_linked(&one, &two)).await;
    assert_eq!((one.0.tasks.trip("peer chat-2"), two.0.tasks.trip("peer chat-1")), (1, 1));
    two.0.peer(one.0.id()).unwrap().queue().unwrap().close();
    until(|| !is_linked(&one, &two)).await;
    until(|| is_linked(&one, &two)).await;
}

#[tokio::test]
async fn a_server_that_is_closed_leaves_no_task_and_a_port_that_is_free() {
    let (one, two) = pair().await;
    one.expect(&[two.0.own().info]);
    until(|| is_linked(&one, &two)).await;
    let port = two.0.own().info.port.unwrap();
    two.close().await;
    assert!(TcpListener::bind(("127.0.0.1", port)).is_ok());
    until(|| two.0.tasks.running().is_empty()).await;
}
