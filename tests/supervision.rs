//! The tasks that a server needs: one that panics begins again with the work that it held, and a server that can't go on ends.

#[path = "support/faulty.rs"]
mod faulty;
#[path = "stopping/slow.rs"]
#[allow(missing_docs, unreachable_pub, dead_code, reason = "it is seen in these tests only")]
mod slow;
mod support;

use std::sync::Arc;
use std::time::Duration;

use faulty::{Fault, Faulty};
use futures::future::{join_all, pending};
use pomelo::app::{Builder, Running};
use pomelo::error::ErrorKind;
use pomelo::ext::transport::Supervisor;
use pomelo::filter::TooBusy;
use pomelo::net::transport::Memory;
use pomelo::{Error, Hybrid, Result, handler, key, remote};
use serde_json::{Value, json};
use slow::Slow;
use support::{connect, soon, until};

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    chat: { handlers: [ChatHandler], remotes: [ChatRemote] },
}

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn join(app: &App, session: &pomelo::Session, uid: String) -> Result<Value> {
        session.bind(&uid).await?;
        app.rpc.chat.chat_remote.join(key("den"), uid, app.server_id()).await?;
        Ok(json!({}))
    }
}

struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn echo(n: u32) -> Result<u32> {
        Ok(n)
    }
}

struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn join(app: &App, uid: String, sid: String) -> Result<()> {
        app.channels().create("den").add(uid, sid)
    }

    pub async fn count(n: u32) -> Result<u32> {
        Ok(n)
    }
}

const SERVERS: &str =
    r#"{ "connector": [{ "id": "connector-1", "frontend": true }], "chat": [{ "id": "chat-1" }] }"#;

fn builder() -> Builder<Rpc> {
    App::builder().servers(SERVERS)
}

fn with_port() -> Builder<Rpc> {
    builder().configure("all", "connector", |app| app.connector(Hybrid::new().address(([127, 0, 0, 1], 0))))
}

async fn start() -> Running<Rpc> {
    with_port().start().await.unwrap()
}

fn tasks(running: &Running<Rpc>, server: &str) -> Supervisor {
    running.app(server).unwrap().frontend().tasks().clone()
}

/// Has the tasks of that name panic as soon as they have something to do.
fn trip(running: &Running<Rpc>, server: &str, task: &str) {
    assert!(tasks(running, server).trip(task) > 0, "{server} has a task {task}");
}

#[tokio::test]
async fn pushes_are_written_though_the_flusher_panics() {
    let running = start().await;
    let mut clients = Vec::new();
    for n in 0..5 {
        let client = connect(running.addresses("connector-1")[0]).await;
        client.request("connector.entryHandler.join", json!(format!("user-{n}"))).await;
        clients.push(client);
    }
    let den = running.app("chat-1").unwrap().channels().get("den").unwrap();
    for n in 0..3 {
        trip(&running, "connector-1", "flusher");
        den.push("news", &json!(n)).unwrap();
        for client in &mut clients {
            assert_eq!(client.push("news").await, json!(n));
        }
    }
    running.stop().await;
}

#[tokio::test]
async fn what_waits_in_a_lane_is_handled_and_answered_though_its_task_panics() {
    let running = start().await;
    let client = connect(running.addresses("connector-1")[0]).await;
    let app = running.app("connector-1").unwrap().clone();
    // Lanes begin with the first call.
    assert_eq!(app.rpc.chat.chat_remote.count(key("a"), 7).await.unwrap(), 7);
    trip(&running, "chat-1", "lane");
    let calls = (0..50).map(|n| app.rpc.chat.chat_remote.count(key(format!("{n}")), n).into_future());
    let requests: Vec<_> = (0..50).map(|n| ("chat.chatHandler.echo", json!(n))).collect();
    let ids = client.send_all(requests.clone()).await;
    let called: Result<Vec<u32>> = soon(join_all(calls)).await.into_iter().collect();
    assert_eq!(called.unwrap(), (0..50).collect::<Vec<_>>());
    for (n, id) in ids.into_iter().enumerate() {
        assert_eq!(client.response(id).await, json!(n));
    }
    running.stop().await;
}

