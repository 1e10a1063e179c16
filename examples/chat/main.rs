//! pomelo's chat service: a gate, three connectors and three chat servers, here in one process, and a page to chat on.

mod chat;
mod connector;
mod gate;
mod page;

use std::time::Duration;

use pomelo::{Hybrid, pick};
use tracing_subscriber::EnvFilter;

pomelo::servers! {
    gate: { handlers: [gate::GateHandler] },
    connector: { handlers: [connector::EntryHandler] },
    /// Chat rooms.
    chat: { handlers: [chat::ChatHandler], remotes: [chat::ChatRemote] },
}

#[tokio::main]
async fn main() -> pomelo::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).init();
    App::builder()
        .config_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/chat/config"))
        .configure("production|development", "gate", |app| {
            app.connector(Hybrid::new().use_protobuf());
            app.after_start_all(|app| async move { page::serve(&app).await });
        })
        .configure("production|development", "connector", |app| {
            let hybrid = Hybrid::new().heartbeat(Duration::from_secs(3)).use_dict().use_protobuf();
            #[cfg(feature = "deflate")]
            let hybrid = hybrid.use_deflate();
            app.connector(hybrid);
        })
        .route("chat", |by, servers| pick(by.key_or("rid")?, servers))
        .run()
        .await
}
