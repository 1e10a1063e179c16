//! Calls between two servers of this process: the whole way but for a socket.
//!
//! `one in flight` waits for each answer; `64 in flight` begins that many before it waits for the first.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures::future::join_all;
use pomelo::core::app::Running;
use pomelo::{Result, key, remote, to};
use tokio::runtime::Builder;

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

async fn start() -> Result<Running<Rpc>> {
    let servers =
        r#"{ "connector": [{ "id": "connector-1", "frontend": true }], "chat": [{ "id": "chat-1" }] }"#;
    App::builder().servers(servers).start().await
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
    for name in ["one thread", "all cores"] {
        let mut builder =
            if name == "one thread" { Builder::new_current_thread() } else { Builder::new_multi_thread() };
        let runtime = builder.enable_all().build().expect("a runtime");
        let running = runtime.block_on(start()).expect("two servers");
        let app = running.app("connector-1").expect("it is up");
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("one in flight", name), |bencher| {
            bencher.to_async(&runtime).iter(|| one(app));
        });
        group.throughput(Throughput::Elements(IN_FLIGHT as u64));
        group.bench_function(BenchmarkId::new("64 in flight", name), |bencher| {
            bencher.to_async(&runtime).iter(|| many(app));
        });
        runtime.block_on(running.stop());
    }
    group.finish();
}

criterion_group!(benches, rpc);
criterion_main!(benches);
