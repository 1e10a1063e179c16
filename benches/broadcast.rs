//! A push to a channel of 10 to 100,000 members at one frontend, in process: real encoding, null sink.
//!
//! `queue` is what the push costs until every member has the frame queued; `queue and write` also waits until the
//! flusher has written them all. Divide by the members for the cost of one. `broadcast at the backend` is what it costs a
//! server whose members are all at another one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pomelo_benches::backend::Backend;
use pomelo_benches::room::{Room, Rooms};
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
        let rooms = runtime.block_on(Rooms::new(1, members)).expect("a room");
        group.throughput(Throughput::Elements(members as u64));
        group.bench_function(BenchmarkId::new("queue", members), |bencher| {
            bencher.iter_custom(|pushes| runtime.block_on(measure(&rooms[0], pushes)).0);
        });
        group.bench_function(BenchmarkId::new("queue and write", members), |bencher| {
            bencher.iter_custom(|pushes| runtime.block_on(measure(&rooms[0], pushes)).1);
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

/// Every task pushes to rooms of its own, and to the next round of them when all of one is written.
async fn push_all(rooms: Arc<[Room]>, task: usize, rounds: u64) {
    let own = || rooms.iter().skip(task).step_by(TASKS);
    for _ in 0..rounds {
        let goals: Vec<usize> = own().map(Room::push).collect();
        for (room, goal) in own().zip(goals) {
            room.written(goal).await;
        }
    }
}

async fn rounds(rooms: &Arc<[Room]>, rounds: u64) -> Duration {
    let start = Instant::now();
    let tasks: Vec<_> = (0..TASKS).map(|task| tokio::spawn(push_all(rooms.clone(), task, rounds))).collect();
    for task in tasks {
        task.await.expect("it pushes");
    }
    start.elapsed()
}

/// How many tasks push at a time where there are several threads.
const TASKS: usize = 8;

/// Many rooms that several tasks push to, on one thread and on two.
fn threads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("broadcast on threads");
    group.sample_size(10).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    for (count, members) in [(1_000, 10), (80, 100), (8, 1_000)] {
        for threads in [1, 2] {
            let runtime =
                Builder::new_multi_thread().worker_threads(threads).enable_all().build().expect("a runtime");
            let rooms = runtime.block_on(Rooms::new(count, members)).expect("rooms");
            group.throughput(Throughput::Elements((count * members) as u64));
            group.bench_function(
                BenchmarkId::new(format!("{count} rooms of {members}"), threads),
                |bencher| {
                    bencher.iter_custom(|times| runtime.block_on(rounds(&rooms.shared(), times)));
                },
            );
        }
    }
    group.finish();
}

criterion_group!(benches, broadcast, threads, backend);
criterion_main!(benches);
