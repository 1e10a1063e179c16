//! The transport and the discovery do what every one must, over a real NATS.

use std::sync::Arc;
use std::time::Duration;

use crate::support::NatsServer;
use pomelo_nats::Nats;
use pomelo_net::{cluster, transport};

#[tokio::test(flavor = "multi_thread")]
async fn nats_does_what_a_transport_must() {
    let server = NatsServer::start().await;
    let url = server.url();
    let clusters = std::sync::atomic::AtomicU32::new(0);
    transport::conformance::check(|| {
        // What an earlier check left behind must not answer in the next.
        let number = clusters.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let nats = Nats::new(&url).cluster(format!("check-{number}")).answer(Duration::from_millis(100));
        transport::conformance::Setup::new(move |_| Arc::new(nats.clone()))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_does_what_a_discovery_must_also_when_it_is_away() {
    cluster::conformance::check(async || {
        let server = NatsServer::start().await;
        let nats = Nats::new(server.url())
            .expecting(cluster::conformance::listed())
            .answer(Duration::from_millis(300));
        let server = Arc::new(tokio::sync::Mutex::new(server));
        let (began, ended) = (server.clone(), server);
        cluster::conformance::Setup::new(move |_| Arc::new(nats.clone())).outage(
            move || {
                let server = began.clone();
                Box::pin(async move { server.lock().await.kill() })
            },
            move || {
                let server = ended.clone();
                Box::pin(async move { server.lock().await.run().await })
            },
        )
    })
    .await;
}
