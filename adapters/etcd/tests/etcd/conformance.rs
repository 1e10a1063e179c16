//! The discovery does what every one must, over a real etcd that is killed, and one that is suspended.

use std::sync::Arc;

use crate::support::app::etcd;
use crate::support::server::EtcdServer;
use pomelo_net::cluster::conformance;
use tokio::sync::Mutex;

#[tokio::test(flavor = "multi_thread")]
async fn etcd_does_what_a_discovery_must_also_when_it_is_killed() {
    conformance::check(async || {
        let server = EtcdServer::start().await;
        let etcd = etcd(&server).expecting(conformance::listed());
        let server = Arc::new(Mutex::new(server));
        let (began, ended) = (server.clone(), server);
        conformance::Setup::new(move |_| Arc::new(etcd.clone())).outage(
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

#[tokio::test(flavor = "multi_thread")]
async fn etcd_does_what_a_discovery_must_also_when_it_is_suspended() {
    conformance::check(async || {
        let server = Arc::new(EtcdServer::start().await);
        let etcd = etcd(&server).expecting(conformance::listed());
        let (began, ended) = (server.clone(), server);
        conformance::Setup::new(move |_| Arc::new(etcd.clone())).outage(
            move || {
                let server = began.clone();
                Box::pin(async move { server.signal("STOP") })
            },
            move || {
                let server = ended.clone();
                Box::pin(async move { server.signal("CONT") })
            },
        )
    })
    .await;
}
