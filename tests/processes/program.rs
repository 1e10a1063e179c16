//! The program: one frontend, whose handlers do what must not be done.

use std::future::pending;
use std::time::Duration;

use pomelo::{Error, Hybrid, Result, Session, handler};
use serde_json::{Value, json};

/// A variable: with it the program never comes to the end of its start.
pub(super) const NEVER_STARTED: &str = "PROGRAM_NEVER_STARTED";

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
}

pub(crate) struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn ping(app: &App) -> Result<Value> {
        tracing::info!(server = %app.server_id(), "a line in the log");
        Ok(json!("pong"))
    }

    /// Keeps its thread for good.
    pub async fn block() {
        loop {
            std::thread::park();
        }
    }

    /// Waits for good.
    pub async fn stick() {
        pending::<()>().await;
    }

    /// Has the session wait for good when it closes.
    pub async fn hook(session: &Session) -> Result<()> {
        session.on_closed(|_| pending()).await
    }

    /// Leaves a process behind whose parent has ended and which ends soon; returns its pid.
    pub async fn orphan() -> Result<Value> {
        let parent = std::process::Command::new("sh").args(["-c", "sleep 0.1 >&2 & echo $!"]).output()?;
        Ok(json!(String::from_utf8_lossy(&parent.stdout).trim()))
    }

    /// Whether there is a process of that pid, be it a zombie.
    pub async fn is_there(message: Value) -> Result<Value> {
        let pid = message["pid"].as_str().unwrap_or_default();
        Ok(json!(std::path::Path::new("/proc").join(pid).exists()))
    }

    pub async fn fail(app: &App) {
        app.frontend().tasks().fail(Error::new(500, "the world is lost"));
    }
}

pub(super) fn run(port: u16) {
    tracing_subscriber::fmt().with_ansi(false).log_internal_errors(false).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let builder = App::builder()
        .servers(r#"{ "connector": [{ "id": "connector-1", "frontend": true }] }"#)
        .args([""; 0])
        .configure("all", "all", move |app| {
            app.connector(Hybrid::new().address(([127, 0, 0, 1], port)));
            app.limits().stop_timeout = Duration::from_secs(1);
            if std::env::var_os(NEVER_STARTED).is_some() {
                app.after_start_all(|_| pending());
            }
        });
    runtime.block_on(builder.run()).unwrap();
}
