//! Answers to requests whose responses have a schema in serverProtos.json: the client reads all of them by it.

mod support;

use std::path::PathBuf;

use pomelo::app::Running;
use pomelo::{Error, Hybrid, Result, handler};
use serde_json::{Value, json};
use support::{Client, connect};

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    chat: { handlers: [ChatHandler] },
}

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn find(name: String) -> Result<Value> {
        find(&name)
    }

    pub async fn nothing() {}

    pub async fn none() -> Result<()> {
        Ok(())
    }
}

struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn find(name: String) -> Result<Value> {
        find(&name)
    }

    pub async fn find_closed(name: String) -> Result<Value> {
        find(&name)
    }
}

fn find(name: &str) -> Result<Value> {
    match name {
        "ann" => Ok(json!({ "name": "ann", "code": 200 })),
        "bob" => Err(Error::new(403, "not for you").with_body(json!({ "name": "bob", "why": "secret" }))),
        // It lacks what the schema requires.
        "cat" => Ok(json!({ "code": 200 })),
        _ => Err(Error::new(404, "nobody of that name")),
    }
}

async fn start(test: &str) -> Running<Rpc> {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
    std::fs::create_dir_all(&dir).unwrap();
    let servers = json!({ "development": {
        "connector": [{ "id": "connector-1", "frontend": true }],
        "chat": [{ "id": "chat-1" }],
    } });
    let (found, closed) = (
        json!({ "required string name": 1, "optional uInt32 code": 2 }),
        json!({ "required string name": 1 }),
    );
    let protos = json!({
        "connector.entryHandler.find": found,
        "connector.entryHandler.gone": found,
        "connector.entryHandler.nothing": found,
        "connector.entryHandler.none": found,
        "chat.chatHandler.find": found,
        "chat.chatHandler.findClosed": closed,
        "nowhere.aHandler.find": found,
    });
    std::fs::write(dir.join("servers.json"), servers.to_string()).unwrap();
    std::fs::write(dir.join("serverProtos.json"), protos.to_string()).unwrap();
    App::builder()
        .config_dir(dir)
        .env("development")
        .configure("all", "connector", |app| {
            app.connector(Hybrid::new().address(([127, 0, 0, 1], 0)).use_protobuf());
        })
        .start()
        .await
        .unwrap()
}

/// The bytes that a request is answered with.
async fn ask(client: &mut Client, route: &str, name: &str) -> Vec<u8> {
    let id = client.send(route, json!(name)).await;
    client.response_bytes(id).await.to_vec()
}

#[tokio::test]
async fn an_error_is_written_by_the_schema_of_its_route() {
    let running = start("an_error_is_written_by_the_schema").await;
    let mut client = connect(running.addresses("connector-1")[0]).await;
    for route in ["connector.entryHandler.find", "chat.chatHandler.find"] {
        assert_eq!(ask(&mut client, route, "ann").await, b"\x0a\x03ann\x10\xc8\x01");
        // code 403 and the name; the schema has no `why`.
        assert_eq!(ask(&mut client, route, "bob").await, b"\x0a\x03bob\x10\x93\x03");
        // A response that does not fit is code 500, a name that nobody has code 404.
        assert_eq!(ask(&mut client, route, "cat").await, b"\x10\xf4\x03");
        assert_eq!(ask(&mut client, route, "dan").await, b"\x10\x94\x03");
    }
    for route in ["connector.entryHandler.gone", "nowhere.aHandler.find"] {
        assert_eq!(ask(&mut client, route, "").await, b"\x10\xf4\x03", "{route}");
    }
    running.stop().await;
}

#[tokio::test]
async fn what_the_schema_has_no_place_for_is_an_empty_body() {
    let running = start("what_the_schema_has_no_place_for").await;
    let mut client = connect(running.addresses("connector-1")[0]).await;
    assert_eq!(ask(&mut client, "chat.chatHandler.findClosed", "dan").await, b"");
    assert_eq!(ask(&mut client, "connector.entryHandler.nothing", "").await, b"");
    assert_eq!(ask(&mut client, "connector.entryHandler.none", "").await, b"");
    running.stop().await;
}

#[tokio::test]
async fn an_error_of_a_route_without_a_schema_is_json() {
    let running = start("an_error_of_a_route_without_a_schema").await;
    let client = connect(running.addresses("connector-1")[0]).await;
    assert_eq!(client.request("connector.entryHandler.unknown", json!({})).await["code"], 500);
    running.stop().await;
}
