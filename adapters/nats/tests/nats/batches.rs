//! Batches: how many messages NATS carries for what servers say at once.

use crate::support::NatsServer;
use crate::support::app::pair;
use futures::future::join_all;
use pomelo::to;
use pomelo_nats::Nats;

/// How many calls are made at once.
const CALLS: u64 = 200;

// One worker, so that it doesn't depend on what runs at the same time; of those runtimes, however, that run a task that was just woken
// before all others.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_many_tasks_say_to_one_server_at_once_leaves_in_few_messages() {
    let nats = NatsServer::start().await;
    let (caller, callee) = pair(&Nats::new(nats.url())).await;
    let before = nats.messages();
    let app = caller.app().clone();
    let calls = tokio::spawn(async move {
        let call = |_| {
            let app = app.clone();
            tokio::spawn(async move { app.rpc.callee.echo_remote.count(to("callee-1")).await })
        };
        join_all((0..CALLS).map(call)).await
    });
    for answer in calls.await.unwrap() {
        answer.unwrap().unwrap();
    }
    let messages = nats.messages() - before;
    println!("{messages} messages for {CALLS} calls and their answers");
    assert!(messages < CALLS / 4, "{messages} messages");
    caller.stop().await;
    callee.stop().await;
}
