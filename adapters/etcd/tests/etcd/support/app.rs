//! The application of the tests: one server calls, others are called, by tcp.

use std::sync::{Arc, Mutex};

use etcd_client::{Client, GetOptions, PutOptions};
use pomelo::app::Running;
use pomelo::error::StartError;
use pomelo::net::transport::{Tcp, TcpOptions};
use pomelo::{Event, Result, remote, to};
use pomelo_etcd::Etcd;
use serde_json::json;

use super::server::{EtcdServer, free_port};
use super::{HANG_TIMEOUT, TTL, until};

pomelo::servers! {
    caller: {},
    callee: { remotes: [EchoRemote] },
}

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
            Event::AddServers(servers) => {
                format!("added {:?}", servers.iter().map(|info| &info.id).collect::<Vec<_>>())
            }
            Event::RemoveServers(ids) => format!("removed {ids:?}"),
            Event::ReplaceServers(servers) => {
                let mut ids: Vec<_> = servers.iter().map(|info| &info.id).collect();
                ids.sort();
                format!("expected {ids:?}")
            }
            _ => return,
        };
        self.0.lock().unwrap().push(text);
    }
}

pub struct EchoRemote;

#[remote]
impl EchoRemote {
    pub async fn echo(text: String) -> Result<String> {
        Ok(text)
    }
}

/// etcd as the tests use it.
pub fn etcd(server: &EtcdServer) -> Etcd {
    Etcd::new([server.url()]).ttl(TTL)
}

/// The same, with time for a machine that is busy: an etcd that is slow to connect is not away.
pub fn patient(server: &EtcdServer) -> Etcd {
    etcd(server).connect_timeout(HANG_TIMEOUT).answer(HANG_TIMEOUT / 12)
}

/// One server, as a process of its own would be.
pub struct Server {
    pub running: Running<Rpc>,
    pub events: Events,
    id: String,
}

impl Server {
    /// Starts a server that no file has, on a free port: there is no servers.json, nor a directory where it could be.
    pub async fn start(etcd: &Etcd, id: &str) -> Self {
        Self::try_start(etcd, id).await.unwrap_or_else(|error| panic!("{id} doesn't start: {error}"))
    }

    /// As [`start`](Self::start), which may be refused.
    pub async fn try_start(etcd: &Etcd, id: &str) -> Result<Self, StartError> {
        let server_type = id.split('-').next().expect("a type");
        let entry = json!({ "id": id, "serverType": server_type, "host": "127.0.0.1", "port": free_port() });
        let events = Events::default();
        let noted = events.clone();
        let running = App::builder()
            .config_dir("/nowhere/config")
            .cluster_transport(Arc::new(Tcp::new(TcpOptions::default())))
            .cluster_discovery(Arc::new(etcd.clone()))
            .configure("all", "all", move |app| {
                let noted = noted.clone();
                app.on_event(move |_, event| noted.note(event));
            })
            .start_joining(entry.as_object().cloned().expect("an object"))
            .await?;
        Ok(Self { running, events, id: id.to_owned() })
    }

    pub fn app(&self) -> &App {
        self.running.app(&self.id).expect("it runs")
    }

    pub fn incarnation(&self) -> String {
        self.app().report().incarnation.to_string()
    }

    /// The callees that are up.
    pub fn callees(&self) -> Vec<String> {
        self.app().servers("callee").iter().map(|info| info.id.to_string()).collect()
    }

    pub async fn echo(&self, callee: &str, text: &str) -> Result<String> {
        self.app().rpc.callee.echo_remote.echo(to(callee), text).await
    }

    /// Waits until calls to that server are answered.
    pub async fn until_served(&self, callee: &str) {
        until(&format!("{} served by {callee}", self.id), async || self.echo(callee, "?").await.is_ok())
            .await;
    }

    pub async fn stop(self) {
        self.running.stop().await;
    }
}

/// A caller and a callee that are linked.
pub async fn pair(etcd: &Etcd) -> (Server, Server) {
    let (caller, callee) = tokio::join!(Server::start(etcd, "caller-1"), Server::start(etcd, "callee-1"));
    caller.until_served("callee-1").await;
    callee.events.until_expecting_two().await;
    caller.events.until_expecting_two().await;
    caller.events.clear();
    callee.events.clear();
    (caller, callee)
}

impl Events {
    async fn until_expecting_two(&self) {
        let both = "expected [\"callee-1\", \"caller-1\"]".to_owned();
        until("both expected", async || self.all().contains(&both)).await;
    }
}

/// What etcd holds of the cluster: the keys, with the leases that they go with.
pub async fn keys(server: &EtcdServer) -> Vec<(String, i64)> {
    let mut client = client(server).await;
    let got = client.get("/pomelo/", Some(GetOptions::new().with_prefix())).await.expect("the keys");
    got.kvs().iter().map(|kv| (kv.key_str().expect("a text").to_owned(), kv.lease())).collect()
}

pub async fn client(server: &EtcdServer) -> Client {
    Client::connect([server.url()], None).await.expect("a client")
}

/// Writes the key of a process that is no more, as it left it, with a lease of so many seconds.
pub async fn leave_behind(server: &EtcdServer, id: &str, incarnation: u64, ttl: i64) {
    let server_type = id.split('-').next().expect("a type");
    let member = json!({
        "info": { "id": id, "serverType": server_type, "host": "127.0.0.1", "port": 1 },
        "incarnation": incarnation, "methods": {}, "encodings": []
    });
    let entry = json!({ "member": member, "pid": 4_000_000, "version": 0, "left": false });
    let mut client = client(server).await;
    let lease = client.lease_grant(ttl, None).await.expect("a lease").id();
    let options = PutOptions::new().with_lease(lease);
    client
        .put(format!("/pomelo/servers/{id}"), entry.to_string(), Some(options))
        .await
        .expect("it is written");
}
