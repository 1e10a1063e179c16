//! A push to a channel of 10 to 100,000 members at one frontend, in process: real encoding, null sink.
//!
//! `queue` is what the push costs until every member has the frame queued; `queue and write` also waits until the
//! flusher has written them all. Divide by the members for the cost of one. `broadcast at the backend` is what it costs a
//! server whose members are all at another one.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pomelo_benches::backend::Backend;
use pomelo_benches::room::Room;
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// The time that pushes take, and the time until they are written as well.
async fn measure(room: &Room, pushes: u64) -> (Duration, Duration) {
    let (mut queued, mut all) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..pushes {
        let start = Instant::now();
        let goal = room.push();
        queued += start.elapsed();
        room.written(goal).await;
        all += start.elapsed();
    }
    (queued, all)
}

fn broadcast(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("broadcast");
    group.sample_size(10).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    for members in [10, 100, 1_000, 10_000, 100_000] {
        let room = runtime.block_on(Room::new(members)).expect("a room");
        group.throughput(Throughput::Elements(members as u64));
        group.bench_function(BenchmarkId::new("queue", members), |bencher| {
            bencher.iter_custom(|pushes| runtime.block_on(measure(&room, pushes)).0);
        });
        group.bench_function(BenchmarkId::new("queue and write", members), |bencher| {
            bencher.iter_custom(|pushes| runtime.block_on(measure(&room, pushes)).1);
        });
    }
    group.finish();
}

/// The backend's share of a push, whose frontend is elsewhere.
fn backend(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("broadcast at the backend");
    group.sample_size(20).measurement_time(Duration::from_secs(1)).warm_up_time(Duration::from_millis(500));
    for members in [10, 100_000] {
        let backend = runtime.block_on(Backend::new(members)).expect("a channel");
        group.bench_function(BenchmarkId::from_parameter(members), |bencher| bencher.iter(|| backend.push()));
    }
    group.finish();
}

criterion_group!(benches, broadcast, backend);
criterion_main!(benches);
