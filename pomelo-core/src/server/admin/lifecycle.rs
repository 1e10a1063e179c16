//! The admin modules that every server has: who it is, stop and restart.

use std::sync::LazyLock;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::module::AdminModule;
use crate::server::Server;
use crate::value::{Incarnation, Level, Result};

/// This process, by when it was asked first: one that has the same number on another host, or later, has another.
static PROCESS: LazyLock<u64> =
    LazyLock::new(|| Incarnation::begin(&std::process::id().to_string()).to_bits());

/// What the module `identity` answers: which process a server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Which incarnation of the server.
    pub incarnation: Incarnation,
    /// The number of its process on its host.
    pub pid: u32,
    /// Tells its process from all others, whatever their numbers: servers that share a process say the same.
    pub process: u64,
    /// Whether it has not yet taken clients and calls.
    pub starting: bool,
    /// Whether it is about to stop.
    pub leaving: bool,
}

impl Server {
    /// Which process this server is.
    pub fn identity(&self) -> Identity {
        Identity {
            incarnation: self.peers.incarnation(),
            pid: std::process::id(),
            process: *PROCESS,
            starting: !self.membership.started.load(Ordering::Acquire),
            leaving: self.peers.is_leaving(),
        }
    }

    /// An operator wants the server to drain and stop; with `restart`, its process then ends with an error, so that whoever
    /// supervises it starts it again.
    pub(crate) fn ask_to_stop(&self, restart: bool) {
        if restart {
            self.membership.wants_restart.store(true, Ordering::Release);
        }
        self.membership.asked_to_stop.notify_one();
    }
}

pub(super) fn modules() -> [AdminModule; 3] {
    let ending = |name, restart| {
        AdminModule::new(name, Level::Everything, move |server, _| async move {
            server.ask_to_stop(restart);
            Ok(())
        })
    };
    let identity =
        AdminModule::new("identity", Level::Look, |server, _| async move { Result::Ok(server.identity()) });
    [identity, ending("stop", false), ending("restart", true)]
}
