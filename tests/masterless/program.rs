//! The application: servers that find each other by servers.json.

use std::path::Path;
use std::sync::Arc;

use pomelo::admin::Level;
use pomelo::config::Config;
use pomelo::net::cluster::StaticDiscovery;

/// The variable that makes a server of this program, and says where its configuration is.
pub(super) const CONFIG: &str = "PROGRAM_CONFIG";

pomelo::servers! {
    chat: {},
}

pub(super) fn run(dir: &Path) {
    tracing_subscriber::fmt().with_ansi(false).log_internal_errors(false).init();
    let servers = Config::read(dir, "development").unwrap().servers;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let builder = App::builder()
        .config_dir(dir)
        .env("development")
        .discovery(Arc::new(StaticDiscovery::new(servers)))
        .configure("all", "chat", |app| {
            app.admin("rooms", Level::Look, |app, _| async move { Ok(app.channels().len()) });
            app.admin("open", Level::Everything, |app, ask| async move {
                app.channels().create(&ask.body::<String>()?);
                Ok(())
            });
        });
    if let Err(error) = runtime.block_on(builder.run()) {
        eprintln!("{error}");
        std::process::exit(2);
    }
}
