//! Remote calls over tcp on loopback, ours beside tarpc's: the same call, in the same process, in turns.
//!
//! The caller and the callee of each share the process and its runtime, so that its processor time is that of both sides.
//! A round is some ten thousand calls of the one and then of the other; what is printed are medians of all rounds, and how
//! many times ours goes into tarpc's.

mod ours;
mod round;
mod theirs;

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use round::{Cost, Load, measure, median};

const ROUNDS: usize = 15;
const WARM_UP: Duration = Duration::from_millis(300);

fn main() {
    println!("| runtime, calls in flight | | pomelo-rs | tarpc | tarpc / ours |\n|---|---|---|---|---|");
    for (name, threads) in [("one thread", 0), ("2 threads", 2)] {
        for in_flight in [1, 64] {
            let (ours, theirs) = compare(threads, Load { in_flight });
            print(name, in_flight, ours, theirs);
        }
    }
}

/// Measures the two in turns, each in a runtime of its own.
fn compare(threads: usize, load: Load) -> (Cost, Cost) {
    let runtimes = (runtime(threads), runtime(threads));
    let (ours, servers) = runtimes.0.block_on(ours::Ours::start());
    let theirs = runtimes.1.block_on(theirs::Theirs::start());
    runtimes.0.block_on(measure(&ours, load, WARM_UP));
    runtimes.1.block_on(measure(&theirs, load, WARM_UP));
    let mut costs = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        costs.0.push(runtimes.0.block_on(measure(&ours, load, round::LENGTH)));
        costs.1.push(runtimes.1.block_on(measure(&theirs, load, round::LENGTH)));
    }
    runtimes.0.block_on(servers.stop());
    (median(&costs.0), median(&costs.1))
}

fn runtime(threads: usize) -> Runtime {
    let mut builder = match threads {
        0 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(threads.max(1)).enable_all().build().expect("a runtime")
}

fn print(runtime: &str, in_flight: usize, ours: Cost, theirs: Cost) {
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let row = |what: &str, ours: f64, theirs: f64, ratio: f64| {
        println!("| {runtime}, {in_flight} | {what} | {ours:.1} | {theirs:.1} | {ratio:.2} |");
    };
    let ratio = micros(theirs.time) / micros(ours.time);
    if in_flight == 1 {
        row("µs until the answer", micros(ours.time), micros(theirs.time), ratio);
    } else {
        let thousands = |cost: Cost| 1e-3 / cost.time.as_secs_f64();
        row("thousand calls a second", thousands(ours), thousands(theirs), ratio);
    }
    let ratio = micros(theirs.processor) / micros(ours.processor);
    row("µs of processor time a call, both sides", micros(ours.processor), micros(theirs.processor), ratio);
}
