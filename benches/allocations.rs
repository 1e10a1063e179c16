//! Allocations: their number for a delivery and a request, and what a burst leaves behind.

use std::sync::Arc;

use allocation_counter::measure;
use bytes::Bytes;
use pomelo::ext::connector::{Appended, Outbox};
use pomelo_benches::backend::Backend;
use pomelo_benches::null::{NullSink, Tcp};
use pomelo_benches::request::{AT_A_BACKEND, Client, HERE};
use pomelo_benches::room::Rooms;
use pomelo_benches::servers;
use tokio::runtime::{Builder, Runtime};

/// Enough for what is kept from one time to the next to be there.
const WARM_UP: usize = 20;
const TIMES: u64 = 100;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Allocations of each time, on average.
fn allocations(mut work: impl FnMut()) -> f64 {
    (0..WARM_UP).for_each(|_| work());
    let counted = measure(|| (0..TIMES).for_each(|_| work()));
    counted.count_total as f64 / TIMES as f64
}

fn of_a_push(members: usize) -> f64 {
    let runtime = runtime();
    let rooms = runtime.block_on(Rooms::new(1, members)).unwrap();
    let room = &rooms[0];
    allocations(|| runtime.block_on(room.written(room.push())))
}

#[test]
fn a_delivery_allocates_nothing() {
    let (few, many) = (of_a_push(10), of_a_push(1_000));
    println!("a push to 10: {few}, to 1,000: {many}");
    assert!(many <= few + 1.0, "990 more members cost {} allocations", many - few);
}

#[test]
fn a_push_costs_the_backend_the_same_however_many_there_are() {
    let runtime = runtime();
    let of_a_push = |members| {
        let backend = runtime.block_on(Backend::new(members)).unwrap();
        let before = backend.sent();
        let count = allocations(|| backend.push());
        (count, backend.sent() - before)
    };
    let (few, many) = (of_a_push(10), of_a_push(10_000));
    println!("a push to 10: {few:?}, to 10,000: {many:?}");
    assert_eq!(few, many);
    assert_eq!(few.1, WARM_UP as u64 + TIMES, "one envelope each");
}

/// Three of them are the texts of the message, one is the handler's, and two the worker's; filters that wait for nothing take none.
#[test]
fn a_request_allocates_at_most_fourteen_times() {
    let runtime = runtime();
    let client = runtime.block_on(Client::new()).unwrap();
    let [here, backend] =
        [HERE, AT_A_BACKEND].map(|route| allocations(|| runtime.block_on(client.ask(route))));
    println!("here: {here}, at a backend: {backend}");
    // What grows now and then, such as a table, is a hundredth of an allocation each time.
    assert!(here.round() <= 14.0 && backend.round() <= 14.0, "here {here}, at a backend {backend}");
}

#[test]
fn a_burst_of_a_megabyte_leaves_at_most_512_bytes_at_a_connection() {
    const BURST: usize = 1024 * 1024;
    let (runtime, sink) = (runtime(), NullSink::default());
    let running = runtime.block_on(servers().start()).unwrap();
    let frontend = running.app("connector-1").unwrap().frontend();
    let format = frontend.add_format(Arc::new(Tcp)).unwrap();
    let frame = Bytes::from_static(&[b'x'; 64]);
    let burst = |outbox: &Arc<Outbox>| {
        let goal = sink.written() + BURST;
        for _ in 0..BURST / frame.len() {
            assert!(matches!(outbox.send(frame.clone()), Appended::Queued | Appended::NeedsFlush));
        }
        runtime.block_on(async {
            sink.reaches(goal).await;
            // The flusher puts its things away.
            tokio::task::yield_now().await;
        });
    };
    let outbox = || Outbox::new(sink.clone(), frontend.flusher(), format, BURST * 2);
    // What the thread and the flusher keep is there.
    burst(&outbox());
    let outbox = outbox();
    let counted = measure(|| burst(&outbox));
    println!("of {} bytes at most, {} stayed", counted.bytes_max, counted.bytes_current);
    assert!(counted.bytes_max > (BURST / 4) as u64 && counted.bytes_current <= 512);
}
