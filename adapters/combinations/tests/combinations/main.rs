//! Each discovery with each transport does what an application needs of the two: servers are found, come, go and come back, and calls
//! reach them or fail at once.

#[path = "../../../etcd/tests/etcd/support/server.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod etcd_server;
mod nats_server;

use std::sync::Arc;
use std::time::Duration;

use etcd_server::{EtcdServer, free_port};
use nats_server::NatsServer;
use pomelo::app::Running;
use pomelo::error::{ErrorKind, StartError};
use pomelo::ext::discovery::Discovery;
use pomelo::ext::transport::Transport;
use pomelo::master::{Master, MasterDiscovery, MasterSetup};
use pomelo::net::cluster::StaticDiscovery;
use pomelo::net::link::secret::Secret;
use pomelo::net::transport::{Memory, Tcp, TcpOptions};
use pomelo::server::ServerInfo;
use pomelo::{Result, remote, to};
use pomelo_etcd::Etcd;
use pomelo_nats::Nats;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

pomelo::servers! {
    caller: {},
    callee: { remotes: [EchoRemote] },
}

struct EchoRemote;

#[remote]
impl EchoRemote {
    pub async fn echo(text: String) -> Result<String> {
        Ok(text)
    }
}

/// How long anything may take before it is said to hang: far longer than any machine needs.
const HANG_TIMEOUT: Duration = Duration::from_secs(60);

/// Waits until `condition` holds.
async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !condition().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(timeout(HANG_TIMEOUT, waiting).await.is_ok(), "this never came: {what}");
}

/// The servers of servers.json, where there is one.
struct Listed(Vec<Arc<ServerInfo>>);

impl Listed {
    fn new() -> Self {
        let info = |id: &str| {
            let server_type = id.split('-').next().unwrap_or_default();
            let entry =
                json!({ "id": id, "serverType": server_type, "host": "127.0.0.1", "port": free_port() });
            Arc::new(serde_json::from_value(entry).expect("an entry"))
        };
        Self(["caller-1", "callee-1", "callee-2"].map(info).into())
    }

    /// As servers.json has those.
    fn json(&self, ids: &[&str]) -> Value {
        let mut all = json!({});
        for info in self.0.iter().filter(|info| ids.contains(&info.id.as_str())) {
            let list = all.as_object_mut().expect("an object").entry(&*info.server_type);
            list.or_insert(json!([])).as_array_mut().expect("a list").push(json!(info));
        }
        all
    }
}

/// A discovery, and what runs for it.
enum Found {
    Static,
    Master(Box<Master>, TempDir),
    Etcd(EtcdServer),
    Nats(NatsServer),
}

/// A transport, and what runs for it.
enum Moved {
    Memory(Arc<Memory>),
    Tcp,
    Nats(NatsServer),
}

impl Found {
    async fn master(listed: &Listed) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let config = dir.path().join("config");
        std::fs::create_dir(&config).expect("a directory");
        let write = |name: &str, value: Value| std::fs::write(config.join(name), value.to_string());
        write("servers.json", listed.json(&["caller-1", "callee-1"])).expect("it is written");
        let master = json!({ "id": "master-1", "host": "127.0.0.1", "port": free_port() });
        write("master.json", master).expect("it is written");
        let read = pomelo::config::Config::read(&config, "development").expect("a configuration");
        let mut setup = MasterSetup::new(Arc::new(read)).expect("a setup");
        (setup.base_dir, setup.log_dir) = (dir.path().to_owned(), dir.path().join("logs"));
        Self::Master(Box::new(Master::start(&setup).await.expect("a master")), dir)
    }

    /// The discovery of one process.
    fn make(&self, listed: &Listed) -> Arc<dyn Discovery> {
        match self {
            Self::Static => Arc::new(StaticDiscovery::new(listed.0.clone())),
            Self::Master(master, dir) => {
                let token = std::fs::read_to_string(dir.path().join("logs/master-1.token")).expect("a token");
                let of_file = listed.0.iter().filter(|info| info.id != *"callee-2").cloned();
                let discovery = MasterDiscovery::new(master.address().to_string(), of_file);
                Arc::new(discovery.token("*", Secret::new(token.trim()).expect("a token")))
            }
            Self::Etcd(server) => Arc::new(Etcd::new([server.url()]).ttl(Duration::from_secs(5))),
            Self::Nats(server) => Arc::new(Nats::new(server.url())),
        }
    }

    /// Whether servers are known that no file has.
    fn knows_who_comes(&self) -> bool {
        !matches!(self, Self::Static)
    }
}

