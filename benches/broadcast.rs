//! A push to a channel of 10 to 100,000 members at one frontend, in process: real encoding, null sink.
//!
//! `queue` is what the push costs until every member has the frame queued; `queue and write` also waits until the
//! flusher has written them all. Divide by the members for the cost of one.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pomelo::core::connector::Format;
use pomelo::core::message::{Body, Encoding};
use pomelo::core::outbox::{Outbox, Sink};
use pomelo::net::connector::Hybrid;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

pomelo::servers! {
    connector: {},
}

/// Takes everything at once, and counts the bytes.
struct NullSink(Arc<AtomicUsize>);

impl Sink for NullSink {
    fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes = frames.iter().map(|frame| frame.len()).sum();
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Ok(bytes)
    }

    fn wait_writable(&self, _: Arc<Outbox>) {}

    fn close(&self) {}
}

/// Frames as raw tcp has them, uncompressed.
struct Tcp;

impl Format for Tcp {
    fn encoding(&self) -> Encoding {
        Encoding::Json
    }

    fn push(&self, route: &str, body: &Body) -> pomelo::Result<Bytes> {
        use pomelo::net::protocol::message::RouteRef;
        use pomelo::net::protocol::outgoing::{Framing, push};
        Ok(push(Framing::Tcp, RouteRef::Name(route), &body.bytes)?)
    }

    fn response(&self, _: u64, body: &Body) -> pomelo::Result<Bytes> {
        Ok(body.bytes.clone())
    }

    fn kick(&self, _: &str) -> Bytes {
        Bytes::new()
    }
}

struct Room {
    channel: pomelo::channel::Channel,
    written: Arc<AtomicUsize>,
    _running: pomelo::core::app::Running<Rpc>,
}

async fn room(members: usize) -> pomelo::Result<Room> {
    let running = App::builder()
        .servers(r#"{ "connector": [{ "id": "connector-1", "frontend": true }] }"#)
        .configure("all", "connector", |app| app.connector(Hybrid::new().address(([127, 0, 0, 1], 0))))
        .start()
        .await?;
    let app = running.apps().next().cloned().ok_or_else(|| pomelo::Error::new(500, "no server"))?;
    let (frontend, written) = (app.frontend(), Arc::new(AtomicUsize::new(0)));
    let format = frontend.add_format(Arc::new(Tcp));
    let channel = app.channels().create("room");
    for member in 0..members {
        let outbox = Outbox::new(NullSink(written.clone()), frontend.flusher(), format, 1 << 20);
        let session = frontend.open(&outbox, None);
        let uid = format!("u{member}");
        app.sessions().bind(session.id(), uid.as_str()).await?;
        channel.add(uid, app.server_id())?;
    }
    Ok(Room { channel, written, _running: running })
}

/// The time that pushes take, and the time until they are written as well.
async fn measure(room: &Room, members: usize, pushes: u64) -> (Duration, Duration) {
    let message = json!({ "msg": "sixty-four bytes of text, more or less, as people write", "from": "u1", "target": "*" });
    let (mut queued, mut all) = (Duration::ZERO, Duration::ZERO);
    let frame = frame_length(&message);
    for _ in 0..pushes {
        let goal = room.written.load(Ordering::Relaxed) + members * frame;
        let start = Instant::now();
        room.channel.push("onChat", &message).expect("the channel exists");
        queued += start.elapsed();
        while room.written.load(Ordering::Relaxed) < goal {
            tokio::task::yield_now().await;
        }
        all += start.elapsed();
    }
    (queued, all)
}

fn frame_length(message: &serde_json::Value) -> usize {
    let body = Body::json(message.to_string());
    Tcp.push("onChat", &body).map_or(0, |frame| frame.len())
}

fn broadcast(criterion: &mut Criterion) {
    let runtime: Runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut group = criterion.benchmark_group("broadcast");
    group.sample_size(10).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    for members in [10, 100, 1_000, 10_000, 100_000] {
        let room = runtime.block_on(room(members)).expect("a room");
        group.throughput(Throughput::Elements(members as u64));
        group.bench_with_input(BenchmarkId::new("queue", members), &members, |bencher, &members| {
            bencher.iter_custom(|pushes| runtime.block_on(measure(&room, members, pushes)).0);
        });
        group.bench_with_input(
            BenchmarkId::new("queue and write", members),
            &members,
            |bencher, &members| {
                bencher.iter_custom(|pushes| runtime.block_on(measure(&room, members, pushes)).1);
            },
        );
    }
    group.finish();
}

criterion_group!(benches, broadcast);
criterion_main!(benches);
