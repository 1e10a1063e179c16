//! Joining, leaving and looking a member up in a channel of 1,000 to 100,000 members at a frontend that is never reached.
//!
//! Whoever leaves joins again, so that the channel keeps its size: first the one that has been a member for longest, then
//! one from anywhere.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use pomelo::channel::Channel;
use pomelo_benches::backend::Backend;
use tokio::runtime::Builder;

const FRONTEND: &str = "connector-1";

/// Goes through all members in an order that looks like none.
const STRIDE: usize = 7_919;

/// A member leaves, and joins again at the end.
fn come_and_go(channel: &Channel, uid: &str) {
    assert!(channel.leave(uid, FRONTEND), "{uid} is a member");
    channel.add(uid, FRONTEND).expect("the channel exists");
}

fn membership(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut group = criterion.benchmark_group("membership");
    group.sample_size(20);
    for count in [1_000, 10_000, 100_000] {
        let backend = runtime.block_on(Backend::new(count)).expect("a channel");
        let names: Vec<String> = (0..count).map(|nth| format!("u{nth}")).collect();
        let mut measure = |what: &str, stride: usize, act: &dyn Fn(&Channel, &str)| {
            let mut nth = 0;
            group.bench_function(BenchmarkId::new(what, count), |bencher| {
                bencher.iter(|| {
                    act(backend.channel(), &names[nth]);
                    nth = (nth + stride) % count;
                });
            });
        };
        measure("leave and add, the first", 1, &come_and_go);
        measure("leave and add, any", STRIDE, &come_and_go);
        measure("member", STRIDE, &|channel, uid| assert!(channel.member(uid).is_some()));
    }
    group.finish();
}

criterion_group!(benches, membership);
criterion_main!(benches);