impl Moved {
    fn make(&self) -> Arc<dyn Transport> {
        match self {
            Self::Memory(memory) => memory.clone(),
            Self::Tcp => Arc::new(Tcp::new(TcpOptions::default())),
            Self::Nats(server) => Arc::new(Nats::new(server.url())),
        }
    }
}

/// What the servers of a test share.
struct World {
    listed: Listed,
    found: Found,
    moved: Moved,
}

/// One server, as a process of its own would be.
struct Server {
    id: &'static str,
    running: Running<Rpc>,
}

impl World {
    async fn start(&self, id: &'static str) -> Server {
        self.try_start(id).await.unwrap_or_else(|error| panic!("{id} doesn't start: {error}"))
    }

    async fn try_start(&self, id: &'static str) -> Result<Server, StartError> {
        let running = App::builder()
            .servers(self.listed.json(&[id]).to_string())
            .cluster_transport(self.moved.make())
            .cluster_discovery(self.found.make(&self.listed))
            .start_server(id, None)
            .await?;
        Ok(Server { id, running })
    }
}

impl Server {
    async fn echo(&self, callee: &str) -> Result<String> {
        let app = self.running.app(self.id).expect("it runs");
        app.rpc.callee.echo_remote.echo(to(callee), "well").await
    }

    fn callees(&self) -> Vec<String> {
        let app = self.running.app(self.id).expect("it runs");
        app.servers("callee").iter().map(|info| info.id.to_string()).collect()
    }
}

/// What must hold of each discovery with each transport.
async fn works(found: Found, moved: Moved, listed: Listed) {
    let world = World { listed, found, moved };
    let (caller, callee) = tokio::join!(world.start("caller-1"), world.start("callee-1"));
    until("calls served", async || caller.echo("callee-1").await.is_ok()).await;

    // One comes that no file has, unless the file is all that there is.
    assert_eq!(caller.callees(), ["callee-1"]);
    let comes = world.start("callee-2").await;
    until("the newcomer serves", async || caller.echo("callee-2").await.is_ok()).await;
    until("both known", async || caller.callees() == ["callee-1", "callee-2"]).await;

    // One goes: calls to it fail at once, and the others are none the worse.
    callee.running.stop().await;
    until("its end known", async || caller.callees() == ["callee-2"]).await;
    let error = caller.echo("callee-1").await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Refused | ErrorKind::NoServer), "{error}");
    assert_eq!(caller.echo("callee-2").await.unwrap(), "well");

    // It comes back, as another process. Of an id that is taken there is no second one; within one process, which memory is for, nobody
    // starts one.
    let again = world.start("callee-1").await;
    until("it serves again", async || caller.echo("callee-1").await.is_ok()).await;
    if world.found.knows_who_comes() && !matches!(world.moved, Moved::Memory(_)) {
        let second = world.try_start("callee-2").await;
        assert!(second.is_err(), "two processes have one id");
    }
    assert_eq!(caller.echo("callee-2").await.unwrap(), "well");

    for server in [caller, comes, again] {
        server.running.stop().await;
    }
    if let Found::Master(master, _) = world.found {
        master.close().await;
    }
}

async fn memory() -> Moved {
    Moved::Memory(Arc::new(Memory::new()))
}

async fn tcp() -> Moved {
    Moved::Tcp
}

async fn nats() -> Moved {
    Moved::Nats(NatsServer::start().await)
}

/// Runs one discovery with all transports, each with what it needs of its own.
async fn with_all(found: impl AsyncFn(&Listed) -> Found) {
    for (name, moved) in [("memory", memory().await), ("tcp", tcp().await), ("NATS", nats().await)] {
        println!("with {name}");
        let listed = Listed::new();
        works(found(&listed).await, moved, listed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_json_works_with_memory_tcp_and_nats() {
    with_all(async |_| Found::Static).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_works_with_memory_tcp_and_nats() {
    with_all(async |listed| Found::master(listed).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn etcd_works_with_memory_tcp_and_nats() {
    with_all(async |_| Found::Etcd(EtcdServer::start().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_over_nats_works_with_memory_tcp_and_nats() {
    with_all(async |_| Found::Nats(NatsServer::start().await)).await;
}
