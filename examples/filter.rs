//! Filters run before and after handlers: here, who isn't logged in gets past the login only, and all outcomes are counted.
//!
//! `cargo run --example filter` prints
//!
//! ```text
//! ann asks for her gold: refused, 401
//! ann logs in: {}
//! ann asks for her gold: 7
//! of 3 messages 1 failed
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pomelo::client::{Client, ClientError};
use pomelo::filter::{Filter, Verdict};
use pomelo::request::Body;
use pomelo::{Error, Hybrid, Request, Result, Session, handler};
use serde_json::{Value, json};

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
}

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn login(session: &Session, name: String) -> Result<()> {
        session.bind(name).await
    }

    pub async fn gold() -> Result<u32> {
        Ok(7)
    }
}

/// Lets a message go on if its session is bound to a user.
#[derive(Clone)]
struct UsersOnly;

impl Filter for UsersOnly {
    async fn before(&self, request: &Request) -> Result<Verdict> {
        let is_login = request.route().method() == "login";
        match request.session().uid() {
            None if !is_login => Err(Error::new(401, "log in first")),
            _ => Ok(Verdict::Continue),
        }
    }
}

/// Counts messages, and those that failed. Clones share the counts.
#[derive(Clone, Default)]
struct Outcomes(Arc<[AtomicUsize; 2]>);

impl Filter for Outcomes {
    async fn after(&self, _: &Request, outcome: &Result<Body>) {
        self.0[0].fetch_add(1, Ordering::SeqCst);
        self.0[1].fetch_add(outcome.is_err().into(), Ordering::SeqCst);
    }
}

async fn ask_for_gold(client: &Client) -> Result<()> {
    match client.request::<u32>("connector.entryHandler.gold", &json!({})).await {
        Ok(gold) => println!("ann asks for her gold: {gold}"),
        Err(ClientError::Code { code, .. }) => println!("ann asks for her gold: refused, {code}"),
        Err(other) => return Err(other.into()),
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let outcomes = Outcomes::default();
    let counted = outcomes.clone();
    let running = App::builder()
        .servers(r#"{ "connector": [{ "id": "connector-1", "clientPort": 0, "frontend": true }] }"#)
        .configure("all", "connector", move |app| {
            app.connector(Hybrid::new());
            // After filters run in reverse order: this one sees what the next one refuses.
            app.filter(counted.clone());
            app.filter(UsersOnly);
        })
        .start()
        .await?;
    let client = Client::connect(&format!("ws://{}", running.addresses("connector-1")[0])).await?;
    ask_for_gold(&client).await?;
    let login: Value = client.request("connector.entryHandler.login", &json!("ann")).await?;
    println!("ann logs in: {login}");
    ask_for_gold(&client).await?;
    client.close().await;
    running.stop().await;
    let [all, failed] = outcomes.0.each_ref().map(|count| count.load(Ordering::SeqCst));
    println!("of {all} messages {failed} failed");
    Ok(())
}
