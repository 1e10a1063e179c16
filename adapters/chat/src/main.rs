//! The chat example over NATS: its own builder, with another transport and another configuration directory.
//!
//! ```sh
//! nats-server &
//! cargo run --release --manifest-path adapters/chat/Cargo.toml -- start
//! ```
//!
//! `NATS_URL` names another NATS than the one on this machine. With `CHAT_PRESENCE=nats` servers find each other by NATS, too, and need
//! no master: each is started by itself, on any host, such as `chat --type chat --id chat-server-4`.

#[path = "../../../examples/chat/main.rs"]
#[expect(dead_code, reason = "its own `main` runs it without NATS")]
mod example;

use std::sync::Arc;

// The example's modules name it at the root.
use example::App;
use pomelo_nats::Nats;

#[tokio::main]
async fn main() -> pomelo::Result<()> {
    let levels = std::env::var("RUST_LOG").unwrap_or("info,async_nats=warn".into());
    // A log that can't be written, as on a full disk, is no reason to panic.
    tracing_subscriber::fmt().with_env_filter(levels).log_internal_errors(false).init();
    let url = std::env::var("NATS_URL").unwrap_or("nats://127.0.0.1:4222".into());
    let nats = Arc::new(Nats::new(url).cluster("chat"));
    let builder = example::builder()
        .config_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/config"))
        .cluster_transport(nats.clone());
    match std::env::var("CHAT_PRESENCE").as_deref() {
        Ok("nats") => builder.cluster_discovery(nats).run().await,
        _ => builder.run().await,
    }
}
