//! The game server. `cargo run` starts every server of config/servers.json in this process.

mod connector;
mod page; @page

use std::io::IsTerminal;
use std::time::Duration;

use pomelo::Hybrid;
use tracing_subscriber::EnvFilter;

pomelo::servers! {
    connector: { handlers: [connector::EntryHandler] },
}

#[tokio::main]
async fn main() -> pomelo::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let is_terminal = std::io::stdout().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(is_terminal)
        // A log that can't be written, as on a full disk, is no reason to panic.
        .log_internal_errors(false)
        .init();
    App::builder()
        .config_dir("config")
        .configure("production|development", "connector", |app| {
            // Clients come over websocket or raw TCP, on one port.
            let connector = Hybrid::new().heartbeat(Duration::from_secs(3));
            app.connector(connector.use_dict().use_protobuf());
        })
        .configure("development", "connector", |app| { @page
            app.after_startup(|_| page::serve()) @page
        }) @page
        .run()
        .await
}
