//! A frontend and a backend, linked by a transport that tests make faulty.

use std::sync::{Arc, Mutex};

use pomelo::app::{Configure, Running};
use pomelo::{Error, Event, Hybrid, Result, Session, handler, remote};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::faulty::Faulty;
use crate::support::{Client, connect};

pomelo::servers! {
    connector: { handlers: [EntryHandler], remotes: [EntryRemote] },
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

/// Handlers that wait here go on by permits.
#[derive(Clone)]
pub struct Gate(pub Arc<Semaphore>);

impl Gate {
    async fn pass(&self) -> Result<()> {
        self.0.acquire().await?.forget();
        Ok(())
    }
}

pub struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn bind(session: &Session, uid: String) -> Result<()> {
        session.bind(uid).await
    }

    pub async fn wait(log: &Log, gate: &Gate, text: String) -> Result<()> {
        log.note(format_args!("{text} runs"));
        gate.pass().await?;
        log.note(format_args!("{text} ended"));
        Ok(())
    }

    pub async fn watch(session: &Session, log: &Log) -> Result<()> {
        watch(session, log).await
    }

    /// A handler that is done at once, and says so.
    pub async fn ping() -> Result<Value> {
        Ok(json!({}))
    }
}

pub struct EntryRemote;

#[remote]
impl EntryRemote {
    pub async fn ping() -> Result<()> {
        Ok(())
    }
}

pub struct RoomHandler;

#[handler]
impl RoomHandler {
    pub async fn join(app: &App, session: &Session) -> Result<()> {
        let uid = session.uid().ok_or_else(|| Error::new(401, "who are you?"))?;
        app.channels().create("room").add(uid, session.frontend_id())
    }

    /// Sets a setting, and makes it known once the gate is open.
    pub async fn set(session: &Session, gate: &Gate, log: &Log, value: u32) -> Result<()> {
        log.note("set runs");
        gate.pass().await?;
        session.set("value", value);
        session.push("value").await
    }

    pub async fn bind(session: &Session, gate: &Gate, log: &Log, uid: String) -> Result<()> {
        log.note("bind runs");
        gate.pass().await?;
        session.bind(uid).await
    }

    /// What this message's session has.
    pub async fn seen(session: &Session) -> Result<Value> {
        Ok(json!([session.uid(), session.get::<u32>("value")]))
    }

    pub async fn wait(log: &Log, gate: &Gate, text: String) -> Result<()> {
        log.note(format_args!("{text} runs"));
        gate.pass().await?;
        log.note(format_args!("{text} ended"));
        Ok(())
    }

    pub async fn watch(session: &Session, log: &Log) -> Result<()> {
        watch(session, log).await
    }

    /// Registers a hook once the gate is open.
    pub async fn watch_later(session: &Session, gate: &Gate, log: &Log) -> Result<()> {
        log.note("later runs");
        gate.pass().await?;
        watch_as(session, log, "later hook").await.inspect_err(|_| log.note("later refused"))
    }

    pub async fn ping() -> Result<Value> {
        Ok(json!({}))
    }
}

async fn watch(session: &Session, log: &Log) -> Result<()> {
    watch_as(session, log, "hook").await
}

async fn watch_as(session: &Session, log: &Log, name: &'static str) -> Result<()> {
    let log = log.clone();
    let closed = move |_| async move {
        log.note(name);
        Ok(())
    };
    session.on_closed(closed).await
}

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn echo(number: u32) -> Result<u32> {
        Ok(number)
    }

    pub async fn wait(log: &Log, gate: &Gate) -> Result<()> {
        log.note("call runs");
        gate.pass().await
    }

    /// Puts a user back into the room.
    pub async fn put_back(app: &App, uid: String, sid: String) -> Result<()> {
        app.channels().create("room").add(uid, sid)
    }

    /// Makes a setting of the caller's session known at its frontend.
    pub async fn set(app: &App, frontend: String, session: String, value: u32) -> Result<()> {
        let id = session.parse()?;
        let session = app.backend_sessions().get(&frontend.into(), id).await?;
        let session = session.ok_or_else(|| Error::new(404, "no such session"))?;
        session.set("value", value);
        session.push("value").await
    }
}

pub const SERVERS: &str = r#"{
    "connector": [{ "id": "connector-1", "frontend": true }, { "id": "connector-2", "frontend": true }],
    "chat": [{ "id": "chat-1" }]
}"#;

/// The first frontend and the backend, each as a process of its own would be.
pub struct World {
    pub connector: Running<Rpc>,
    pub chat: Running<Rpc>,
    pub transport: Faulty,
    pub log: Log,
    pub gate: Gate,
}

impl World {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(setup: impl Fn(&mut Configure<Rpc>) + Clone + Send + Sync + 'static) -> Self {
        let (transport, log) = (Faulty::default(), Log::default());
        let gate = Gate(Arc::new(Semaphore::new(0)));
        let start = |id| start_one(id, &transport, &log, &gate, setup.clone());
        let (connector, chat) = (start("connector-1").await, start("chat-1").await);
        Self { connector, chat, transport, log, gate }
    }

    /// Starts chat-1 once more.
    pub async fn chat_again(&self) -> Running<Rpc> {
        start_one("chat-1", &self.transport, &self.log, &self.gate, |_| {}).await
    }

    /// Starts another frontend, or connector-1 once more.
    pub async fn frontend(&self, id: &'static str) -> Running<Rpc> {
        start_one(id, &self.transport, &self.log, &self.gate, |_| {}).await
    }

    pub fn connector(&self) -> &App {
        self.connector.app("connector-1").unwrap()
    }

    pub fn chat(&self) -> &App {
        self.chat.app("chat-1").unwrap()
    }

    /// Lets so many handlers go on.
    pub fn open(&self, permits: usize) {
        self.gate.0.add_permits(permits);
    }

    pub async fn client(&self) -> Client {
        connect(self.connector.addresses("connector-1")[0]).await
    }

    pub async fn user(&self, uid: &str) -> Client {
        let client = self.client().await;
        assert_eq!(client.request("connector.entryHandler.bind", json!(uid)).await, json!({}));
        client
    }

    /// The pushes of `news` that a client has got by the time when an answer of chat comes after them.
    pub async fn news(&self, client: &mut Client) -> Vec<Value> {
        assert_eq!(client.request("chat.roomHandler.ping", json!({})).await, json!({}));
        client.pushes("news")
    }
}

async fn start_one(
    id: &'static str,
    transport: &Faulty,
    log: &Log,
    gate: &Gate,
    setup: impl Fn(&mut Configure<Rpc>) + Send + Sync + 'static,
) -> Running<Rpc> {
    let seen = log.clone();
    App::builder()
        .servers(SERVERS)
        .transport(Arc::new(transport.clone()))
        .configure("all", "connector", |app| app.connector(Hybrid::new().address(([127, 0, 0, 1], 0))))
        .configure("all", "all", move |app| {
            app.limits().link_timeout = std::time::Duration::ZERO;
            setup(app);
            let seen = seen.clone();
            app.on_event(move |app, event| note(app, event, &seen));
        })
        .insert(log.clone())
        .insert(gate.clone())
        .start_only(move |info| info.id == id)
        .await
        .unwrap()
}

fn note(app: &App, event: &Event, log: &Log) {
    let id = app.server_id();
    match event {
        Event::AddServers(_) => log.note(format_args!("{id}: added")),
        Event::RemoveServers(_) => log.note(format_args!("{id}: removed")),
        Event::MembersLost { uids, .. } => {
            uids.iter().for_each(|uid| log.note(format_args!("{id}: lost {uid}")));
        }
        _ => {}
    }
}
