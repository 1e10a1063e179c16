//! The tasks that a bound server needs, each made to panic with work under way.

use std::net::TcpListener;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use pomelo_core::cluster::Superseded;
use pomelo_core::value::{Incarnation, ServerId};
use pomelo_core::wire::envelope::Envelope;

use super::*;

/// Hears of changes and ends, and does nothing.
#[derive(Default)]
struct Quiet {
    /// What was heard of others.
    heard: Mutex<Vec<String>>,
    /// Runs when a link is made, after both sides have said what they are.
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Quiet {
    fn note(&self, what: String) {
        self.heard.lock().unwrap().push(what);
    }

    fn has_heard(&self, what: &str) -> bool {
        self.heard.lock().unwrap().iter().any(|heard| heard == what)
    }
}

impl LinkEvents for Quiet {
    fn receive(&self, _: &ServerId, _: Envelope) {}

    fn greeting(&self, _: &Member) -> Envelope {
        let meanwhile = self.meanwhile.lock().unwrap().take();
        meanwhile.into_iter().for_each(|run| run());
        Envelope::decode(Bytes::from([&[1][..], &[0; 20], &[0x90]].concat())).unwrap()
    }

    fn joined(&self, _: Member) -> Result<(), Superseded> {
        Ok(())
    }

    fn changed(&self, member: Member) {
        self.note(format!("{} changed, leaving: {}", member.info.id, member.leaving));
    }

    fn unlinked(&self, _: &ServerId, _: usize) {}

    fn left(&self, server: &ServerId, _: Incarnation) {
        self.note(format!("{server} left"));
    }
}

async fn bind(id: &str, port: Option<u16>, link_events: Arc<Quiet>) -> TcpSender {
    let info = serde_json::json!({ "id": id, "serverType": "chat", "port": port });
    let member = serde_json::json!({
        "info": info, "incarnation": Incarnation::begin(id), "methods": {}, "encodings": []
    });
    let mesh = Mesh::new(Arc::default(), serde_json::from_value(member).unwrap(), link_events);
    listen::start(&mesh).await.unwrap();
    TcpSender(mesh)
}

/// chat-1, which dials, and chat-2, which has a port and expects it.
async fn pair() -> (TcpSender, TcpSender) {
    pair_with([Arc::default(), Arc::default()]).await
}

async fn pair_with([one, two]: [Arc<Quiet>; 2]) -> (TcpSender, TcpSender) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (one, two) = (bind("chat-1", None, one).await, bind("chat-2", Some(port), two).await);
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

fn is_linked(one: &TcpSender, two: &TcpSender) -> bool {
    let has_link = |mesh: &Mesh, id: &ServerId| {
        mesh.peer(id).and_then(|peer| peer.queue()).is_some_and(|q| !q.is_closed())
    };
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

/// What a server has said of itself may be old by the time when there is a link.
#[tokio::test]
async fn what_changes_of_a_server_while_a_link_is_made_is_told_by_either_side() {
    for changes in [0, 1] {
        let inboxes = [Arc::<Quiet>::default(), Arc::default()];
        let (one, two) = pair_with(inboxes.clone()).await;
        let (one, two) = (Arc::new(one), Arc::new(two));
        let link_sender = [&one, &two][changes].clone();
        let id = link_sender.0.id().clone();
        let change = move || link_sender.announce(Member { leaving: true, ..link_sender.0.own() });
        *inboxes[changes].meanwhile.lock().unwrap() = Some(Box::new(change));
        one.expect(&[two.0.own().info]);
        let changed = format!("{id} changed, leaving: true");
        until(|| inboxes[1 - changes].has_heard(&changed)).await;
    }
}

#[tokio::test]
async fn a_server_that_takes_a_later_life_while_a_link_is_made_has_it_end() {
    for changes in [0, 1] {
        let inboxes = [Arc::<Quiet>::default(), Arc::default()];
        let (one, two) = pair_with(inboxes.clone()).await;
        let (one, two) = (Arc::new(one), Arc::new(two));
        let link_sender = [&one, &two][changes].clone();
        let id = link_sender.0.id().clone();
        let begin_anew = move || {
            let incarnation = Incarnation::begin(link_sender.0.id());
            link_sender.announce(Member { incarnation, ..link_sender.0.own() });
        };
        *inboxes[changes].meanwhile.lock().unwrap() = Some(Box::new(begin_anew));
        one.expect(&[two.0.own().info]);
        until(|| inboxes[1 - changes].has_heard(&format!("{id} left"))).await;
        until(|| is_linked(&one, &two)).await;
    }
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
