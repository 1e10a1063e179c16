//! One round of calls, and what it costs.

use std::future::Future;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use futures::future::join_all;

/// How long a round lasts.
pub const LENGTH: Duration = Duration::from_millis(300);

/// What every callee knows: who is in the room.
pub const USERS: [&str; 4] = ["ann*den", "bob*den", "eve*den", "zoe*den"];

/// Calls of one library.
pub trait Calls: Clone + Send + Sync + 'static {
    /// Asks for so many users of a room.
    fn users(&self, room: String, limit: u32) -> impl Future<Output = Vec<String>> + Send;
}

/// How calls are made.
#[derive(Clone, Copy)]
pub struct Load {
    /// So many tasks call at once, each one call after the other.
    pub in_flight: usize,
}

/// What one call costs.
#[derive(Clone, Copy)]
pub struct Cost {
    /// The time of the round, divided by its calls.
    pub time: Duration,
    /// The processor time of the whole process, divided likewise.
    pub processor: Duration,
}

/// Calls for that long.
pub async fn measure(calls: &impl Calls, load: Load, length: Duration) -> Cost {
    let (began, processor) = (Instant::now(), ProcessTime::now());
    let until = began + length;
    let tasks = (0..load.in_flight).map(|_| tokio::spawn(call_until(calls.clone(), until)));
    let count: u32 = join_all(tasks).await.into_iter().map(|count| count.expect("no call panics")).sum();
    Cost { time: began.elapsed() / count, processor: processor.elapsed() / count }
}

async fn call_until(calls: impl Calls, until: Instant) -> u32 {
    let mut count = 0;
    while Instant::now() < until {
        let users = calls.users("den".to_owned(), 4).await;
        assert_eq!(users.len(), USERS.len());
        count += 1;
    }
    count
}

/// The median of each figure.
pub fn median(costs: &[Cost]) -> Cost {
    let middle = |figure: fn(&Cost) -> Duration| {
        let mut figures: Vec<_> = costs.iter().map(figure).collect();
        figures.sort();
        figures[figures.len() / 2]
    };
    Cost { time: middle(|cost| cost.time), processor: middle(|cost| cost.processor) }
}
