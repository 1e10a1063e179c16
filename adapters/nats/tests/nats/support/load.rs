//! A load: calls that go on until it is stopped, whatever becomes of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pomelo::to;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::app::{App, Server};

/// How many calls are out at a time.
const CALLERS: usize = 8;

/// Calls of one server to `callee-1`.
pub struct Load {
    is_over: Arc<AtomicBool>,
    callers: JoinSet<BTreeMap<String, u64>>,
}

impl Load {
    pub fn start(caller: &Server) -> Self {
        let (is_over, mut callers) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
        for number in 0..CALLERS {
            callers.spawn(call(caller.app().clone(), number, is_over.clone()));
        }
        Self { is_over, callers }
    }

    /// How many calls ended how: `answered`, or with which kind of error.
    pub async fn stop(self) -> BTreeMap<String, u64> {
        self.is_over.store(true, Ordering::Release);
        let mut sum = BTreeMap::new();
        for ends in self.callers.join_all().await {
            for (end, count) in ends {
                *sum.entry(end).or_default() += count;
            }
        }
        sum
    }
}

async fn call(app: App, caller: usize, is_over: Arc<AtomicBool>) -> BTreeMap<String, u64> {
    let mut ends = BTreeMap::<String, u64>::new();
    for number in 0.. {
        if is_over.load(Ordering::Acquire) {
            break;
        }
        let text = format!("{caller} {number}");
        let end = match app.rpc.callee.echo_remote.echo(to("callee-1"), &text).await {
            Ok(answer) => {
                assert_eq!(answer, text, "the answer to another call");
                "answered".to_owned()
            }
            Err(error) => format!("{:?}", error.kind()),
        };
        *ends.entry(end).or_default() += 1;
        sleep(Duration::from_millis(1)).await;
    }
    ends
}
