//! A `Caller` calls servers from a process that is none of them, such as a login web or a tool for game masters.
//!
//! `cargo run --example caller` prints
//!
//! ```text
//! the tool is linked to ["chat-1"]
//! in the den are ["ann", "bob"]
//! kicking a stranger: 404, nobody is called eve
//! the game has no such method: NoSuchMethod
//! ```

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use pomelo::config::Config;
use pomelo::net::transport::{Tcp, TcpOptions};
use pomelo::rpc::Caller;
use pomelo::{Error, Result, remote};

pomelo::servers! {
    chat: { remotes: [RoomRemote] },
}

/// Who is in the room.
struct Room(Mutex<BTreeSet<String>>);

struct RoomRemote;

#[remote]
impl RoomRemote {
    pub async fn users(room: &Room) -> Result<Vec<String>> {
        Ok(room.0.lock().expect("no holder panics").iter().cloned().collect())
    }

    pub async fn kick(room: &Room, name: String) -> Result<()> {
        let was_there = room.0.lock().expect("no holder panics").remove(&name);
        was_there.then_some(()).ok_or_else(|| Error::new(404, format!("nobody is called {name}")))
    }
}

/// The game: on its own it would be a process, started by `.run()` with `--server-id chat-1`.
async fn game(servers: &str) -> Result<pomelo::app::Running<Rpc>> {
    let tcp = Tcp::new(TcpOptions::default());
    let room = Room(Mutex::new(["ann", "bob"].map(str::to_owned).into()));
    Ok(App::builder().servers(servers).transport(Arc::new(tcp)).insert(room).start().await?)
}

/// The tool: it needs the list of servers, and, between machines, the secret of cluster.json.
async fn tool(servers: &str) -> Result<()> {
    let config = Config::from_servers(servers, "production")?;
    let caller = Caller::join(&Tcp::new(TcpOptions::default()), "tool-1", &config.servers).await?;
    let users: Vec<String> = caller.call("chat-1", "roomRemote", "users", &()).await?;
    println!("the tool is linked to {:?}", caller.servers());
    println!("in the den are {users:?}");
    if let Err(error) = caller.call::<()>("chat-1", "roomRemote", "kick", &("eve",)).await {
        println!("kicking a stranger: {}, {}", error.code(), error.message());
    }
    if let Err(error) = caller.call::<()>("chat-1", "roomRemote", "paint", &()).await {
        println!("the game has no such method: {:?}", error.kind());
    }
    caller.close().await;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let servers = format!(r#"{{ "chat": [{{ "id": "chat-1", "port": {free} }}] }}"#);
    let game = game(&servers).await?;
    tool(&servers).await?;
    game.stop().await;
    Ok(())
}
