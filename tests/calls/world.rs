//! A frontend and three backends, linked by a transport that tests make faulty.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use pomelo::app::{Builder, Configure, Running};
use pomelo::{Error, Hybrid, Result, Session, handler, remote};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::faulty::Faulty;
use crate::support::{Client, connect};

pomelo::servers! {
    connector: { handlers: [EntryHandler], remotes: [EntryRemote] },
    chat: { handlers: [WorkHandler], remotes: [ChatRemote] },
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

/// What waits here goes on by permits.
#[derive(Clone)]
pub struct Gate(pub Arc<Semaphore>);

impl Gate {
    async fn pass(&self) -> Result<()> {
        self.0.acquire().await?.forget();
        Ok(())
    }
}

/// What runs into it while it is shut keeps its thread.
#[derive(Clone, Default)]
pub struct Bolt(Arc<(Mutex<bool>, Condvar)>);

/// Opens it when it is dropped, also where a test fails.
pub struct Shut(Bolt);

impl Bolt {
    pub fn shut(&self) -> Shut {
        self.set(true);
        Shut(self.clone())
    }

    fn set(&self, is_shut: bool) {
        *self.0.0.lock().unwrap() = is_shut;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        drop(self.0.1.wait_while(self.0.0.lock().unwrap(), |is_shut| *is_shut));
    }
}

impl Drop for Shut {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

pub struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn bind(session: &Session, uid: String) -> Result<()> {
        session.bind(uid).await
    }

    /// A text of so many bytes.
    pub async fn text(length: usize) -> Result<Value> {
        Ok(json!({ "text": "x".repeat(length) }))
    }

    /// A setting, as the frontend has it.
    pub async fn setting(session: &Session) -> Result<Value> {
        Ok(json!(session.get::<u32>("number")))
    }

    pub async fn ping() {}
}

pub struct EntryRemote;

#[remote]
impl EntryRemote {
    pub async fn ping() -> Result<()> {
        Ok(())
    }
}

pub struct WorkHandler;

#[handler]
impl WorkHandler {
    pub async fn wait(log: &Log, gate: &Gate) -> Result<()> {
        log.note("a request runs");
        gate.pass().await
    }

    pub async fn echo(app: &App, log: &Log, number: u32) -> Result<Value> {
        log.note(number);
        Ok(json!(app.server_id()))
    }

    /// Registers one hook, and a second one while the first is on its way.
    pub async fn watch_twice(session: &Session, log: &Log, gate: &Gate) -> Result<()> {
        let watch = |name: &'static str| {
            let (session, seen) = (session.clone(), log.clone());
            async move {
                let ran = seen.clone();
                let closed = move |_| async move {
                    ran.note(format_args!("{name} ran"));
                    Ok(())
                };
                let outcome = session.on_closed(closed).await;
                seen.note(format_args!("{name} {}", if outcome.is_ok() { "registered" } else { "refused" }));
            }
        };
        let second = async {
            gate.pass().await?;
            watch("second").await;
            Ok::<_, Error>(())
        };
        tokio::join!(watch("first"), second).1
    }

    /// Sets a setting once more while it is on its way to the frontend, and then pushes what has changed since.
    pub async fn set_twice(session: &Session, log: &Log, gate: &Gate) -> Result<()> {
        session.set("number", 1);
        let meanwhile = async {
            gate.pass().await?;
            session.set("number", 2);
            log.note("set again");
            Ok(())
        };
        tokio::try_join!(session.push_all(), meanwhile)?;
        session.push_all().await
    }
}

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn tell(log: &Log) -> Result<()> {
        log.note("told");
        Ok(())
    }

    pub async fn echo(log: &Log, number: u32) -> Result<u32> {
        log.note(number);
        Ok(number)
    }

    /// Keeps its lane from everything else.
    pub async fn block(log: &Log, bolt: &Bolt) -> Result<()> {
        log.note("blocks");
        bolt.pass();
        log.note("blocked");
        Ok(())
    }

    pub async fn text(length: usize) -> Result<String> {
        Ok("x".repeat(length))
    }
}

pub const SERVERS: &str = r#"{
    "connector": [{ "id": "connector-1", "frontend": true }, { "id": "connector-2", "frontend": true }],
    "chat": [{ "id": "chat-1" }, { "id": "chat-2" }, { "id": "chat-3" }]
}"#;

/// The servers, which all run.
pub struct World {
    pub running: Running<Rpc>,
    pub parts: Parts,
}

/// What the servers share with the test.
#[derive(Clone)]
pub struct Parts {
    pub transport: Faulty,
    pub log: Log,
    pub gate: Gate,
    pub bolt: Bolt,
}

impl Parts {
    pub fn new() -> Self {
        let gate = Gate(Arc::new(Semaphore::new(0)));
        Self { transport: Faulty::default(), log: Log::default(), gate, bolt: Bolt::default() }
    }

    pub fn builder(&self, setup: impl Fn(&mut Configure<Rpc>) + Send + Sync + 'static) -> Builder<Rpc> {
        App::builder()
            .servers(SERVERS)
            .transport(Arc::new(self.transport.clone()))
            .configure("all", "connector", |app| app.connector(Hybrid::new().address(([127, 0, 0, 1], 0))))
            .configure("all", "all", move |app| {
                app.limits().link_timeout = Duration::ZERO;
                setup(app);
            })
            .insert(self.log.clone())
            .insert(self.gate.clone())
            .insert(self.bolt.clone())
    }
}

/// Deadlines that no test waits for: what ends, ends for another reason.
pub fn endless(app: &mut Configure<Rpc>) {
    (app.limits().rpc_timeout, app.limits().request_timeout) =
        (Duration::from_secs(3_600), Duration::from_secs(3_600));
}

impl World {
    /// Starts all servers; everything goes to chat-1.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(setup: impl Fn(&mut Configure<Rpc>) + Send + Sync + 'static) -> Self {
        let parts = Parts::new();
        let builder = parts.builder(setup).route("chat", |_, _| Ok("chat-1"));
        Self { running: builder.start().await.unwrap(), parts }
    }

    pub fn app(&self, id: &str) -> &App {
        self.running.app(id).unwrap()
    }

    pub fn transport(&self) -> &Faulty {
        &self.parts.transport
    }

    pub fn log(&self) -> &Log {
        &self.parts.log
    }

    /// Lets so many go on that wait at the gate.
    pub fn open(&self, permits: usize) {
        self.parts.gate.0.add_permits(permits);
    }

    pub fn dropped(&self, id: &str, reason: &str) -> u64 {
        self.app(id).report().dropped[reason]
    }

    pub fn pending(&self, id: &str) -> u64 {
        self.app(id).report().pending_calls
    }

    pub async fn client(&self) -> Client {
        connect(self.running.addresses("connector-1")[0]).await
    }

    pub async fn user(&self, uid: &str) -> Client {
        let client = self.client().await;
        assert_eq!(client.request("connector.entryHandler.bind", json!(uid)).await, json!({}));
        client
    }
}
