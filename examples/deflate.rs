//! The chat service with permessage-deflate switched on: clients that offer it are sent compressed messages.
//!
//! `cargo run --example deflate --features deflate` runs until Ctrl-C.

#[path = "chat/chat.rs"]
mod chat;
#[path = "chat/connector.rs"]
mod connector;
#[path = "chat/gate.rs"]
mod gate;

use pomelo::{Hybrid, pick};

pomelo::servers! {
    gate: { handlers: [gate::GateHandler] },
    connector: { handlers: [connector::EntryHandler] },
    chat: { handlers: [chat::ChatHandler], remotes: [chat::ChatRemote] },
}

#[tokio::main]
async fn main() -> pomelo::Result<()> {
    App::builder()
        .config_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/chat/config"))
        .configure("all", "gate", |app| app.connector(Hybrid::new().use_deflate()))
        .configure("all", "connector", |app| {
            app.connector(Hybrid::new().use_dict().use_protobuf().use_deflate())
        })
        .route("chat", |by, servers| pick(by.key_or("rid")?, servers))
        .run()
        .await
}
