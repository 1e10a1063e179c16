//! Servers of one machine under each of the names that it has.

use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;

use pomelo::net::transport::Tcp;
use pomelo::{Hybrid, to};

use crate::support::until;
use crate::world::{App, Gate, Log, free_port, patient};

/// The address by which this machine would reach others; none if it has no network. Nothing is sent.
fn own_address(bind: &str, other: &str) -> Option<IpAddr> {
    let socket = UdpSocket::bind((bind, 0)).ok()?;
    socket.connect((other, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The hosts that stand for this machine here.
fn hosts() -> Vec<String> {
    let mut hosts = vec!["127.0.0.1".to_owned(), "localhost".into()];
    if std::net::TcpListener::bind("127.0.0.2:0").is_ok() {
        hosts.push("127.0.0.2".into());
    }
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        hosts.extend(["::1".into(), "[::1]".into()]);
    }
    // Addresses for documentation, which lead to the default route.
    let own = [own_address("0.0.0.0", "192.0.2.1"), own_address("::", "2001:db8::1")];
    hosts.extend(own.into_iter().flatten().map(|ip| ip.to_string()));
    hosts
}

/// One that names no host dials the other by it, and needs no secret.
#[tokio::test]
async fn servers_of_one_machine_are_linked_by_whatever_it_is_called() {
    for host in hosts() {
        let servers = format!(
            r#"{{ "connector": [{{ "id": "connector-1", "host": "{host}", "frontend": true }}],
                 "chat": [{{ "id": "chat-1", "host": "{host}", "port": {} }}] }}"#,
            free_port()
        );
        let running = App::builder()
            .servers(servers)
            .transport(Arc::new(Tcp::new(patient())))
            .configure("all", "connector", |app| app.connector(Hybrid::new().address(([127, 0, 0, 1], 0))))
            .insert(Log::default())
            .insert(Gate(Arc::new(tokio::sync::Semaphore::new(0))))
            .start()
            .await
            .unwrap_or_else(|error| panic!("{host}: {error}"));
        let connector = running.app("connector-1").unwrap();
        let chat = running.app("chat-1").unwrap();
        until(|| connector.rpc.chat.chat_remote.echo(to("chat-1"), 1).notify().is_ok()).await;
        assert_eq!(connector.rpc.chat.chat_remote.echo(to("chat-1"), 1).await.unwrap(), 1, "{host}");
        chat.rpc.connector.entry_remote.ping(to("connector-1")).await.unwrap();
        running.stop().await;
    }
}
