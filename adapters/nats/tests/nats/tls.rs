//! TLS with a real NATS: an authority of one's own, certificates of clients, and what is refused.

use crate::support::NatsServer;
use crate::support::app::{SERVERS, Server, cause, pair};
use crate::support::certificates::Certificates;
use pomelo_nats::{Nats, NatsError};

/// Why a start fails.
async fn refused(nats: &Nats) -> String {
    let error = Server::try_start(nats, SERVERS, "caller-1").await.err().expect("it is refused");
    let found = cause(&error);
    assert!(matches!(found, NatsError::Refused { .. }), "{found:?}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_with_an_authority_of_their_own_and_a_client_certificate_servers_are_linked_also_after_an_outage()
 {
    let certificates = Certificates::new();
    let mut server = NatsServer::start_with(&certificates.of_server()).await;
    let nats = Nats::new(server.url())
        .root_certificates(certificates.path("ca.pem"))
        .client_certificate(certificates.path("client.pem"), certificates.path("client.key"));
    let (caller, callee) = pair(&nats).await;
    server.kill();
    caller.until_refused("callee-1").await;
    server.run().await;
    caller.until_served("callee-1").await;
    caller.stop().await;
    callee.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_trusted_or_missing_is_the_error_of_a_start() {
    let (certificates, others) = (Certificates::new(), Certificates::new());
    let server = NatsServer::start_with(&certificates.of_server()).await;
    let nats = || Nats::new(server.url());
    let own =
        |nats: Nats, of: &Certificates| nats.client_certificate(of.path("client.pem"), of.path("client.key"));
    let unknown_server = refused(&own(nats().root_certificates(others.path("ca.pem")), &certificates)).await;
    assert!(unknown_server.contains("certificate"), "{unknown_server}");
    let trusting = || nats().root_certificates(certificates.path("ca.pem"));
    for without in [trusting(), own(trusting(), &others)] {
        let unknown_client = refused(&without).await;
        assert!(unknown_client.contains("ertificate"), "{unknown_client}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_requires_tls_says_nothing_to_a_nats_without() {
    let server = NatsServer::start().await;
    let certificates = Certificates::new();
    for nats in [
        Nats::new(server.url()).tls(true),
        Nats::new(format!("tls://127.0.0.1:{}", server.port)),
        Nats::new(server.url()).root_certificates(certificates.path("ca.pem")),
        Nats::new(server.url())
            .client_certificate(certificates.path("client.pem"), certificates.path("client.key")),
    ] {
        refused(&nats).await;
    }
}
