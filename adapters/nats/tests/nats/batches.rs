//! Batches: how many messages NATS carries for what servers say at once.

use std::future::IntoFuture;

use crate::support::NatsServer;
use crate::support::app::pair;
use futures::future::join_all;
use pomelo::to;
use pomelo_nats::Nats;

/// How many calls are made at once.
const CALLS: u64 = 500;

// On one thread it doesn't depend on what runs at the same time.
#[tokio::test]
async fn what_is_said_to_one_server_at_once_leaves_in_few_messages() {
    let nats = NatsServer::start().await;
    let (caller, callee) = pair(&Nats::new(nats.url())).await;
    let before = nats.messages();
    let calls = (0..CALLS).map(|_| caller.app().rpc.callee.echo_remote.count(to("callee-1")).into_future());
    for answer in join_all(calls).await {
        answer.unwrap();
    }
    let messages = nats.messages() - before;
    println!("{messages} messages for {CALLS} calls and their answers");
    assert!(messages < CALLS / 4, "{messages} messages");
    caller.stop().await;
    callee.stop().await;
}
