//! Routers decide which server of a type gets a message or a call: rooms by a ring of hashes, maps by what servers.json says.
//!
//! `cargo run --example router` prints
//!
//! ```text
//! the room den is at chat-1, and asked again, at chat-1
//! of 1000 rooms 256 move when chat-4 is added, all of them there
//! the map of forests is at area-2
//! nobody has the map of islands: 404, no server has that map
//! ```

use pomelo::app::{Builder, Running};
use pomelo::error::OrErr;
use pomelo::router::ConsistentHash;
use pomelo::{Result, key, remote};

pomelo::servers! {
    chat: { remotes: [PlaceRemote] },
    area: { remotes: [PlaceRemote] },
}

struct PlaceRemote;

#[remote]
impl PlaceRemote {
    /// The server that was called.
    pub async fn server(app: &App) -> Result<String> {
        Ok(app.server_id().to_string())
    }
}

/// An application with so many chat servers. The key `map` of an area server is our own.
fn builder(chat_servers: usize) -> Builder<Rpc> {
    let chat: Vec<_> = (1..=chat_servers).map(|n| format!(r#"{{ "id": "chat-{n}" }}"#)).collect();
    let area = r#"{ "id": "area-1", "map": "deserts" }, { "id": "area-2", "map": "forests" }"#;
    App::builder()
        .servers(format!(r#"{{ "chat": [{}], "area": [{area}] }}"#, chat.join(", ")))
        // By a key, or of a client's message by that setting of its session. Of N servers a new one takes 1/N of the rooms.
        .router("chat", ConsistentHash::new(|by| by.key_or("room")))
        .route("area", |by, servers| {
            let map = by.key_or("map")?;
            let has_it = |setting: &serde_json::Value| setting.as_str() == Some(&map);
            let server = servers.iter().find(|server| server.setting("map").is_some_and(has_it));
            server.cloned().or_err(404, "no server has that map")
        })
}

async fn room(running: &Running<Rpc>, room: &str) -> Result<String> {
    let app = running.app("area-1").or_err(500, "there is no area-1")?;
    app.rpc.chat.place_remote.server(key(room)).await
}

#[tokio::main]
async fn main() -> Result<()> {
    let (three, four) = (builder(3).start().await?, builder(4).start().await?);
    let (once, again) = (room(&three, "den").await?, room(&three, "den").await?);
    println!("the room den is at {once}, and asked again, at {again}");

    let mut moved = Vec::new();
    for n in 0..1000 {
        let (before, after) = (room(&three, &format!("{n}")).await?, room(&four, &format!("{n}")).await?);
        moved.extend((before != after).then_some(after));
    }
    let there = if moved.iter().all(|server| server == "chat-4") { "all" } else { "not all" };
    println!("of 1000 rooms {} move when chat-4 is added, {there} of them there", moved.len());

    let places = &three.app("chat-1").or_err(500, "there is no chat-1")?.rpc.area.place_remote;
    println!("the map of forests is at {}", places.server(key("forests")).await?);
    if let Err(error) = places.server(key("islands")).await {
        println!("nobody has the map of islands: {}, {}", error.code(), error.message());
    }
    three.stop().await;
    four.stop().await;
    Ok(())
}
