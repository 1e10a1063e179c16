//! Frontends and backends, each as a process of its own would be, and the links between them, which tests break.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use pomelo::app::{Configure, Running};
use pomelo::error::StartError;
use pomelo::net::connector::MemoryPorts;
use pomelo::testing::TestSession;
use pomelo::{Error, Event, Hybrid, Result, Session, handler, remote};
use serde_json::{Value, json};

use crate::faulty::Faulty;

pomelo::servers! {
    gate: { handlers: [GateHandler] },
    connector: { handlers: [EntryHandler] },
    chat: { handlers: [RoomHandler], remotes: [ChatRemote] },
}

/// What was seen, in order.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn note(&self, what: impl ToString) {
        self.0.lock().unwrap().push(what.to_string());
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn count(&self, what: &str) -> usize {
        self.all().iter().filter(|seen| *seen == what).count()
    }
}

pub struct GateHandler;

#[handler]
impl GateHandler {
    pub async fn ask(app: &App) -> Result<Value> {
        Ok(json!(app.servers("connector").len()))
    }
}

pub struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn bind(session: &Session, uid: String) -> Result<Value> {
        session.bind(uid).await?;
        Ok(json!({}))
    }

    /// Decides which chat server this session's messages go to.
    pub async fn choose(session: &Session, chat: String) -> Result<Value> {
        session.set("chat", chat);
        session.push("chat").await?;
        Ok(json!({}))
    }

    pub async fn ping() -> Result<Value> {
        Ok(json!({}))
    }
}

pub struct RoomHandler;

#[handler]
impl RoomHandler {
    /// Adds the user to the room of this server.
    pub async fn join(app: &App, session: &Session) -> Result<Value> {
        let uid = session.uid().ok_or_else(|| Error::new(401, "who are you?"))?;
        app.channels().create("room").add(uid, session.frontend_id())?;
        Ok(json!({}))
    }

    /// Notes when the session closes.
    pub async fn watch(app: &App, session: &Session, log: &Log) -> Result<Value> {
        let (log, id) = (log.clone(), app.server_id().clone());
        let closed = move |session: Session| async move {
            if let Some(uid) = session.uid() {
                log.note(format_args!("{id}: {uid} closed"));
            }
            Ok(())
        };
        session.on_closed(closed).await?;
        Ok(json!({}))
    }

    /// Notes that the session has a hook, once that is sure, and when the hook runs.
    pub async fn track(session: &Session, log: &Log) -> Result<Value> {
        let ended = log.clone();
        let closed = move |session: Session| async move {
            ended.note(format_args!("ended {}", session.id()));
            Ok(())
        };
        session.on_closed(closed).await?;
        log.note(format_args!("tracked {}", session.id()));
        Ok(json!({}))
    }

    pub async fn ping() -> Result<Value> {
        Ok(json!({}))
    }
}

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    /// Puts a user back into the room of this server.
    pub async fn add(app: &App, uid: String, frontend: String) -> Result<()> {
        app.channels().create("room").add(uid, frontend)
    }

    pub async fn echo(number: u32) -> Result<u32> {
        Ok(number)
    }
}

pub const SERVERS: &str = r#"{
    "gate": [{ "id": "gate-1", "frontend": true }],
    "connector": [{ "id": "connector-1", "frontend": true }, { "id": "connector-2", "frontend": true }],
    "chat": [{ "id": "chat-1" }, { "id": "chat-2" }]
}"#;

const IDS: [&str; 5] = ["gate-1", "connector-1", "connector-2", "chat-1", "chat-2"];

/// How the servers are set up.
type Setup = Arc<dyn Fn(&mut Configure<Rpc>) + Send + Sync>;

/// All servers.
pub struct World {
    running: HashMap<&'static str, Running<Rpc>>,
    /// Processes that nobody can reach any more.
    replaced: Vec<Running<Rpc>>,
    pub transport: Faulty,
    pub log: Log,
    setup: Setup,
}

impl World {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(setup: impl Fn(&mut Configure<Rpc>) + Send + Sync + 'static) -> Self {
        let mut world = Self::apart(setup);
        for id in IDS {
            world.add(id).await;
        }
        world
    }

    /// None of the servers is started yet.
    pub fn apart(setup: impl Fn(&mut Configure<Rpc>) + Send + Sync + 'static) -> Self {
        let (running, replaced, transport, log) = Default::default();
        Self { running, replaced, transport, log, setup: Arc::new(setup) }
    }

