//! Both transports pass the checks that every transport must pass.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pomelo_net::link::secret::Secret;
use pomelo_net::transport::conformance::{Setup, check};
use pomelo_net::transport::{Memory, Tcp, TcpOptions};

#[tokio::test(flavor = "multi_thread")]
async fn memory_does_what_a_transport_must() {
    check(|| {
        let memory = Memory::new();
        Setup::new(move |_| Arc::new(memory.clone()))
    })
    .await;
}

/// A port that is free, and that no outgoing connection takes meanwhile: systems take those from 32768 on.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(97);
    let ports = std::iter::repeat_with(|| 10_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000);
    let mut ports = ports.map(|port| port as u16);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

fn tcp(caller: &str, callee: &str, secret: Option<&str>) -> Setup {
    let mut options = TcpOptions::default();
    options.secret = secret.map(|secret| Secret::new(secret).unwrap());
    Setup::new(move |_| Arc::new(Tcp::new(options.clone()))).entries(caller, callee)
}

#[tokio::test(flavor = "multi_thread")]
async fn tcp_does_what_a_transport_must() {
    let port = || format!(r#""port": {}"#, free_port());
    check(|| tcp(&port(), &port(), Some("a secret"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tcp_does_so_where_the_caller_has_no_port() {
    check(|| tcp("", &format!(r#""port": {}"#, free_port()), None)).await;
}
