//! pomelo's chat service: a gate, three connectors and three chat servers, in one process or in one each, and a page to chat on.

mod chat;
mod connector;
mod gate;
mod page;
mod recovery;

use std::path::PathBuf;
use std::time::Duration;

use pomelo::{Hybrid, pick};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

pomelo::servers! {
    gate: { handlers: [gate::GateHandler] },
    connector: { handlers: [connector::EntryHandler] },
    /// Chat rooms.
    chat: { handlers: [chat::ChatHandler], remotes: [chat::ChatRemote] },
}

#[tokio::main]
async fn main() -> pomelo::Result<()> {
    let levels = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(levels).init();
    App::builder()
        .config_dir(config_dir())
        .configure("production|development", "gate", |app| app.connector(Hybrid::new().use_protobuf()))
        .configure("production|development", "gate", |app| app.after_start_all(page::serve))
        .configure("production|development", "connector", |app| {
            let hybrid = Hybrid::new().heartbeat(Duration::from_secs(3)).use_dict().use_protobuf();
            #[cfg(feature = "deflate")]
            let hybrid = hybrid.use_deflate();
            app.connector(hybrid);
            app.on_event(recovery::enter_again);
        })
        .configure("production|development", "chat", |app| app.on_event(recovery::tell_rooms))
        .route("chat", |by, servers| pick(by.key_or("rid")?, servers))
        .run()
        .await
}

/// The directory that `CHAT_CONFIG` names, or the one of this example.
fn config_dir() -> PathBuf {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/chat/config");
    std::env::var_os("CHAT_CONFIG").map_or_else(|| own.into(), PathBuf::from)
}
