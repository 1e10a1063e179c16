//! The application of the tests: one server calls, others are called.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use pomelo::app::Running;
use pomelo::error::{ErrorKind, StartError};
use pomelo::server::{ServerId, ServerInfo};
use pomelo::{Event, Result, remote, to};
use pomelo_nats::{Nats, NatsError};

use super::until;

pomelo::servers! {
    caller: {},
    callee: { remotes: [EchoRemote] },
}

/// What the callees have got.
#[derive(Clone, Default)]
pub struct Got(pub Arc<AtomicU64>);

/// What a server was told of the others coming and going.
#[derive(Clone, Default)]
pub struct Events(Arc<Mutex<Vec<String>>>);

impl Events {
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    fn note(&self, event: &Event) {
        let text = match event {
            Event::AddServers(servers) => format!("added {:?}", ids(servers)),
            Event::RemoveServers(ids) => format!("removed {ids:?}"),
            Event::ReplaceServers(servers) => format!("expected {:?}", ids(servers)),
            _ => return,
        };
        self.0.lock().unwrap().push(text);
    }
}

/// The ids of servers, sorted: a list of several types is in no order.
fn ids(servers: &[Arc<ServerInfo>]) -> Vec<&ServerId> {
    let mut ids: Vec<_> = servers.iter().map(|info| &info.id).collect();
    ids.sort();
    ids
}

pub struct EchoRemote;

#[remote]
impl EchoRemote {
    pub async fn echo(text: String) -> Result<String> {
        Ok(text)
    }

    pub async fn count(got: &Got) -> Result<u64> {
        Ok(got.0.fetch_add(1, Ordering::AcqRel) + 1)
    }
}

/// servers.json of the tests.
pub const SERVERS: &str = r#"{ "caller": [{ "id": "caller-1" }], "callee": [{ "id": "callee-1" }] }"#;

/// One server, as a process of its own would be.
pub struct Server {
    pub running: Running<Rpc>,
    pub events: Events,
    pub got: Got,
    id: String,
}

impl Server {
    /// Starts a server of [`SERVERS`] whose transport and discovery are NATS.
    pub async fn start(nats: &Nats, id: &str) -> Self {
        Self::try_start(nats, SERVERS, id).await.unwrap_or_else(|error| panic!("{id} doesn't start: {error}"))
    }

    /// Starts a server of that servers.json, which may be refused.
    pub async fn try_start(nats: &Nats, servers: &str, id: &str) -> Result<Self, StartError> {
        let (events, got) = (Events::default(), Got::default());
        let noted = events.clone();
        let nats = Arc::new(nats.clone());
        let running = App::builder()
            .servers(servers)
            .insert(got.clone())
            .cluster_transport(nats.clone())
            .cluster_discovery(nats)
            .configure("all", "all", move |app| {
                let noted = noted.clone();
                app.on_event(move |_, event| noted.note(event));
            })
            .start_server(id, None)
            .await?;
        Ok(Self { running, events, got, id: id.to_owned() })
    }

    pub fn app(&self) -> &App {
        self.running.app(&self.id).expect("it runs")
    }

    pub fn incarnation(&self) -> String {
        self.app().report().incarnation.to_string()
    }

    pub async fn echo(&self, callee: &str, text: &str) -> Result<String> {
        self.app().rpc.callee.echo_remote.echo(to(callee), text).await
    }

    /// Waits until calls to that server are answered.
    pub async fn until_served(&self, callee: &str) {
        until(&format!("{} served by {callee}", self.id), async || self.echo(callee, "?").await.is_ok())
            .await;
    }

    /// Waits until calls to that server fail, which they do as refused: never by their deadline.
    pub async fn until_refused(&self, callee: &str) {
        until(&format!("{} refused by {callee}", self.id), async || match self.echo(callee, "?").await {
            Ok(_) => false,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
                true
            }
        })
        .await;
    }

    /// How many envelopes a broken link is said to have cost.
    pub fn counted(&self) -> u64 {
        self.app().report().dropped.get("link_broke").copied().unwrap_or_default()
    }

    pub async fn stop(self) {
        self.running.stop().await;
    }
}

/// What this crate said of why a start failed.
pub fn cause(error: &StartError) -> &NatsError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(next) = cause {
        if let Some(error) = next.downcast_ref() {
            return error;
        }
        cause = next.source();
    }
    panic!("nothing of NATS: {error:?}")
}

/// A caller and a callee that are linked.
pub async fn pair(nats: &Nats) -> (Server, Server) {
    let (caller, callee) = tokio::join!(Server::start(nats, "caller-1"), Server::start(nats, "callee-1"));
    caller.until_served("callee-1").await;
    caller.events.clear();
    callee.events.clear();
    (caller, callee)
}