    /// Starts one of the servers; if it runs, another process of it, without the end of the first one being heard.
    pub async fn add(&mut self, id: &'static str) {
        let running = self.start_one(id).await.unwrap();
        self.replaced.extend(self.running.insert(id, running));
    }

    /// Starts one of the servers, unless that fails.
    pub async fn start_one(&mut self, id: &'static str) -> Result<Running<Rpc>, StartError> {
        let (log, setup) = (self.log.clone(), self.setup.clone());
        App::builder()
            .servers(SERVERS)
            .transport(Arc::new(self.transport.clone()))
            .configure("all", "gate|connector", |app| app.connector(Hybrid::new().port(0)))
            .configure("all", "all", move |app| {
                app.limits().link_timeout = std::time::Duration::ZERO;
                setup(app);
                let log = log.clone();
                app.on_event(move |app, event| note(app, event, &log));
            })
            .route("chat", |by, _| by.key_or("chat"))
            .insert(self.log.clone())
            .insert(MemoryPorts::default())
            .start_only(move |info| info.id == id)
            .await
    }

    pub async fn crash(&mut self, id: &'static str) {
        if let Some(mut running) = self.running.remove(id) {
            running.crash_server(id).await;
        }
    }

    pub fn running(&self, id: &str) -> &Running<Rpc> {
        &self.running[id]
    }

    pub fn app(&self, id: &str) -> &App {
        self.running[id].app(id).unwrap()
    }

    /// The link between two servers breaks, and both notice.
    pub fn unlink(&self, a: &'static str, b: &'static str) {
        self.transport.memory.unlink(a, b);
    }

    /// A server has heard nothing of another for too long.
    pub fn give_up(&self, server: &'static str, gone: &'static str) {
        self.transport.memory.give_up(server, gone);
    }

    /// The link is there again.
    pub fn link(&self, a: &'static str, b: &'static str) {
        self.transport.memory.link(a, b);
    }

    /// Lets everybody do what they can do now.
    pub async fn settle(&self) {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }

    /// Which process of each server runs.
    pub fn incarnations(&self) -> Vec<String> {
        IDS.iter().map(|id| self.app(id).report().incarnation.to_string()).collect()
    }

    pub fn client(&self, frontend: &str) -> TestSession {
        TestSession::open(self.app(frontend))
    }

    /// A client that is bound to that user, and whose messages go to that chat server.
    pub async fn user(&self, frontend: &str, uid: &str, chat: &str) -> TestSession {
        let client = self.client(frontend);
        assert_eq!(client.request("connector.entryHandler.bind", json!(uid)).await, json!({}));
        assert_eq!(client.request("connector.entryHandler.choose", json!(chat)).await, json!({}));
        client
    }

    /// As [`user`](Self::user); it is in the room, and its closing is noted.
    pub async fn member(&self, frontend: &str, uid: &str, chat: &str) -> TestSession {
        let client = self.user(frontend, uid, chat).await;
        assert_eq!(client.request("chat.roomHandler.join", json!({})).await, json!({}));
        assert_eq!(client.request("chat.roomHandler.watch", json!({})).await, json!({}));
        client
    }

    /// Who is in the room of a chat server.
    pub fn members(&self, chat: &str) -> Vec<String> {
        let room = self.app(chat).channels().get("room");
        room.map(|room| room.members().iter().map(ToString::to_string).collect()).unwrap_or_default()
    }

    /// Pushes to the room of a chat server.
    pub fn push(&self, chat: &str, news: &Value) {
        self.app(chat).channels().create("room").push("news", news).unwrap();
    }

    pub async fn stop(self) {
        for (_, running) in self.running {
            running.stop().await;
        }
    }
}

fn note(app: &App, event: &Event, log: &Log) {
    let id = app.server_id();
    match event {
        Event::AddServers(servers) => {
            servers.iter().for_each(|info| log.note(format_args!("{id}: {} is up", info.id)))
        }
        Event::RemoveServers(ids) => {
            ids.iter().for_each(|gone| log.note(format_args!("{id}: {gone} is gone")))
        }
        Event::MembersLost { uids, .. } => {
            uids.iter().for_each(|uid| log.note(format_args!("{id}: lost {uid}")));
        }
        _ => {}
    }
}
