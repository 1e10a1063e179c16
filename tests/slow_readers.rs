//! A room in which some have stopped reading.

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pomelo::Event;
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

const READERS: usize = 180;
const STALLED: usize = 20;

/// Of each outbox, in bytes.
const LIMIT: usize = 128 * 1024;
/// Bytes of each text.
const SIZE: usize = 8 * 1024;
/// As many bytes as no system keeps for a socket that nobody reads.
const MOST: usize = 64 * 1024 * 1024;

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn enter(app: &App, session: &Session, uid: String) -> Result<()> {
        session.bind(&uid).await?;
        app.channels().create("room").add(uid, app.server_id())
    }
}

/// Users whose sessions are closed.
type Closed = Arc<Mutex<BTreeSet<String>>>;

async fn start(closed: &Closed) -> Running<Rpc> {
    let closed = closed.clone();
    let builder = App::builder().servers(SERVERS).configure("all", "connector", move |app| {
        app.connector(Hybrid::new().address(([127, 0, 0, 1], 0)).outbox_limit(LIMIT));
        let closed = closed.clone();
        app.on_event(move |_, event| {
            if let Event::CloseSession(session) = event {
                closed.lock().unwrap().extend(session.uid().map(|uid| uid.to_string()));
            }
        });
    });
    builder.start().await.unwrap()
}

/// Hears everything from the first to the last message, once and in order.
async fn listen(client: Client, heard: Arc<AtomicUsize>) {
    for serial in 0_u64.. {
        let push = client.push("onChat").await;
        assert_eq!(push["serial"], serial);
        heard.fetch_add(1, Ordering::SeqCst);
        if push["last"] == true {
            return client.close().await;
        }
    }
}

struct Room {
    running: Running<Rpc>,
    heard: Arc<AtomicUsize>,
    said: usize,
}

impl Room {
    fn report(&self) -> Report {
        self.running.app("connector-1").unwrap().report()
    }

    fn waiting(&self) -> u64 {
        self.report().outbox_bytes
    }

    /// Says something, and waits until every reader has heard it.
    async fn say(&mut self, last: bool) {
        let channel = self.running.app("connector-1").unwrap().channels().get("room").unwrap();
        let message = json!({ "serial": self.said, "last": last, "text": "x".repeat(SIZE) });
        channel.push("onChat", &message).unwrap();
        self.said += 1;
        until(|| self.heard.load(Ordering::SeqCst) == READERS * self.said).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stops_reading_is_kicked_and_the_others_hear_everything_once_and_in_order() {
    let closed = Closed::default();
    let mut room = Room { running: start(&closed).await, heard: Arc::default(), said: 0 };
    let address = room.running.addresses("connector-1")[0];
    let (mut readers, mut stalled) = (JoinSet::new(), Vec::new());
    for nth in 0..READERS + STALLED {
        let stalls = nth % ((READERS + STALLED) / STALLED) == 0;
        let client = if stalls { narrow(address).await } else { connect(address).await };
        let uid = if stalls { format!("stalled-{nth}") } else { format!("reader-{nth}") };
        client.request("connector.entryHandler.enter", json!(uid)).await;
        if stalls {
            stalled.push((uid, client));
        } else {
            readers.spawn(listen(client, room.heard.clone()));
        }
    }
    assert_eq!((readers.len(), stalled.len()), (READERS, STALLED));

    let names: BTreeSet<String> = stalled.iter().map(|(uid, _)| uid.clone()).collect();
    while room.report().dropped["too_slow"] < STALLED as u64 {
        assert!(room.said < MOST / SIZE, "{} bytes wait", room.waiting());
        // Half of what may wait for each before pushes to it are dropped, once all others have read what they were sent.
        let stalled = STALLED as u64 - room.report().dropped["too_slow"];
        if room.waiting() <= stalled * (LIMIT * 8) as u64 {
            room.say(false).await;
        } else {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    until(|| *closed.lock().unwrap() == names).await;
    for _ in 0..10 {
        room.say(false).await;
    }

    // Who reads again within a second is told why, the rest is cut off; what they can still read has no gap.
    for (uid, client) in &mut stalled {
        let reason = client.end().await;
        assert!(reason.is_none_or(|reason| reason == "too slow"), "{uid}");
        let heard: Vec<Value> = client.pushes("onChat").iter().map(|push| push["serial"].clone()).collect();
        assert_eq!(heard, (0..heard.len()).map(Value::from).collect::<Vec<_>>(), "{uid}");
    }
    until(|| room.waiting() == 0).await;
    let report = room.report();
    assert_eq!(report.sessions, READERS as u64);
    assert_eq!(report.dropped["too_slow"], STALLED as u64);
    assert_eq!(*closed.lock().unwrap(), names);

    room.say(true).await;
    while let Some(listened) = readers.join_next().await {
        listened.unwrap();
    }
}
