//! Frontends and a chat server, in one process or each as a process of its own would be, and what their hooks noted.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pomelo::app::{Configure, Running};
use pomelo::metrics::Dropped;
use pomelo::net::transport::{Tcp, TcpOptions};
use pomelo::{App as AppOf, Event, Hybrid, Session};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::{Client, connect, until};
use crate::{App, Rpc};

/// Longer than any test takes.
pub const FOR_EVER: Duration = Duration::from_secs(3_600);

/// What was seen, in order.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn note(&self, what: impl ToString) {
        self.0.lock().unwrap().push(what.to_string());
    }

    pub fn read(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn has(&self, what: &str) -> bool {
        self.read().iter().any(|seen| seen == what)
    }

    /// Waits until something was seen.
    pub async fn seen(&self, what: &str) {
        until(|| self.has(what)).await;
    }
}

/// Hooks and handlers that wait here go on by permits.
#[derive(Clone)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    fn closed() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    pub async fn pass(&self) {
        self.0.acquire().await.unwrap().forget();
    }

    /// Lets everybody through from now on.
    pub fn open(&self) {
        self.0.add_permits(1_000);
    }
}

/// The servers of a test.
pub struct World {
    /// One in one process, or one for each server.
    pub running: Vec<Running<Rpc>>,
    pub log: Log,
    pub gate: Gate,
}

/// How servers reach each other.
#[derive(Debug, Clone, Copy)]
pub enum Links {
    Memory,
    Tcp,
}

impl World {
    /// Servers where whoever waits for a session to close does so for ever.
    pub async fn new(links: Links) -> Self {
        Self::with(links, |app| app.limits().close_wait = FOR_EVER).await
    }

    /// Servers where nobody waits for long.
    pub async fn hasty(links: Links) -> Self {
        Self::with(links, |app| app.limits().close_wait = Duration::from_millis(50)).await
    }

    pub async fn with(links: Links, configure: fn(&mut Configure<Rpc>)) -> Self {
        let (log, gate) = (Log::default(), Gate::closed());
        let servers = format!(
            r#"{{ "connector": [{{ "id": "connector-1", "frontend": true, "port": {} }},
                                {{ "id": "connector-2", "frontend": true, "port": {} }}],
                  "chat": [{{ "id": "chat-1", "port": {} }}] }}"#,
            free_port(),
            free_port(),
            free_port()
        );
        let builder = || {
            let events = log.clone();
            AppOf::<Rpc>::builder()
                .servers(&*servers)
                .configure("all", "connector", move |app| {
                    app.connector(Hybrid::new().address(([127, 0, 0, 1], 0)));
                    let events = events.clone();
                    app.on_event(move |_, event| {
                        if let Event::CloseSession(session) = event {
                            events.note(format_args!("event: {}", why(session)));
                        }
                    });
                })
                .configure("all", "all", configure)
                .insert(log.clone())
                .insert(gate.clone())
        };
        let running = match links {
            Links::Memory => vec![builder().start().await.unwrap()],
            Links::Tcp => {
                let start = |id: &'static str| {
                    let tcp = Arc::new(Tcp::new(TcpOptions::default()));
                    builder().transport(tcp).start_only(move |info| info.id == id)
                };
                let ids = ["connector-1", "connector-2", "chat-1"];
                let started = futures::future::join_all(ids.map(start)).await;
                started.into_iter().map(Result::unwrap).collect()
            }
        };
        let world = Self { running, log, gate };
        let sees_all = |app: &App| app.servers("connector").len() == 2 && app.servers("chat").len() == 1;
        until(|| world.running.iter().flat_map(Running::apps).all(sees_all)).await;
        world
    }

    pub fn app(&self, server: &str) -> &App {
        self.running.iter().find_map(|running| running.app(server)).unwrap()
    }

    /// How many waits ran out, at all servers.
    pub fn ran_out(&self) -> u64 {
        let apps = self.running.iter().flat_map(Running::apps);
        apps.map(|app| app.counters().dropped(Dropped::CloseWait)).sum()
    }

    /// A client of a frontend, with its session as seen there.
    pub async fn client_of(&self, server: &str) -> (Client, Session) {
        let running = self.running.iter().find(|running| running.app(server).is_some()).unwrap();
        let client = connect(running.addresses(server)[0]).await;
        let id = client.request("connector.entryHandler.id", Value::Null).await;
        let id = id.as_str().unwrap().parse().unwrap();
        (client, self.app(server).sessions().get(id).unwrap())
    }

    pub async fn client(&self) -> (Client, Session) {
        self.client_of("connector-1").await
    }
}

/// A session with the reason of its closing.
pub fn why(session: &Session) -> Value {
    json!([session.uid(), session.close_reason()])
}

/// A port that is free, and that no outgoing connection takes meanwhile: systems take those from 32768 on.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(97);
    let ports = std::iter::repeat_with(|| 10_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000);
    let mut ports = ports.map(|port| port as u16);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}
