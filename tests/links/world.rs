//! A frontend without a port and a backend, each as a process of its own would be, and a proxy between them.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pomelo::app::{Configure, Running};
use pomelo::metrics::Dropped;
use pomelo::net::transport::{Tcp, TcpOptions};
use pomelo::{Error, Event, Hybrid, Result, Session, handler, remote, to};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::proxy::{Mode, Proxy};
use crate::support::{Client, connect, until};

pomelo::servers! {
    connector: { handlers: [EntryHandler], remotes: [EntryRemote] },
    chat: { handlers: [RoomHandler], remotes: [ChatRemote] },
}

/// What was seen, in order.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Notes something.
    pub fn note(&self, what: impl ToString) {
        self.0.lock().unwrap().push(what.to_string());
    }

    /// Whether that was seen.
    pub fn has(&self, what: &str) -> bool {
        self.count(what) > 0
    }

    /// How often that was seen.
    pub fn count(&self, what: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|seen| *seen == what).count()
    }
}

/// Remotes that wait here go on by permits.
#[derive(Clone)]
pub struct Gate(pub Arc<Semaphore>);

pub struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn enter(session: &Session, uid: String) -> Result<Value> {
        session.bind(uid).await?;
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
    /// Adds the user to the room, and notes when the session closes.
    pub async fn join(app: &App, session: &Session, log: &Log) -> Result<Value> {
        let uid = session.uid().ok_or_else(|| Error::new(401, "who are you?"))?.to_string();
        app.channels().create("room").add(uid.as_str(), session.frontend_id())?;
        let log = log.clone();
        let closed = move |_: Session| async move {
            log.note(format!("{uid} closed"));
            Ok(())
        };
        session.on_closed(closed).await?;
        Ok(json!({}))
    }

    pub async fn ping() -> Result<Value> {
        Ok(json!({}))
    }

    pub async fn wait(log: &Log, gate: &Gate) -> Result<Value> {
        log.note("a request waits");
        gate.0.acquire().await?.forget();
        Ok(json!({}))
    }
}

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn echo(number: u32) -> Result<u32> {
        Ok(number)
    }

    pub async fn wait(log: &Log, gate: &Gate) -> Result<()> {
        log.note("a call waits");
        gate.0.acquire().await?.forget();
        Ok(())
    }

    pub async fn text(length: usize) -> Result<String> {
        Ok("x".repeat(length))
    }

    /// Puts a user back into the room.
    pub async fn join(app: &App, uid: String, sid: String) -> Result<()> {
        app.channels().create("room").add(uid, sid)
    }

    pub async fn swallow(_bytes: String) -> Result<()> {
        Ok(())
    }

    pub async fn fail_at(number: u32, bad: u32) -> Result<u32> {
        assert_ne!(number, bad, "as it must");
        Ok(number)
    }
}

/// A port that is free, and that no outgoing connection takes meanwhile: systems take those from 32768 on.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(97);
    let ports = std::iter::repeat_with(|| 10_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000);
    let mut ports = ports.map(|port| port as u16);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

/// Options with which nothing happens by itself as long as a test takes.
pub fn patient() -> TcpOptions {
    let mut options = TcpOptions::default();
    (options.dead_after, options.gone_after) = (Duration::from_secs(120), Duration::from_secs(240));
    options.max_retry = Duration::from_millis(100);
    options
}

/// What servers.json says where chat-1 has that port.
pub fn servers(chat_port: u16) -> String {
    format!(
        r#"{{ "connector": [{{ "id": "connector-1", "frontend": true }}],
             "chat": [{{ "id": "chat-1", "port": {chat_port} }}] }}"#
    )
}

/// The two servers.
pub struct World {
    pub connector: Running<Rpc>,
    pub chat: Running<Rpc>,
    pub proxy: Proxy,
    pub log: Log,
    pub gate: Gate,
}

impl World {
    /// Starts them; returns once there is a link.
    pub async fn start(options: TcpOptions) -> Self {
        Self::start_with(options.clone(), options, |_| {}).await
    }

