//! Calls that leave together.

use std::time::Duration;

use futures::future::join_all;
use pomelo::error::ErrorKind;
use pomelo::to;

use crate::world::{World, patient};

#[tokio::test]
async fn one_call_that_panics_in_a_batch_costs_only_its_own_answer() {
    let mut options = patient();
    options.interval = Duration::from_millis(30);
    let world = World::start(options).await;
    let calls = (0..100).map(|number| world.remote().fail_at(to("chat-1"), number, 41).into_future());
    for (number, answer) in (0..100).zip(join_all(calls).await) {
        match answer {
            Ok(answer) => assert_eq!(answer, number),
            Err(error) => assert_eq!((number, error.kind()), (41, ErrorKind::Panic)),
        }
    }
    assert_eq!(world.remote().echo(to("chat-1"), 1).await.unwrap(), 1);
    world.stop().await;
}
