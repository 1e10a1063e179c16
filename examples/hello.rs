//! The smallest server: one connector that greets.
//!
//! `cargo run --example hello` runs until Ctrl-C.

use pomelo::{Hybrid, Result, handler};
use serde::Deserialize;
use serde_json::{Value, json};

pomelo::servers! {
    connector: { handlers: [HelloHandler] },
}

#[derive(Deserialize)]
struct Greet {
    name: String,
}

struct HelloHandler;

#[handler]
impl HelloHandler {
    /// Clients call it as `connector.helloHandler.greet`.
    pub async fn greet(Greet { name }: Greet) -> Result<Value> {
        Ok(json!({ "text": format!("Hello, {name}!") }))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    App::builder()
        .servers(r#"{ "connector": [{ "id": "connector-1", "clientPort": 3010, "frontend": true }] }"#)
        .configure("production|development", "connector", |app| {
            app.connector(Hybrid::new());
        })
        .run()
        .await
}
