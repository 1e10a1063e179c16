//! Reports: a server's metrics, as it tells them.

mod support;

use std::sync::Arc;

use pomelo::app::Running;
use pomelo::metrics::{Report, RouteReport};
use pomelo::{Error, Hybrid, Result, Session, handler, key, remote};
use serde_json::json;
use support::{connect, soon, until};
use tokio::sync::Semaphore;

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    chat: { handlers: [ChatHandler], remotes: [ChatRemote] },
}

const SERVERS: &str = r#"{
    "connector": [{ "id": "connector-1", "frontend": true }],
    "chat": [{ "id": "chat-10" }, { "id": "chat-9" }]
}"#;

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn enter(app: &App, session: &Session, uid: String) -> Result<()> {
        session.bind(&uid).await?;
        app.rpc.chat.chat_remote.add(key("room"), uid, app.server_id()).await
    }
}

/// Where a handler says that it has begun, and waits for permits to go on.
#[derive(Clone)]
struct Gate {
    begun: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    fn new(permits: usize) -> Self {
        Self { begun: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(permits)) }
    }
}

struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn fail() -> Result<()> {
        Err(Error::new(501, "broken"))
    }

    pub async fn wait(gate: &Gate) {
        gate.begun.add_permits(1);
        gate.open.acquire().await.unwrap().forget();
    }
}

struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn add(app: &App, uid: String, sid: String) -> Result<()> {
        app.channels().create("lobby").add(&*uid, &*sid)?;
        app.channels().create("room").add(uid, sid)
    }

    pub async fn refuse() -> Result<()> {
        Err(Error::new(502, "no"))
    }
}

async fn start(gate: &Gate) -> Running<Rpc> {
    let builder = App::builder().servers(SERVERS).insert(gate.clone());
    let builder = builder.configure("all", "connector", |app| {
        app.connector(Hybrid::new().address(([127, 0, 0, 1], 0)));
    });
    builder.route("chat", |_, servers| Ok(servers[0].id.clone())).start().await.unwrap()
}

fn report(running: &Running<Rpc>, server: &str) -> Report {
    running.app(server).unwrap().report()
}

fn route<'a>(report: &'a Report, name: &str) -> &'a RouteReport {
    report.routes.iter().find(|route| route.route == name).unwrap_or_else(|| panic!("no {name}: {report:?}"))
}

#[tokio::test]
async fn a_report_counts_sessions_users_channels_and_members() {
    let gate = Gate::new(0);
    let running = start(&gate).await;
    let address = running.addresses("connector-1")[0];
    let mut clients = Vec::new();
    for name in ["a", "b", "c"] {
        let client = connect(address).await;
        if name != "c" {
            client.request("connector.entryHandler.enter", json!(name)).await;
        }
        clients.push(client);
    }
    until(|| report(&running, "connector-1").sessions == 3).await;
    let connector = report(&running, "connector-1");
    assert_eq!((connector.bound_sessions, connector.channels, connector.channel_members), (2, 0, 0));
    assert_eq!((&*connector.id, connector.outbox_bytes, connector.pending_calls), ("connector-1", 0, 0));
    let peers: Vec<_> = connector.peers.iter().map(|peer| &**peer).collect();
    assert_eq!(peers, ["chat-9", "chat-10"]);
    let chat = report(&running, "chat-9");
    assert_eq!((chat.sessions, chat.channels, chat.channel_members), (0, 2, 4));
    clients.remove(0).close().await;
    until(|| report(&running, "connector-1").bound_sessions == 1).await;
}

#[tokio::test]
async fn a_report_tells_of_each_route_how_its_messages_ended() {
    let gate = Gate::new(2);
    let running = start(&gate).await;
    let client = connect(running.addresses("connector-1")[0]).await;
    client.request("connector.entryHandler.enter", json!("a")).await;
    for method in ["fail", "fail", "fail", "wait", "wait"] {
        client.request(&format!("chat.chatHandler.{method}"), json!({})).await;
    }
    let app = running.app("connector-1").unwrap();
    app.rpc.chat.chat_remote.refuse(key("room")).await.unwrap_err();
    let connector = report(&running, "connector-1");
    let enter = route(&connector, "connector.entryHandler.enter");
    assert_eq!((enter.requests, enter.errors, connector.routes.len()), (1, 0, 1));
    let chat = report(&running, "chat-9");
    let counted = chat.routes.iter().map(|r| (&*r.route, r.requests, r.errors)).collect::<Vec<_>>();
    assert_eq!(
        counted,
        [
            ("chat.chatHandler.fail", 3, 3),
            ("chat.chatHandler.wait", 2, 0),
            ("chat.chatRemote.add", 1, 0),
            ("chat.chatRemote.refuse", 1, 1),
        ]
    );
    assert!(chat.routes.iter().all(|route| route.p50_us <= route.p99_us && route.p99_us <= route.max_us));
    assert_eq!(report(&running, "chat-10").routes, []);
}

#[tokio::test]
async fn a_report_counts_what_is_pending_and_how_long_it_then_took() {
    let gate = Gate::new(0);
    let running = start(&gate).await;
    let client = connect(running.addresses("connector-1")[0]).await;
    let id = client.send("chat.chatHandler.wait", json!({})).await;
    soon(gate.begun.acquire()).await.unwrap().forget();
    assert_eq!(report(&running, "connector-1").pending_calls, 1);
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    gate.open.add_permits(1);
    client.response(id).await;
    assert_eq!(report(&running, "connector-1").pending_calls, 0);
    let chat = report(&running, "chat-9");
    assert!(route(&chat, "chat.chatHandler.wait").max_us >= 19_000, "{chat:?}");
}

#[tokio::test]
async fn routes_that_clients_make_up_are_one_line() {
    let running = start(&Gate::new(0)).await;
    let client = connect(running.addresses("connector-1")[0]).await;
    for n in 0..20 {
        client.request(&format!("chat.chatHandler.made{n}"), json!({})).await;
    }
    client.request("nonsense.chatHandler", json!({})).await;
    let chat = report(&running, "chat-9");
    let unknown = route(&chat, "unknown");
    assert_eq!((unknown.requests, unknown.errors, chat.routes.len()), (20, 20, 1));
    let connector = report(&running, "connector-1");
    assert_eq!(connector.dropped["bad_route"], 1);
    assert_eq!(connector.dropped.values().sum::<u64>(), 1);
}

#[tokio::test]
async fn a_report_reads_as_it_is_written() {
    let running = start(&Gate::new(0)).await;
    let client = connect(running.addresses("connector-1")[0]).await;
    client.request("connector.entryHandler.enter", json!("a")).await;
    let report = report(&running, "connector-1");
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report, "{text}");
    assert!(text.contains(r#""boundSessions":1"#) && text.contains(r#""session_closed":0"#), "{text}");
}
