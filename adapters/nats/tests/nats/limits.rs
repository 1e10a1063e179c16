//! Bounds: what is longer than NATS carries, what is longer than anything may be, and a full queue.

use std::future::Future;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::support::app::pair;
use crate::support::{NatsServer, until};
use pomelo::error::ErrorKind;
use pomelo::to;
use pomelo_nats::Nats;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_longer_than_max_payload_arrives_in_pieces_and_what_is_longer_than_max_frame_is_refused() {
    let nats = NatsServer::start_with("max_payload: 16384").await;
    let (caller, callee) = pair(&Nats::new(nats.url()).max_frame(4 << 20)).await;
    for length in [16_000, 16_384, 16_385, 1_000_003, 4_000_000] {
        let text = "x".repeat(length);
        assert!(caller.echo("callee-1", &text).await.unwrap() == text, "{length} bytes came back changed");
    }
    let error = caller.echo("callee-1", &"x".repeat(5 << 20)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadMessage, "{error}");
    assert_eq!(caller.echo("callee-1", "the link is as before").await.unwrap(), "the link is as before");
    caller.stop().await;
    callee.stop().await;
}

// On one thread nothing leaves while the calls are made.
#[tokio::test]
async fn a_full_queue_is_overloaded_at_once_and_takes_calls_again_when_it_is_empty() {
    let nats = NatsServer::start().await;
    let (caller, callee) = pair(&Nats::new(nats.url()).queue_limit(1 << 20)).await;
    let text = "x".repeat(100_000);
    let mut calls = Vec::new();
    let refused = (0..20).find_map(|_| {
        let mut call = Box::pin(std::future::IntoFuture::into_future(
            caller.app().rpc.callee.echo_remote.echo(to("callee-1"), &text),
        ));
        match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(ended) => ended.err(),
            Poll::Pending => {
                calls.push(call);
                None
            }
        }
    });
    assert_eq!(refused.expect("it is full").kind(), ErrorKind::Overloaded);
    assert!(caller.app().report().link_bytes >= 1 << 20);
    for call in calls {
        assert_eq!(call.await.unwrap().len(), text.len());
    }
    assert_eq!(caller.echo("callee-1", "room again").await.unwrap(), "room again");
    caller.stop().await;
    callee.stop().await;
}

// On one thread the client reads many messages before any is taken in.
#[tokio::test]
async fn what_comes_faster_than_it_is_taken_in_breaks_the_link_and_is_counted() {
    let nats = NatsServer::start_with("max_payload: 1024").await;
    let (caller, callee) = pair(&Nats::new(nats.url()).inbound_messages(2)).await;
    let mut accepted = 0;
    while caller.counted() == 0 {
        let count = || caller.app().rpc.callee.echo_remote.count(to("callee-1")).notify();
        accepted += (0..5_000).filter(|_| count().is_ok()).count() as u64;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    caller.until_served("callee-1").await;
    let arrived = || callee.got.0.load(Ordering::Acquire);
    until("what was accepted has arrived or is counted", async || accepted <= arrived() + caller.counted())
        .await;
    assert!(arrived() < accepted, "nothing was dropped");
    println!("{accepted} accepted, {} arrived, {} counted", arrived(), caller.counted());
    caller.stop().await;
    callee.stop().await;
}
