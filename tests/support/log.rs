//! Captured logs of a test's servers.

#![allow(dead_code, reason = "every test binary uses another part")]

use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock};

use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Level};

/// Keeps what is logged in the thread of its test, from `INFO` on, so that tests don't see each other's: for a runtime of one
/// thread, as `#[tokio::test]` has it.
pub struct Log {
    text: Arc<Mutex<Vec<u8>>>,
    _guard: DefaultGuard,
}

impl Log {
    /// Begins to keep it.
    pub fn start() -> Self {
        Self::from(Level::INFO)
    }

    /// Begins to keep it, from that level on.
    pub fn from(level: Level) -> Self {
        // Where there is one subscriber only, the thread that first comes by a line decides for all threads whether it is
        // logged, and that may be one of another test, with none.
        static ANOTHER: OnceLock<Dispatch> = OnceLock::new();
        ANOTHER.get_or_init(|| Dispatch::new(NoSubscriber::default()));
        let text = Arc::<Mutex<Vec<u8>>>::default();
        let lines = text.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(level)
            .with_writer(move || Lines(lines.clone()))
            .finish();
        Self { text, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// The lines that have all of these parts.
    pub fn with(&self, parts: &[&str]) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned();
        let lines = text.lines().filter(|line| parts.iter().all(|part| line.contains(part)));
        lines.map(str::to_owned).collect()
    }

    /// All lines, without their times.
    pub fn lines(&self) -> Vec<String> {
        let line = |line: String| {
            line.split_once(' ').map_or(line.clone(), |(_, rest)| rest.trim_start().to_owned())
        };
        self.with(&[]).into_iter().map(line).collect()
    }

    /// Whether a line has all of these parts.
    pub fn has(&self, parts: &[&str]) -> bool {
        !self.with(parts).is_empty()
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
