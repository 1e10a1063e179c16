//! A connector that knows chat servers by the contract only, beside one whose process has everything.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Command;

use bytes::BytesMut;
use pomelo::app::{Builder, Running};
use pomelo::key;
use pomelo::net::protocol::package::{MAX_BODY, Package, PackageKind};
use rooms_contract::{App, Rpc};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SERVERS: &str = r#"{
    "connector": [{ "id": "connector-1", "host": "127.0.0.1", "clientPort": 0, "frontend": true }],
    "chat": [{ "id": "chat-1" }, { "id": "chat-2" }]
}"#;

fn builder() -> Builder<Rpc> {
    App::builder().servers(SERVERS)
}

async fn connector_only() -> Running<Rpc> {
    let builder = rooms_connector::add_to(builder());
    builder.start_only(|server| &*server.server_type == "connector").await.unwrap()
}

async fn all_in_one() -> Running<Rpc> {
    rooms_chat::add_to(rooms_connector::add_to(builder())).start().await.unwrap()
}

/// What a connector tells a client of itself.
async fn handshake(connector: SocketAddr) -> Value {
    let mut stream = TcpStream::connect(connector).await.unwrap();
    let hello = json!({ "sys": { "type": "test", "version": "1" } }).to_string();
    stream.write_all(&Package::encode(PackageKind::Handshake, hello.as_bytes()).unwrap()).await.unwrap();
    let mut input = BytesMut::new();
    loop {
        if let Some(package) = Package::decode(&mut input, MAX_BODY).unwrap() {
            assert_eq!(package.kind, PackageKind::Handshake);
            let answer: Value = serde_json::from_slice(&package.body).unwrap();
            assert_eq!(answer["code"], 200);
            return answer["sys"].clone();
        }
        assert_ne!(stream.read_buf(&mut input).await.unwrap(), 0, "the connector hung up");
    }
}

#[tokio::test]
async fn both_give_clients_the_same_dictionary() {
    let (lone, all) = (connector_only().await, all_in_one().await);
    let of_lone = handshake(lone.addresses("connector-1")[0]).await;
    let of_all = handshake(all.addresses("connector-1")[0]).await;
    assert!(of_lone["dictVersion"].is_string());
    assert_eq!(of_lone["dictVersion"], of_all["dictVersion"]);
    assert_eq!(of_lone["dict"], json!({ "chat.chatHandler.send": 1, "connector.entryHandler.enter": 2 }));
    lone.stop().await;
    all.stop().await;
}

#[tokio::test]
async fn what_the_contract_promises_is_done_where_it_is_implemented() {
    let all = all_in_one().await;
    let rooms = &all.app("connector-1").unwrap().rpc.chat.chat_remote;
    for name in ["ann", "bob"] {
        rooms.add(key("den"), name, "connector-1", "den").await.unwrap();
    }
    rooms.leave(key("den"), "ann", "connector-1", "den").await.unwrap();
    assert_eq!(rooms.add(key("den"), "cat", "connector-1", "den").await.unwrap(), ["bob", "cat"]);
    all.stop().await;
}

#[test]
fn the_connectors_crate_is_built_without_the_chat_servers() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--package", "rooms-connector"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let ours: BTreeSet<_> =
        tree.split_whitespace().filter(|word| word.starts_with("rooms-") && !word.contains('/')).collect();
    assert_eq!(ours, BTreeSet::from(["rooms-connector", "rooms-contract"]));
}
