//! A lobby: players log in, are matched in pairs, and fight in rooms that tick, on two battle servers.
//!
//! `cargo run --example lobby` runs until Ctrl-C; `cargo test --example lobby` has four players play.

mod battle;
mod entry;
mod lobby;
#[cfg(test)]
mod tests;

pomelo::servers! {
    gate: { handlers: [entry::GateHandler] },
    connector: { handlers: [entry::EntryHandler] },
    lobby: { handlers: [lobby::LobbyHandler] },
    battle: { handlers: [battle::BattleHandler], remotes: [battle::BattleRemote] },
}

/// The application, for `main` and for tests. Each session says at which battle server its player is.
fn application() -> pomelo::app::Builder<Rpc> {
    App::builder()
        .servers(include_str!("config/servers.json"))
        .configure("all", "gate|connector", |app| app.connector(pomelo::Hybrid::new()))
        .configure("all", "connector", |app| app.global_filter(entry::PlayersOnly))
        .configure("all", "lobby", |app| app.insert(lobby::Queue::default()))
        .configure("all", "battle", |app| app.component(battle::Battles::default()))
        .route("battle", |by, _| by.key_or("battle"))
}

#[tokio::main]
async fn main() -> pomelo::Result<()> {
    tracing_subscriber::fmt().log_internal_errors(false).init();
    application().run().await
}
