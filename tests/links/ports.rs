//! Servers without a `port`.

use std::sync::Arc;
use std::time::Duration;

use pomelo::error::ErrorKind;
use pomelo::net::transport::Tcp;
use pomelo::{Hybrid, to};

use crate::world::{App, Gate, Log, World, patient};

#[tokio::test]
async fn a_server_without_a_port_dials_and_is_called_back_over_the_same_link() {
    let world = World::start(patient()).await;
    assert_eq!(world.connector().server().port, None);
    assert_eq!(world.remote().echo(to("chat-1"), 1).await.unwrap(), 1);
    world.chat().rpc.connector.entry_remote.ping(to("connector-1")).await.unwrap();
    assert_eq!(world.proxy.said().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn two_without_a_port_can_not_call_each_other_and_the_error_says_what_is_missing() {
    let servers =
        r#"{ "connector": [{ "id": "connector-1", "frontend": true }], "chat": [{ "id": "chat-1" }] }"#;
    let running = App::builder()
        .servers(servers)
        .transport(Arc::new(Tcp::new(patient())))
        .configure("all", "all", |app| app.limits().link_timeout = Duration::ZERO)
        .configure("all", "connector", |app| app.connector(Hybrid::new().address(([127, 0, 0, 1], 0))))
        .insert(Log::default())
        .insert(Gate(Arc::new(tokio::sync::Semaphore::new(0))))
        .start()
        .await
        .unwrap();
    let app = running.app("connector-1").unwrap();
    let calls = [
        app.rpc.chat.chat_remote.echo(to("chat-1"), 1).await.map(drop),
        app.rpc.chat.chat_remote.echo(to("chat-1"), 1).notify(),
    ];
    for call in calls {
        let error = call.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoServer);
        for part in ["`port`", "connector-1", "chat-1", "servers.json"] {
            assert!(error.message().contains(part), "{error}");
        }
    }
    running.stop().await;
}