#[tokio::test]
async fn clients_are_accepted_though_the_task_that_does_it_panics() {
    let running = start().await;
    for _ in 0..3 {
        trip(&running, "connector-1", "accept");
        let client = connect(running.addresses("connector-1")[0]).await;
        assert_eq!(client.request("chat.chatHandler.echo", json!(1)).await, json!(1));
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn clients_are_dropped_that_send_no_heartbeat_though_the_wheel_panics() {
    let hybrid = Hybrid::new().address(([127, 0, 0, 1], 0)).heartbeat(Duration::from_secs(1));
    let builder = builder().configure("all", "connector", move |app| app.connector(hybrid.clone()));
    let running = builder.start().await.unwrap();
    let client = connect(running.addresses("connector-1")[0]).await;
    let sessions = running.app("connector-1").unwrap().sessions();
    until(|| sessions.len() == 1).await;
    client.set_lazy(true);
    trip(&running, "connector-1", "wheel");
    until(|| sessions.is_empty()).await;
    assert_eq!(client.end().await, None);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_to_a_server_that_never_answers_ends_though_the_sweep_panics() {
    let (slow, transport) = (Slow::default(), Faulty::default());
    let connector = slow.clone();
    let builder = builder().transport(Arc::new(transport.clone()));
    let builder = builder.configure("all", "connector", move |app| app.connector(connector.clone()));
    let running = builder.start().await.unwrap();
    let client = slow.connect();
    client.read();
    transport.set("chat-1", "connector-1", "", Fault::Lose);
    client.request("chat.chatHandler.echo");
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        trip(&running, "connector-1", "sweep");
    }
    until(|| client.got().0.contains("500")).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_lag_of_a_server_is_still_measured_after_a_panic() {
    let running = with_port().filter(TooBusy::default()).start().await.unwrap();
    for _ in 0..3 {
        trip(&running, "chat-1", "lag");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(tasks(&running, "chat-1").running().iter().any(|name| name == "lag"));
    running.stop().await;
}

/// Two processes, as far as they know.
async fn apart() -> (Running<Rpc>, Running<Rpc>) {
    let memory = Arc::new(Memory::new());
    let start =
        |id: &'static str| with_port().transport(memory.clone()).start_only(move |info| info.id == id);
    tokio::try_join!(start("connector-1"), start("chat-1")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_task_always_panics_ends_by_itself_and_says_why() {
    let (connector, chat) = apart().await;
    let app = connector.app("connector-1").unwrap().clone();
    until(|| app.servers("chat").len() == 1).await;
    let tripping = async {
        loop {
            tasks(&chat, "chat-1").trip("sweep");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let (server, error) = tokio::select! {
        failed = chat.failed() => failed,
        () = tripping => unreachable!("it has no end"),
    };
    assert_eq!((&*server, error.kind()), ("chat-1", ErrorKind::Panic));
    assert!(error.message().contains("chat-1: the task `sweep` panicked 8 times"), "{error}");
    // Nobody has asked it to: it leaves, and the others go on.
    until(|| app.servers("chat").is_empty()).await;
    let stopped = soon(chat.until(Box::pin(pending()))).await.unwrap_err();
    assert_eq!(stopped.message(), error.message());
    connector.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_lets_its_clients_go_and_the_others_of_its_process_go_on() {
    let slow = Slow::default();
    let connector = slow.clone();
    let builder = builder().configure("all", "connector", move |app| app.connector(connector.clone()));
    let mut running = builder.start().await.unwrap();
    let client = slow.connect();
    client.read();
    tasks(&running, "connector-1").fail(Error::new(500, "another has its id"));
    until(|| client.got().1).await;
    let chat = running.app("chat-1").unwrap().clone();
    until(|| chat.servers("connector").is_empty()).await;
    assert!(running.stop_server("connector-1").await, "it has ended, and is waited for");
    assert_eq!(chat.rpc.chat.chat_remote.count(key("a"), 1).await.unwrap(), 1);
    running.stop().await;
}
