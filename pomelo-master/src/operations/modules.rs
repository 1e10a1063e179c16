//! The admin modules of every server: its status, and the end of its log.

use pomelo_core::metrics::Report;
use pomelo_core::server::{AdminModule, Identity};
use pomelo_core::value::{Error, ErrorKind, Level, Result};
use serde::{Deserialize, Serialize};

use super::{machine, own_log};
use crate::children::{MAX_LOG_LINES, tail};
use crate::process::own_rss_bytes;

/// What the module `status` answers: all that there is to say of a server now.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) identity: Identity,
    pub(super) report: Report,
    /// The memory that its process holds, where the system tells.
    pub(super) rss_bytes: Option<u64>,
}

/// What the module `log` is asked.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LogEnd {
    /// How many lines.
    pub(super) lines: usize,
}

pub(super) fn all() -> Vec<AdminModule> {
    let status = AdminModule::new("status", Level::Look, |server, _| async move {
        Ok(Status { identity: server.identity(), report: server.report(), rss_bytes: own_rss_bytes() })
    });
    let log = AdminModule::new("log", Level::Look, |server, ask| async move {
        let LogEnd { lines } = ask.body()?;
        log_end(lines).await.map_err(|error| error.context(server.server_id()))
    });
    [status, log].into_iter().chain(machine::modules()).collect()
}

async fn log_end(lines: usize) -> Result<Vec<String>> {
    let Some(file) = own_log::file() else {
        let why = "its output goes into no file that can be read here: ask what runs it, such as `journalctl -u UNIT`, \
                   `docker logs` or `kubectl logs`";
        return Err(Error::of(ErrorKind::Application, why));
    };
    let read = tail(&file, lines.min(MAX_LOG_LINES)).await;
    read.map_err(|error| Error::from(error).context(format_args!("cannot read {}", file.display())))
}
