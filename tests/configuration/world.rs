//! An application with three types of servers, and a directory for its configuration.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use pomelo::app::Builder;
use pomelo::config::Config;
use pomelo::{Hybrid, Result, handler};
use tempfile::TempDir;
use tracing::Dispatch;
use tracing::subscriber::{DefaultGuard, NoSubscriber};

pomelo::servers! {
    gate: { handlers: [GateHandler] },
    connector: { handlers: [EntryHandler] },
    chat: { handlers: [ChatHandler] },
}

struct GateHandler;

#[handler]
impl GateHandler {
    pub async fn query() {}
}

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn enter() {}
}

struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn send() {}
}

/// Servers of two environments that nothing is wrong with.
pub const SERVERS: &str = r#"{
    "development": {
        "connector": [{ "id": "connector-1", "clientPort": 0, "frontend": true }],
        "chat": [{ "id": "chat-1", "port": 0 }]
    },
    "production": { "chat": [{ "id": "chat-1", "port": 6050 }] }
}"#;

/// A configuration directory with these files.
pub struct Dir(TempDir);

impl Dir {
    pub fn new(files: &[(&str, &str)]) -> Self {
        Self::of_bytes(&files.iter().map(|(name, text)| (*name, text.as_bytes())).collect::<Vec<_>>())
    }

    pub fn of_bytes(files: &[(&str, &[u8])]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = dir.path().join("config").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        Self(dir)
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().join("config")
    }

    /// Whether a master has made its directory of logs: it does before it starts the first server.
    pub fn has_logs(&self) -> bool {
        self.0.path().join("logs").exists()
    }

    pub fn read(&self, env: &str) -> Result<Config, String> {
        Config::read(self.path(), env).map_err(|error| self.masked(pomelo::Error::from(error).message()))
    }

    /// An application with this directory, whose frontends have connectors.
    pub fn application(&self) -> Builder<Rpc> {
        self.bare_application().configure("production|development", "gate|connector", |app| {
            app.connector(Hybrid::new().address(([127, 0, 0, 1], 0)));
        })
    }

    pub fn bare_application(&self) -> Builder<Rpc> {
        App::builder().config_dir(self.path()).env("development")
    }

    /// A text with `<dir>` for the directory.
    pub fn masked(&self, text: &str) -> String {
        text.replace(&self.path().display().to_string(), "<dir>")
    }

    /// What its servers say when they start here: the error, or else the warnings.
    pub async fn start(&self, builder: Builder<Rpc>) -> Result<Vec<String>, String> {
        let log = Log::start();
        match builder.start().await {
            Ok(running) => {
                running.stop().await;
                Ok(log.warnings().iter().map(|line| self.masked(line)).collect())
            }
            Err(error) => Err(self.masked(error.message())),
        }
    }
}

/// Keeps the warnings that are logged in the thread of its test.
struct Log {
    text: Arc<Mutex<Vec<u8>>>,
    _guard: DefaultGuard,
}

impl Log {
    fn start() -> Self {
        // Where there is one subscriber only, the thread that first comes by a line decides for all threads whether it is
        // logged, and that may be one of another test, with none.
        static ANOTHER: OnceLock<Dispatch> = OnceLock::new();
        ANOTHER.get_or_init(|| Dispatch::new(NoSubscriber::default()));
        let text = Arc::<Mutex<Vec<u8>>>::default();
        let lines = text.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::WARN)
            .without_time()
            .with_writer(move || Lines(lines.clone()))
            .finish();
        Self { text, _guard: tracing::subscriber::set_default(subscriber) }
    }

    fn warnings(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned();
        text.lines().map(|line| line.split_once(": ").unwrap().1.to_owned()).collect()
    }
}

struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
