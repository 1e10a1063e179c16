//! The static discovery does what every discovery must.

use std::sync::Arc;

use pomelo_net::cluster::StaticDiscovery;
use pomelo_net::cluster::conformance::{Setup, check, listed};

#[tokio::test]
async fn the_static_discovery_does_what_a_discovery_must() {
    check(async || Setup::new(|_| Arc::new(StaticDiscovery::new(listed()))).fixed()).await;
}
