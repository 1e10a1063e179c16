//! A client of the chat example: asks the gate, enters a room, says something and prints what it hears, until Ctrl-C.
//!
//! ```sh
//! cargo run --example chat                                      # in one terminal
//! cargo run --example client --features client -- ws://127.0.0.1:3014 ann garden hello
//! ```

use std::time::Duration;

use pomelo::client::{Client, ClientError, ClientEvent, ClientOptions};
use serde::Deserialize;
use serde_json::{Value, json};

/// The answer to `enter`.
#[derive(Deserialize)]
struct Entered {
    users: Vec<String>,
}

/// The push `onChat`.
#[derive(Deserialize)]
struct Said {
    from: String,
    msg: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [gate, name, room, text] = &arguments[..] else {
        return Err("call it as: client ws://127.0.0.1:3014 NAME ROOM TEXT".into());
    };
    let client = ClientOptions::new()
        .gate("gate.gateHandler.queryEntry", json!({ "uid": name }))
        .request_timeout(Duration::from_secs(30))
        .connect(gate)
        .await?;
    // Streams hear what comes after they were opened.
    let (mut events, mut said) = (client.events(), client.on::<Said>("onChat"));
    enter(&client, name, room).await?;
    say(&client, text).await?;
    loop {
        tokio::select! {
            Some(push) = said.next() => {
                let Said { from, msg } = push?;
                println!("{from}: {msg}");
            }
            Some(event) = events.next() => match event? {
                // To the server it is somebody new.
                ClientEvent::Connected { .. } => enter(&client, name, room).await?,
                ClientEvent::Disconnected { reason } => println!("lost: {reason}"),
                _ => {}
            },
            _ = tokio::signal::ctrl_c() => break,
            else => break,
        }
    }
    client.close().await;
    Ok(())
}

async fn enter(client: &Client, name: &str, room: &str) -> Result<(), ClientError> {
    let body = json!({ "username": name, "rid": room });
    let Entered { users } = client.request("connector.entryHandler.enter", &body).await?;
    println!("in {room}: {}", users.join(", "));
    Ok(())
}

async fn say(client: &Client, text: &str) -> Result<(), ClientError> {
    let body = json!({ "content": text, "target": "*" });
    client.request::<Value>("chat.chatHandler.send", &body).await?;
    Ok(())
}
