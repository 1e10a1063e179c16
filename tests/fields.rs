//! `#[handler(fields)]`: parameters that are the fields of a client's message.

mod support;

use pomelo::app::Running;
use pomelo::session::Uid;
use pomelo::{Hybrid, Result, Session, handler};
use serde_json::{Value, json};
use support::{Client, connect};

pomelo::servers! {
    connector: { handlers: [EntryHandler, impl ByTrait] },
}

struct EntryHandler;

#[handler(fields)]
impl EntryHandler {
    pub async fn enter(
        app: &App,
        user_name: String,
        session: &Session,
        r#type: Option<u32>,
    ) -> Result<Value> {
        Ok(json!([app.server_type(), user_name, session.uid(), r#type]))
    }

    pub async fn query_entry(uid: Option<Uid>) -> Result<Value> {
        Ok(json!(uid))
    }

    pub async fn count(mut n: u32, #[pomelo(default)] by: u32) -> Result<Value> {
        n += by;
        Ok(json!(n))
    }

    pub async fn nothing() {}
}

#[handler(fields)]
trait ByTrait {
    async fn swap(&self, a: Value, b: Value) -> Result<Value>;
}

struct Swapper;

#[handler]
impl ByTrait for Swapper {
    async fn swap(&self, a: Value, b: Value) -> Result<Value> {
        Ok(json!({ "a": b, "b": a }))
    }
}

async fn start() -> (Running<Rpc>, Client) {
    let running = App::builder()
        .servers(r#"{ "connector": [{ "id": "connector-1", "frontend": true }] }"#)
        .configure("all", "connector", |app| app.connector(Hybrid::new().address(([127, 0, 0, 1], 0))))
        .mount("connector", |_, mount| mount.handler(Swapper))
        .start()
        .await
        .unwrap();
    let client = connect(running.addresses("connector-1")[0]).await;
    (running, client)
}

#[tokio::test]
async fn fields_are_read_by_their_names_whatever_their_order() {
    let (running, client) = start().await;
    let enter = async |body| client.request("connector.entryHandler.enter", body).await;
    let body = json!({ "type": 7, "other": {}, "userName": "ann" });
    assert_eq!(enter(body).await, json!(["connector", "ann", null, 7]));
    assert_eq!(enter(json!({ "userName": "ann" })).await, json!(["connector", "ann", null, null]));
    let swapped = client.request("connector.byTrait.swap", json!({ "b": 2, "a": [1] })).await;
    assert_eq!(swapped, json!({ "a": 2, "b": [1] }));
    running.stop().await;
}

#[tokio::test]
async fn one_parameter_is_a_field_too() {
    let (running, client) = start().await;
    let route = "connector.entryHandler.queryEntry";
    assert_eq!(client.request(route, json!({ "uid": 10001 })).await, "10001");
    assert_eq!(client.request(route, json!({})).await, json!({}));
    assert_eq!(client.request("connector.entryHandler.nothing", json!("x")).await, json!({}));
    running.stop().await;
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_an_error_that_names_it_unless_it_may_be_missing() {
    let (running, client) = start().await;
    let count = async |body| client.request("connector.entryHandler.count", body).await;
    assert_eq!(count(json!({ "n": 3 })).await, 3);
    assert_eq!(count(json!({ "n": 3, "by": 2 })).await, 5);
    for body in [json!({ "by": 2 }), json!({ "n": "three" }), json!("n"), json!([])] {
        assert_eq!(count(body).await["code"], 500);
    }
    let missing = count(json!({ "by": 2 })).await;
    assert!(missing["message"].as_str().unwrap().contains("missing field `n`"), "{missing}");
    running.stop().await;
}

#[tokio::test]
async fn a_method_is_a_plain_function_of_its_fields() {
    assert_eq!(EntryHandler::count(1, 2).await.unwrap(), 3);
}
