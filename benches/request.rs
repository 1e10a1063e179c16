//! A client's request in process: session, filters, router, dispatch, handler and answer, with a sink that takes it.

use criterion::{Criterion, criterion_group, criterion_main};
use pomelo_benches::request::{AT_A_BACKEND, Client, HERE};
use tokio::runtime::Builder;

fn request(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let client = runtime.block_on(Client::new()).expect("two servers");
    let mut group = criterion.benchmark_group("request in process");
    for (name, route) in [("here", HERE), ("at a backend", AT_A_BACKEND)] {
        group.bench_function(name, |bencher| bencher.to_async(&runtime).iter(|| client.ask(route)));
    }
    group.finish();
}

criterion_group!(benches, request);
criterion_main!(benches);
