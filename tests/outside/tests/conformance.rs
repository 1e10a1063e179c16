//! The transport and the discovery do what every one must.

use std::sync::Arc;

use outside::{Bus, Roster};
use pomelo::ext::{discovery, transport};

#[tokio::test(flavor = "multi_thread")]
async fn a_transport_of_somebody_else_does_what_a_transport_must() {
    transport::conformance::check(|| {
        let bus = Bus::default();
        transport::conformance::Setup::new(move |_| Arc::new(bus.clone()))
    })
    .await;
}

#[tokio::test]
async fn a_discovery_of_somebody_else_does_what_a_discovery_must() {
    use discovery::conformance::{Setup, check, listed};
    check(async || {
        let roster = Roster::new(listed());
        Setup::new(move |_| Arc::new(roster.clone()))
    })
    .await;
}
