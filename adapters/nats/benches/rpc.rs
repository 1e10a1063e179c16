//! Calls and broadcasts between servers over memory, tcp and NATS, in one run: wall time and processor time of each, the processor
//! time being that of both sides and of nats-server.
//!
//! ```sh
//! cargo bench --manifest-path adapters/nats/Cargo.toml
//! ```
//!
//! It needs Linux (`/proc`) and nats-server. Read ratios, not absolutes: medians of five rounds on one thread.

#[path = "../tests/nats/support/mod.rs"]
mod support;

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use pomelo::app::Running;
use pomelo::ext::transport::Transport;
use pomelo::net::cluster::StaticDiscovery;
use pomelo::net::transport::{Memory, Tcp, TcpOptions};
use pomelo::server::ServerInfo;
use pomelo::{Result, remote, to};
use pomelo_nats::Nats;
use support::{NatsServer, free_port, until};

pomelo::servers! {
    connector: {},
    chat: { remotes: [ChatRemote] },
}

/// How many frontends a broadcast goes to.
const FRONTENDS: usize = 4;

/// How long a round is, about.
const ROUND: Duration = Duration::from_millis(700);

/// The ticks of a processor's time in `/proc`, a second.
const TICKS_PER_SECOND: f64 = 100.0;

struct ChatRemote;

#[remote]
impl ChatRemote {
    /// As the chat service's list of users.
    pub async fn users(room: String, count: usize) -> Result<Vec<String>> {
        Ok((0..count).map(|number| format!("{room}*{number}")).collect())
    }
}

/// The servers, each as a process of its own would be.
struct World {
    chat: Running<Rpc>,
    connectors: Vec<Running<Rpc>>,
}

impl World {
    async fn start(transport: impl Fn() -> Arc<dyn Transport>) -> Result<Self> {
        let entry = |id: String| serde_json::json!({ "id": id, "port": free_port() });
        let connectors: Vec<_> = (1..=FRONTENDS).map(|n| entry(format!("connector-{n}"))).collect();
        let servers =
            serde_json::json!({ "connector": connectors, "chat": [entry("chat-1".into())] }).to_string();
        let start = |id: String| {
            let list = serde_json::from_str::<serde_json::Value>(&servers).expect("it was written here");
            let listed = list.as_object().into_iter().flatten().flat_map(|(server_type, entries)| {
                entries.as_array().into_iter().flatten().map(move |entry| {
                    let mut entry = entry.clone();
                    entry["serverType"] = server_type.clone().into();
                    Arc::new(serde_json::from_value::<ServerInfo>(entry).expect("an entry"))
                })
            });
            let discovery = Arc::new(StaticDiscovery::new(listed));
            let builder =
                App::builder().servers(&servers).cluster_transport(transport()).cluster_discovery(discovery);
            async move { builder.start_server(&id, None).await }
        };
        let connectors = join_all((1..=FRONTENDS).map(|n| start(format!("connector-{n}"))));
        let (chat, connectors) = tokio::join!(start("chat-1".to_owned()), connectors);
        let world = Self { chat: chat?, connectors: connectors.into_iter().collect::<Result<_, _>>()? };
        until("everybody linked", async || {
            world.caller().servers("chat").len() == 1 && world.chat().servers("connector").len() == FRONTENDS
        })
        .await;
        Ok(world)
    }

    fn caller(&self) -> &App {
        self.connectors[0].app("connector-1").expect("it is up")
    }

    fn chat(&self) -> &App {
        self.chat.app("chat-1").expect("it is up")
    }

    /// Calls, so many at once.
    async fn call(&self, in_flight: usize) {
        let remote = &self.caller().rpc.chat.chat_remote;
        let calls = (0..in_flight).map(|_| remote.users(to("chat-1"), "den", 4).into_future());
        for answer in join_all(calls).await {
            answer.expect("an answer");
        }
    }

    /// Broadcasts, so many, and waits until all have arrived, which a call behind them shows.
    async fn broadcast(&self, count: usize) {
        for _ in 0..count {
            let message = serde_json::json!({ "msg": "hello, everybody", "from": "ann" });
            self.chat().channels().broadcast("connector", "onChat", &message).expect("it is queued");
        }
        self.call(1).await;
    }

    async fn stop(self) {
        join_all(self.connectors.into_iter().map(Running::stop)).await;
        self.chat.stop().await;
    }
}

/// The time that processors have spent on a process, in seconds.
fn processor_time(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND
}

/// Microseconds of wall time, of our processor time and of nats-server's for each operation, medians of five rounds.
async fn measure(server: Option<u32>, operations: usize, work: impl AsyncFn()) -> [f64; 3] {
    let mut rounds = Vec::new();
    for round in 0..6 {
        let times = || (processor_time(std::process::id()), server.map_or(0.0, processor_time));
        let (began, before, mut count) = (Instant::now(), times(), 0);
        while began.elapsed() < ROUND {
            work().await;
            count += operations;
        }
        let (wall, after) = (began.elapsed().as_secs_f64(), times());
        // The first one warms up.
        if round > 0 {
            let each = |seconds: f64| seconds * 1e6 / count as f64;
            rounds.push([each(wall), each(after.0 - before.0), each(after.1 - before.1)]);
        }
    }
    let median = |index: usize| {
        let mut values: Vec<_> = rounds.iter().map(|round| round[index]).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    [median(0), median(1), median(2)]
}

async fn run(name: &str, server: Option<u32>, transport: impl Fn() -> Arc<dyn Transport>) -> Result<()> {
    let world = World::start(transport).await?;
    let rows = [
        ("a call alone", measure(server, 1, async || world.call(1).await).await),
        ("64 calls at once, each", measure(server, 64, async || world.call(64).await).await),
        ("64 broadcasts to 4 frontends, each", measure(server, 64, async || world.broadcast(64).await).await),
    ];
    for (what, [wall, own, nats]) in rows {
        let all = own + nats;
        println!("{name:8} {what:36} {wall:8.1} µs   processor {all:6.1} µs = {own:.1} + {nats:.1}");
    }
    world.stop().await;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let nats = NatsServer::start().await;
    let memory = Memory::new();
    run("memory", None, || Arc::new(memory.clone())).await?;
    run("tcp", None, || Arc::new(Tcp::new(TcpOptions::default()))).await?;
    let options = Nats::new(nats.url());
    run("NATS", Some(nats.pid()), || Arc::new(options.clone())).await
}