    /// Starts them with options and a set-up of their own; returns once there is a link.
    pub async fn start_with(
        connector: TcpOptions,
        chat: TcpOptions,
        setup: impl Fn(&mut Configure<Rpc>) + Clone + Send + Sync + 'static,
    ) -> Self {
        let world = Self::start_apart(connector, chat, setup).await;
        until(|| world.is_linked()).await;
        world
    }

    /// Starts them, whether or not there is a link.
    pub async fn start_apart(
        connector: TcpOptions,
        chat: TcpOptions,
        setup: impl Fn(&mut Configure<Rpc>) + Clone + Send + Sync + 'static,
    ) -> Self {
        let port = free_port();
        let proxy = Proxy::start(port).await;
        let way = proxy.port();
        let (log, gate) = (Log::default(), Gate(Arc::new(Semaphore::new(0))));
        let start = |id: &'static str, port: u16, options: TcpOptions| {
            let (seen, setup) = (log.clone(), setup.clone());
            App::builder()
                .servers(servers(port))
                .transport(Arc::new(Tcp::new(options)))
                .configure("all", "connector", |app| {
                    app.connector(Hybrid::new().address(([127, 0, 0, 1], 0)));
                })
                .configure("all", "all", move |app| {
                    app.limits().link_timeout = Duration::ZERO;
                    setup(app);
                    let seen = seen.clone();
                    app.on_event(move |app, event| note(app, event, &seen));
                })
                .insert(log.clone())
                .insert(gate.clone())
                .start_only(move |info| info.id == id)
        };
        let running = tokio::join!(start("connector-1", way, connector), start("chat-1", port, chat));
        Self { connector: running.0.unwrap(), chat: running.1.unwrap(), proxy, log, gate }
    }

    pub fn is_linked(&self) -> bool {
        !self.connector().servers("chat").is_empty() && !self.chat().servers("connector").is_empty()
    }

    pub fn connector(&self) -> &App {
        self.connector.app("connector-1").unwrap()
    }

    pub fn chat(&self) -> &App {
        self.chat.app("chat-1").unwrap()
    }

    /// Calls from the connector to chat.
    pub fn remote(&self) -> &<ChatRemote as pomelo::__private::Contract>::Proxy {
        &self.connector().rpc.chat.chat_remote
    }

    /// A client that is bound to that user, and in the room if it wants.
    pub async fn client(&self, uid: &str, joins: bool) -> Client {
        let client = connect(self.connector.addresses("connector-1")[0]).await;
        assert_eq!(client.request("connector.entryHandler.enter", json!(uid)).await, json!({}));
        if joins {
            assert_eq!(client.request("chat.roomHandler.join", json!({})).await, json!({}));
        }
        client
    }

    /// Closes the link, and waits until both servers have noticed.
    pub async fn cut(&self) {
        self.proxy.set(Mode::Cut);
        let lost = |app: &App| app.counters().dropped(Dropped::Unreachable);
        let before = lost(self.chat());
        let noise = self.chat().channels().create("noise");
        noise.add("nobody", "connector-1").unwrap();
        until(|| {
            noise.push("noise", &json!({})).unwrap();
            lost(self.chat()) > before
        })
        .await;
        while self.remote().swallow(to("chat-1"), "").notify().is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until calls get through, both ways.
    pub async fn mended(&self) {
        while self.remote().echo(to("chat-1"), 1).await.is_err()
            || self.chat().rpc.connector.entry_remote.ping(to("connector-1")).await.is_err()
        {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// The pushes of `news` that a client has got by the time when an answer of chat comes after them.
    pub async fn news(&self, client: &mut Client) -> Vec<Value> {
        assert_eq!(client.request("chat.roomHandler.ping", json!({})).await, json!({}));
        client.pushes("news")
    }

    pub async fn stop(self) {
        self.connector.stop().await;
        self.chat.stop().await;
    }
}

/// Notes what a server hears of others.
pub fn note(app: &App, event: &Event, log: &Log) {
    let id = app.server_id();
    match event {
        Event::AddServers(_) => log.note(format!("{id}: added")),
        Event::RemoveServers(_) => log.note(format!("{id}: removed")),
        Event::MembersLost { uids, .. } => {
            for uid in uids {
                log.note(format!("{id}: lost {uid}"));
            }
        }
        _ => {}
    }
}
