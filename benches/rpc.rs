//! Calls between two servers of this process: over the memory transport, which is the whole way but for a socket, and over
//! tcp on loopback. `tarpc/` has the same over tcp beside another library, with processor time.
//!
//! `one in flight` waits for each answer; `64 in flight` begins that many before it waits for the first.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures::future::join_all;
use pomelo::app::Running;
use pomelo::ext::transport::Transport;
use pomelo::net::transport::{Memory, Tcp, TcpOptions};
use pomelo::{Result, key, remote, to};
use tokio::runtime::{Builder, Runtime};

/// Makes a transport for each process.
type Make = fn() -> Arc<dyn Transport>;

pomelo::servers! {
    connector: {},
    chat: { remotes: [ChatRemote] },
}

const IN_FLIGHT: usize = 64;

struct ChatRemote;

#[remote]
impl ChatRemote {
    /// As the chat service's `add`, without a room.
    pub async fn add(uid: String, sid: String, rid: String, create: bool) -> Result<usize> {
        Ok(uid.len() + sid.len() + rid.len() + usize::from(create))
    }
}

async fn start(transport: Arc<dyn Transport>) -> Result<Running<Rpc>> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let servers = format!(
        r#"{{ "connector": [{{ "id": "connector-1" }}],
             "chat": [{{ "id": "chat-1", "port": {port} }}] }}"#
    );
    Ok(App::builder().servers(servers).transport(transport).start().await?)
}

async fn one(app: &App) -> usize {
    let remote = &app.rpc.chat.chat_remote;
    remote.add(to("chat-1"), "ann*den", "connector-1", "den", true).await.expect("an answer")
}

async fn many(app: &App) {
    let remote = &app.rpc.chat.chat_remote;
    let calls = (0..IN_FLIGHT)
        .map(|n| remote.add(key(n.to_string()), "ann*den", "connector-1", "den", true).into_future());
    for answer in join_all(calls).await {
        answer.expect("an answer");
    }
}

fn rpc(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rpc");
    group.measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_millis(500));
    let transports: [(&str, Make); 2] =
        [("memory", || Arc::new(Memory::new())), ("tcp", || Arc::new(Tcp::new(TcpOptions::default())))];
    for (transport, make) in transports {
        for threads in ["one thread", "all cores"] {
            let mut builder = match threads {
                "one thread" => Builder::new_current_thread(),
                _ => Builder::new_multi_thread(),
            };
            let runtime = builder.enable_all().build().expect("a runtime");
            calls(&mut group, &runtime, &format!("{transport}, {threads}"), make());
        }
    }
    group.finish();
}

fn calls(
    group: &mut BenchmarkGroup<'_, WallTime>,
    runtime: &Runtime,
    name: &str,
    transport: Arc<dyn Transport>,
) {
    let running = runtime.block_on(start(transport)).expect("two servers");
    let app = running.app("connector-1").expect("it is up");
    group.throughput(Throughput::Elements(1));
    group.bench_function(BenchmarkId::new("one in flight", name), |bencher| {
        bencher.to_async(runtime).iter(|| one(app));
    });
    group.throughput(Throughput::Elements(IN_FLIGHT as u64));
    group.bench_function(BenchmarkId::new("64 in flight", name), |bencher| {
        bencher.to_async(runtime).iter(|| many(app));
    });
    runtime.block_on(running.stop());
}

criterion_group!(benches, rpc);
criterion_main!(benches);
