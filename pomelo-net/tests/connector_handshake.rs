//! Who is let in, and what a client is told.
#![cfg(feature = "server")]

mod connector_support;

use connector_support::client::SHAKE;
use connector_support::{Client, Server, millis};
use pomelo_core::config::Config;
use pomelo_core::error::{Error, Result};
use pomelo_net::connector::{Greeting, Hybrid};
use serde_json::{Value, json};

#[tokio::test]
async fn a_hook_sees_the_client_and_answers_it() {
    async fn hook(greeting: Greeting) -> Result<Value> {
        tokio::time::sleep(millis(20)).await;
        assert!(greeting.peer.ip().is_loopback());
        match greeting.user["token"].as_str() {
            Some("t") => Ok(json!({ "type": greeting.sys.client_type, "version": greeting.sys.version })),
            _ => Err(Error::new(403, "no token")),
        }
    }
    let server = Server::start(Hybrid::new().handshake(hook)).await;
    for mut client in Client::both(server.address).await {
        let answer = client.shake().await;
        assert_eq!(answer["user"], json!({ "type": "test", "version": "1.0" }));
    }
    for mut client in Client::both(server.address).await {
        assert_eq!(client.greet(r#"{"sys":{}}"#).await, json!({ "code": 500 }));
        client.end().await;
        assert!(client.closed_with.is_none_or(|code| code == 1000));
    }
}

#[tokio::test]
async fn a_hook_has_until_the_handshake_deadline() {
    let hook = |_| async { Ok(std::future::pending().await) };
    let server = Server::start(Hybrid::new().handshake_deadline(millis(100)).handshake(hook)).await;
    let mut client = Client::tcp(server.address).await;
    assert_eq!(client.greet(SHAKE).await, json!({ "code": 500 }));
    client.end().await;
}

#[tokio::test]
async fn a_hook_that_panics_costs_one_client() {
    let hook = |greeting: Greeting| async move {
        assert!(!greeting.user.is_null(), "no user");
        Ok(Value::Null)
    };
    let server = Server::start(Hybrid::new().max_connections(1).handshake(hook)).await;
    let mut client = Client::tcp(server.address).await;
    assert_eq!(client.greet(r#"{"sys":{}}"#).await, json!({ "code": 500 }));
    client.end().await;
    drop(client);
    let mut client = Client::tcp(server.address).await;
    client.shake().await;
}

#[tokio::test]
async fn a_client_that_is_not_served_is_told_501() {
    let check = |kind: &str, version: &str| (kind, version) == ("test", "1.0");
    let server = Server::start(Hybrid::new().check_client(check)).await;
    for mut client in Client::both(server.address).await {
        client.shake().await;
    }
    for handshake in [r#"{"sys":{"type":"test","version":"0.9"}}"#, r#"{"sys":{}}"#] {
        let mut client = Client::websocket(server.address).await;
        assert_eq!(client.greet(handshake).await, json!({ "code": 501 }));
        client.end().await;
    }
}

#[tokio::test]
async fn a_broken_handshake_is_told_500() {
    let server = Server::start(Hybrid::new()).await;
    for handshake in ["", "null", "[]", "{}", "{", "hello"] {
        for mut client in Client::both(server.address).await {
            assert_eq!(client.greet(handshake).await, json!({ "code": 500 }), "{handshake}");
            client.end().await;
        }
    }
}

#[tokio::test]
async fn dictionary_and_protos_are_told_until_the_client_has_them() {
    let config = Config {
        dictionary: Some(json!(["onChat"])),
        server_protos: Some(json!({ "onChat": { "required string msg": 1 } })),
        ..Config::default()
    };
    let server = Server::start_with(config, [Hybrid::new().use_dict().use_protobuf()]).await;
    let mut client = Client::tcp(server.address).await;
    let sys = client.shake().await["sys"].take();
    let keys: Vec<_> = sys.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["dict", "routeToCode", "codeToRoute", "dictVersion", "useDict", "protos", "useProto"]);
    assert_eq!(sys["dict"]["connector.entryHandler.echo"], 1);
    assert_eq!(sys["protos"]["server"]["onChat"]["msg"]["type"], "string");

    let known =
        json!({ "sys": { "dictVersion": sys["dictVersion"], "protoVersion": sys["protos"]["version"] } });
    let mut client = Client::tcp(server.address).await;
    let answer = client.greet(&known.to_string()).await;
    assert_eq!(answer, json!({ "code": 200, "sys": { "useDict": true, "useProto": true } }));
}

#[tokio::test]
async fn a_wrong_configuration_is_an_error_that_names_server_and_file() {
    let start = |config: Config, hybrid: Hybrid| async move {
        Server::try_start(config, [hybrid]).await.err().map(|error| error.message().to_owned()).unwrap()
    };
    let dictionary = Config { dictionary: Some(json!({ "a": 1 })), ..Config::default() };
    assert_eq!(
        start(dictionary, Hybrid::new().use_dict()).await,
        "connector-1: dictionary.json must be an array of routes or {}, but it is an object"
    );
    let protos =
        Config { client_protos: Some(json!({ "r": { "required bool v": 1 } })), ..Config::default() };
    assert_eq!(
        start(protos, Hybrid::new().use_protobuf()).await,
        "clientProtos.json: message r: field v has the unknown type bool"
    );
    let zero = Hybrid::new().heartbeat(std::time::Duration::ZERO);
    assert_eq!(start(Config::default(), zero).await, "connector-1: Hybrid::heartbeat is zero");
}
