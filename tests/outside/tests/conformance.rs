//! The transport does what every transport must.

use std::sync::Arc;

use outside::Bus;
use pomelo::ext::transport::conformance::{Setup, check};

#[tokio::test(flavor = "multi_thread")]
async fn a_transport_of_somebody_else_does_what_a_transport_must() {
    check(|| {
        let bus = Bus::default();
        Setup::new(move |_| Arc::new(bus.clone()))
    })
    .await;
}
