//! A fuzzer for codecs: seeded, on the stable toolchain, without a measure of coverage.
//!
//! A target is a test beside the codec, so that it reaches what is private and breaks no build unseen. [`fuzz`] makes inputs of valid
//! samples, [`Random`] decides how, and every case has a seed of its own, which is printed when it fails.
//!
//! | variable | |
//! |---|---|
//! | `POMELO_FUZZ_SEED` | the seed of the first case; one that was printed repeats its case |
//! | `POMELO_FUZZ_SECONDS` | how long each target runs; without it, for [`CASES`] cases |
//!
//! `fuzz/run` sets them from its arguments and runs the targets one by one.
//!
//! ```
//! pomelo_fuzz::fuzz("utf8", &[b"plain", "é".as_bytes()], |random, input| {
//!     let text = String::from_utf8_lossy(input);
//!     let read: String = random.pieces(text.as_bytes()).iter().map(|piece| String::from_utf8_lossy(piece)).collect();
//!     assert!(read.len() >= text.chars().count());
//! });
//! ```

mod mutate;
mod random;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

pub use self::random::Random;

/// So many cases a target has in a plain `cargo test`.
pub const CASES: u64 = 2_000;
/// What a case may allocate at once besides [`ALLOCATED_PER_BYTE`]: serde trusts the length of one list for up to 1 MiB.
pub const ALLOCATED_BYTES: u64 = 4 << 20;
/// What it may allocate for each byte of its input: a byte may be a whole value in a tree.
pub const ALLOCATED_PER_BYTE: u64 = 1 << 10;

/// Runs a check on inputs that are made of samples.
///
/// # Panics
/// If the check does, or if it had more memory at once than the input accounts for. The seed and the input were printed.
pub fn fuzz<S: AsRef<[u8]>>(target: &str, samples: &[S], check: impl Fn(&mut Random, &[u8])) {
    let samples: Vec<&[u8]> = samples.iter().map(AsRef::as_ref).collect();
    let first = number("POMELO_FUZZ_SEED").unwrap_or(0);
    let until = number("POMELO_FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    println!("fuzzing {target} from seed {first} on");
    let mut cases = 0;
    while until.map_or(cases < CASES, |until| Instant::now() < until) {
        case(target, first.wrapping_add(cases), &samples, &check);
        cases += 1;
    }
    println!("{target}: {cases} cases");
}

fn case(target: &str, seed: u64, samples: &[&[u8]], check: &impl Fn(&mut Random, &[u8])) {
    let mut random = Random::new(seed);
    let input = mutate::input(&mut random, samples);
    let mut outcome = Ok(());
    let allocated = allocation_counter::measure(|| {
        outcome = catch_unwind(AssertUnwindSafe(|| check(&mut random, &input)));
    });
    if let Err(panic) = outcome {
        println!(
            "{target} fails with POMELO_FUZZ_SEED={seed}, on {} bytes: {}",
            input.len(),
            input.escape_ascii()
        );
        resume_unwind(panic);
    }
    let most = ALLOCATED_BYTES + ALLOCATED_PER_BYTE * input.len() as u64;
    assert!(
        allocated.bytes_max <= most,
        "{target} has {} bytes at once with POMELO_FUZZ_SEED={seed}, for {} bytes: {}",
        allocated.bytes_max,
        input.len(),
        input.escape_ascii()
    );
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}
