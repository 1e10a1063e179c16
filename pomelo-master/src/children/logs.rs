//! Logs of the servers that a master starts.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The rights to a log: its user may write, and its group may read.
#[cfg(unix)]
const LOG_MODE: u32 = 0o640;

/// The lines of a log that operators get at once.
pub(crate) const MAX_LOG_LINES: usize = 10_000;

/// What is read from the end of a log at most, for its last lines.
const TAIL_BYTES: u64 = 1024 * 1024;

/// The directory of the logs: `<id>.log` for each server, and one older one beside it.
///
/// Servers write to their log themselves, so a log that is too long can't be renamed while its server runs: it is copied
/// to `<id>.log.1` and emptied. What is written in between is lost; it is as much as fits into the time of a copy.
#[derive(Debug, Clone)]
pub(crate) struct Logs {
    dir: PathBuf,
    limit: u64,
}

impl Logs {
    pub(crate) fn new(dir: PathBuf, limit: u64) -> Self {
        Self { dir, limit }
    }

    /// The log of a server.
    pub(crate) fn of(&self, id: &str) -> PathBuf {
        let plain = |c: char| if c.is_alphanumeric() || "._-".contains(c) { c } else { '_' };
        let name: String = id.chars().map(plain).collect();
        self.dir.join(format!("{name}.log"))
    }

    /// Where the token of a master's servers is kept.
    pub(crate) fn of_token(&self, master: &str) -> PathBuf {
        self.of(master).with_extension("token")
    }

    /// The master's own, when it runs in the background.
    pub(crate) fn of_master(&self) -> PathBuf {
        self.dir.join("master.log")
    }

    /// Opens the log of a server to write at its end.
    pub(crate) fn open(&self, id: &str) -> io::Result<File> {
        self.open_file(&self.of(id))
    }

    /// Opens a log to write at its end.
    pub(crate) fn open_file(&self, file: &Path) -> io::Result<File> {
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("cannot write the log {}: {error}", file.display()))
        };
        fs::create_dir_all(&self.dir).map_err(named)?;
        self.trim(file).map_err(named)?;
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        // What servers say may be about their users, and is nobody else's business.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, LOG_MODE);
        let log = options.open(file).map_err(named)?;
        #[cfg(unix)]
        if let Err(error) = log.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(LOG_MODE)) {
            tracing::debug!(file = %file.display(), %error, "the log is another user's");
        }
        Ok(log)
    }

    /// Makes a log that is too long the older one.
    pub(crate) fn trim(&self, file: &Path) -> io::Result<()> {
        match fs::metadata(file) {
            Ok(metadata) if metadata.len() > self.limit => {}
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        let copied = fs::copy(file, older(file));
        if copied.as_ref().is_err_and(is_full) {
            // It would stay too long as long as the disk is full, and keep it full. The older one is cut off somewhere.
            tracing::warn!(file = %file.display(), "the disk is full: what was logged is dropped");
            fs::remove_file(older(file))?;
        } else {
            copied?;
        }
        OpenOptions::new().write(true).open(file)?.set_len(0)
    }
}

/// Whether there is no room on the disk. That must not keep a server from running.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn older(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

/// The last lines of a log, the older one included.
pub(crate) async fn tail(file: &Path, lines: usize) -> io::Result<Vec<String>> {
    let file = file.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let last = last_lines(&file, lines)?;
        let missing = lines.saturating_sub(last.len());
        let before = if missing == 0 {
            VecDeque::new()
        } else {
            last_lines(&older(&file), missing).unwrap_or_default()
        };
        Ok(before.into_iter().chain(last).collect())
    });
    read.await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// What was said last, and where the rest is.
pub(crate) async fn last_words(log: &Path) -> String {
    let lines = tail(log, 20).await.unwrap_or_default();
    let last = lines.iter().rev().map(|line| line.trim()).find(|line| !line.is_empty());
    let last = last.map(|line| format!(", last saying `{line}`")).unwrap_or_default();
    format!("{last}; its log is {}", log.display())
}

fn last_lines(file: &Path, lines: usize) -> io::Result<VecDeque<String>> {
    let mut file = File::open(file)?;
    let length = file.metadata()?.len();
    let skipped = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(skipped))?;
    let mut last = VecDeque::new();
    for (number, line) in BufReader::new(file.take(TAIL_BYTES)).split(b'\n').enumerate() {
        let line = line?;
        // The first is cut somewhere.
        if skipped > 0 && number == 0 {
            continue;
        }
        last.push_back(String::from_utf8_lossy(&line).into_owned());
        if last.len() > lines {
            last.pop_front();
        }
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::temp_dir::TempDir;

    #[tokio::test]
    async fn a_log_that_is_too_long_becomes_the_older_one_under_its_writer() {
        let dir = TempDir::new();
        let logs = Logs::new(dir.path().join("logs"), 10);
        let file = logs.of("chat-1");
        let mut log = logs.open("chat-1").unwrap();
        writeln!(log, "first\nsecond").unwrap();
        logs.trim(&file).unwrap();
        writeln!(log, "third").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "third\n");
        assert_eq!(tail(&file, 2).await.unwrap(), ["second", "third"]);
        assert_eq!(tail(&file, 1).await.unwrap(), ["third"]);
        assert_eq!(tail(&file, 9).await.unwrap(), ["first", "second", "third"]);
        assert_eq!(tail(&file, 0).await.unwrap(), [""; 0]);
    }

    #[cfg(unix)]
    #[test]
    fn a_log_is_for_its_user_and_group_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = TempDir::new();
        let logs = Logs::new(dir.path().to_owned(), 3);
        let mode = |file: &Path| fs::metadata(file).unwrap().permissions().mode() & 0o777;
        dir.write("chat-2.log", "of an earlier version");
        fs::set_permissions(logs.of("chat-2"), fs::Permissions::from_mode(0o644)).unwrap();
        for id in ["chat-1", "chat-2"] {
            writeln!(logs.open(id).unwrap(), "line").unwrap();
            assert_eq!(mode(&logs.of(id)), 0o640);
            logs.trim(&logs.of(id)).unwrap();
            assert_eq!(mode(&older(&logs.of(id))), 0o640);
        }
    }

    /// What can't be written has no room, as on a full disk.
    #[cfg(target_os = "linux")]
    #[test]
    fn on_a_full_disk_a_log_that_is_too_long_is_dropped_and_its_server_runs() {
        let dir = TempDir::new();
        let logs = Logs::new(dir.path().to_owned(), 10);
        let file = logs.of("chat-1");
        dir.write("chat-1.log", "longer than it may be");
        std::os::unix::fs::symlink("/dev/full", older(&file)).unwrap();
        let mut log = logs.open("chat-1").unwrap();
        writeln!(log, "next").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "next\n");
        assert!(!older(&file).exists());
    }

    #[tokio::test]
    async fn of_a_long_log_only_the_end_is_read() {
        let dir = TempDir::new();
        let line = "x".repeat(1000);
        let text: String = (0..3000).map(|n| format!("{n} {line}\n")).collect();
        dir.write("chat-1.log", &text);
        let lines = tail(&dir.path().join("chat-1.log"), 5000).await.unwrap();
        assert!(lines.len() > 1000 && lines.len() < 1100);
        assert!(lines.iter().all(|found| found.ends_with(&line)), "none is cut");
    }

    #[test]
    fn an_id_is_never_a_path() {
        let logs = Logs::new("/logs".into(), 0);
        assert_eq!(logs.of("../etc/x y"), Path::new("/logs/.._etc_x_y.log"));
    }
}
