//! pomelo's chat service: a gate, three connectors and three chat servers, in one process or in one each, and a page to chat on.
//!
//! `cargo run --release --example chat` runs until Ctrl-C.

mod chat;
mod connector;
mod gate;
mod page;
mod recovery;

use std::time::Duration;

use pomelo::app::Builder;
use pomelo::{Hybrid, pick};

pomelo::servers! {
    gate: { handlers: [gate::GateHandler] },
    connector: { handlers: [connector::EntryHandler] },
    /// Chat rooms.
    chat: { handlers: [chat::ChatHandler], remotes: [chat::ChatRemote, recovery::RecoveryRemote] },
}

#[tokio::main]
async fn main() -> pomelo::Result<()> {
    let levels = std::env::var("RUST_LOG").unwrap_or("info".into());
    // A log that can't be written, as on a full disk, is no reason to panic.
    tracing_subscriber::fmt().with_env_filter(levels).log_internal_errors(false).init();
    builder().run().await
}

/// The application, of which `adapters/chat` makes one whose servers talk over NATS.
pub fn builder() -> Builder<Rpc> {
    App::builder()
        .config_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/chat/config"))
        .configure("production|development", "gate", |app| app.connector(Hybrid::new().use_protobuf()))
        .configure("production|development", "gate", |app| app.after_start_all(page::serve))
        .configure("production|development", "connector", |app| {
            app.connector(Hybrid::new().heartbeat(Duration::from_secs(3)).use_dict().use_protobuf());
        })
        .configure("all", "all", |app| app.on_event(recovery::recover))
        .configure("all", "connector", |app| app.on_sessions_lost(recovery::come_back))
        .route("chat", |by, servers| pick(by.key_or("rid")?, servers))
}
