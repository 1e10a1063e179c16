//! Outboxes of clients: nobody who reads is kicked for what waits, and who doesn't read costs no more than is allowed.

mod support;

use pomelo::app::Running;
use pomelo::metrics::Report;
use pomelo::{Hybrid, Result, Session, handler};
use serde_json::{Value, json};
use support::{Client, connect, narrow, until};
use tokio::task::JoinSet;

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
}

const SERVERS: &str = r#"{ "connector": [{ "id": "connector-1", "frontend": true }] }"#;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn enter(app: &App, session: &Session, uid: String) -> Result<()> {
        session.bind(&uid).await?;
        app.channels().create("room").add(uid, app.server_id())
    }

    /// A response of that size.
    pub async fn text(size: usize) -> Result<Value> {
        Ok(json!({ "text": "x".repeat(size) }))
    }
}

struct Room(Running<Rpc>);

impl Room {
    async fn start(outbox_limit: usize, outboxes: usize) -> Self {
        let builder = App::builder().servers(SERVERS).configure("all", "connector", move |app| {
            app.connector(Hybrid::new().address(([127, 0, 0, 1], 0)).outbox_limit(outbox_limit));
            app.limits().outboxes = outboxes;
        });
        Self(builder.start().await.unwrap())
    }

    async fn client(&self, uid: String) -> Client {
        let client = narrow(self.0.addresses("connector-1")[0]).await;
        client.request("connector.entryHandler.enter", json!(uid)).await;
        client
    }

    async fn clients(&self, count: usize) -> Vec<Client> {
        let mut clients = Vec::new();
        for nth in 0..count {
            clients.push(self.client(format!("u{nth}")).await);
        }
        clients
    }

    fn say(&self, serial: usize, size: usize) {
        let room = self.0.app("connector-1").unwrap().channels().get("room").unwrap();
        room.push("onChat", &json!({ "serial": serial, "text": "x".repeat(size) })).unwrap();
    }

    fn report(&self) -> Report {
        self.0.app("connector-1").unwrap().report()
    }

    fn dropped(&self, reason: &str) -> u64 {
        self.report().dropped[reason]
    }
}

#[tokio::test]
async fn a_response_that_is_longer_than_the_limit_arrives() {
    let room = Room::start(MIB, 256 * MIB).await;
    let ann = room.client("ann".into()).await;
    let answer = ann.request("connector.entryHandler.text", json!(3 * MIB)).await;
    assert_eq!(answer["text"].as_str().unwrap().len(), 3 * MIB);
    assert_eq!((room.dropped("too_slow"), room.dropped("overflow")), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_read_get_more_than_the_limit_at_once() {
    const PUSHES: usize = 60;
    let room = Room::start(MIB, 256 * MIB).await;
    let mut readers = JoinSet::new();
    for nth in 0..20 {
        let client = connect(room.0.addresses("connector-1")[0]).await;
        client.request("connector.entryHandler.enter", json!(format!("u{nth}"))).await;
        readers.spawn(async move {
            for serial in 0..PUSHES {
                assert_eq!(client.push("onChat").await["serial"], serial);
            }
        });
    }
    (0..PUSHES).for_each(|serial| room.say(serial, 40_000));
    while let Some(read) = readers.join_next().await {
        read.unwrap();
    }
    assert_eq!((room.dropped("too_slow"), room.dropped("overflow")), (0, 0));
}

#[tokio::test]
async fn a_response_that_can_never_fit_is_an_error_at_once() {
    let room = Room::start(10 * KIB, 256 * MIB).await;
    let ann = room.client("ann".into()).await;
    let answer = ann.request("connector.entryHandler.text", json!(200 * KIB)).await;
    assert_eq!(answer["code"], 500);
    assert_eq!((room.dropped("too_long"), room.dropped("too_slow")), (1, 0));
    let answer = ann.request("connector.entryHandler.text", json!(100 * KIB)).await;
    assert_eq!(answer["text"].as_str().unwrap().len(), 100 * KIB);
}

/// It asks for more than it takes: what it is told is bounded, and what it isn't told is an error. As soon as it reads it is
/// served as anybody else.
#[tokio::test]
async fn a_client_that_asks_without_reading_is_not_read_until_it_reads() {
    const REQUESTS: usize = 400;
    const LIMIT: usize = 256 * KIB;
    let room = Room::start(LIMIT, 256 * MIB).await;
    let ann = room.client("ann".into()).await;
    let request = ("connector.entryHandler.text", json!(LIMIT / 4));
    let ids = ann.send_all(vec![request; REQUESTS]).await;
    until(|| room.dropped("overflow") > 0).await;
    let mut errors = 0;
    for id in ids {
        let answer = ann.response(id).await;
        errors += u64::from(answer["code"] == 500);
        assert!(answer["code"] == 500 || answer["text"].is_string());
    }
    // At most what was being handled when it was full, each time that it was.
    assert_eq!((room.dropped("overflow"), room.dropped("too_slow")), (errors, 0));
    assert!(errors < REQUESTS as u64 / 2, "{errors} of {REQUESTS}");
    let answer = ann.request("connector.entryHandler.text", json!(10)).await;
    assert!(answer["text"].is_string());
}

#[tokio::test]
async fn what_no_reader_takes_together_is_bounded_and_the_others_hear_everything() {
    const STALLED: usize = 60;
    const BOUND: usize = 2 * MIB;
    const SIZE: usize = 4 * KIB;
    // Far more than each may have on its own.
    let room = Room::start(16 * MIB, BOUND).await;
    let reader = room.client("reader".into()).await;
    let stalled = room.clients(STALLED).await;
    let mut serial = 0;
    while room.dropped("too_slow") < 3 * STALLED as u64 / 4 {
        room.say(serial, SIZE);
        assert_eq!(reader.push("onChat").await["serial"], serial);
        serial += 1;
        // The reader's own frame is in no outbox any more, and to each of the others one may be on its way.
        let waiting = room.report().outbox_bytes as usize;
        assert!(waiting <= BOUND + STALLED * 2 * SIZE, "{waiting} bytes wait after {serial} pushes");
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    assert!(room.dropped("outboxes_full") > 0);
    assert_eq!(room.dropped("overflow"), 0);
    drop(stalled);
    until(|| room.report().sessions == 1).await;
    room.say(serial, SIZE);
    assert_eq!(reader.push("onChat").await["serial"], serial);
}
