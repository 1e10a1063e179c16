//! The setup that a master is started with.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pomelo_core::value::config::Config;
use pomelo_core::value::spelling::did_you_mean;
use pomelo_core::value::{Error, ErrorKind, Result, ServerId, ServerInfo};

/// What a master is started with.
#[derive(Debug, Clone)]
pub struct MasterSetup {
    /// The servers, and where master.json, adminUser.json and adminServer.json are.
    pub config: Arc<Config>,
    /// The program that is a server when it is run with `--server-id <id> --env <env>`: the application itself. On other
    /// hosts it has the same path.
    pub exe: PathBuf,
    /// Arguments of the program that come before ours.
    pub args: Vec<String>,
    /// Which servers to start. All of servers.json are expected in any case.
    pub only: Only,
    /// Whether the master goes on in the background.
    pub daemon: bool,
    /// Where `<id>.log` of each server is, and `master.log`.
    pub log_dir: PathBuf,
    /// The directory that servers run in, on other hosts too.
    pub base_dir: PathBuf,
    /// Arguments of `ssh`, besides those that master.json has as `sshConfigParams`. Servers on other hosts are started by ssh,
    /// which must need no password.
    pub ssh_args: Vec<String>,
    /// Its bounds.
    pub limits: MasterLimits,
}

impl MasterSetup {
    /// This program, in this directory; logs go to `logs` beside the directory of the configuration.
    ///
    /// # Errors
    /// If the system doesn't say which program and directory that is.
    pub fn new(config: Arc<Config>) -> io::Result<Self> {
        let base_dir = std::env::current_dir()?;
        let beside = config.dir.as_deref().and_then(|dir| Some(base_dir.join(dir).parent()?.join("logs")));
        Ok(Self {
            config,
            exe: std::env::current_exe()?,
            args: vec![],
            only: Only::Every,
            daemon: false,
            log_dir: beside.unwrap_or_else(|| base_dir.join("logs")),
            base_dir,
            ssh_args: vec![],
            limits: MasterLimits::default(),
        })
    }
}

/// Which servers a master starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Only {
    /// Every server of servers.json.
    Every,
    /// Those of a type.
    Type(String),
    /// One. The id of the master itself is none of them: it then starts no server.
    Id(String),
}

impl Only {
    pub(crate) fn wants(&self, info: &ServerInfo) -> bool {
        match self {
            Self::Every => true,
            Self::Type(server_type) => *info.server_type == **server_type,
            Self::Id(id) => info.id == **id,
        }
    }
}

impl MasterSetup {
    /// The servers to start.
    pub(crate) fn wanted(&self, master: &ServerId) -> Result<Vec<Arc<ServerInfo>>> {
        let wanted: Vec<_> =
            self.config.servers.iter().filter(|info| self.only.wants(info)).cloned().collect();
        let Config { env, servers, servers_file, .. } = &*self.config;
        let (what, meant) = match &self.only {
            Only::Type(server_type) if wanted.is_empty() => {
                let types = servers.iter().map(|info| &*info.server_type);
                (format!("server of type `{server_type}`"), did_you_mean(server_type, types))
            }
            Only::Id(id) if wanted.is_empty() && master != id.as_str() => {
                (format!("server `{id}`"), did_you_mean(id, servers.iter().map(|info| info.id.as_str())))
            }
            _ => return Ok(wanted),
        };
        let why = format!("{servers_file}: there is no {what} in the environment `{env}`{meant}");
        Err(Error::of(ErrorKind::Config, why))
    }
}

/// The bounds of a master.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MasterLimits {
    /// How long a server may take to be up before the master calls it failed. 30 s. It isn't ended for that.
    pub start: Duration,
    /// How long a server may take to stop before its process is killed. 20 s: twice what a server waits for its
    /// sessions.
    pub drain: Duration,
    /// How long a port that is taken may wait for its server to register, before it is called somebody else's. 10 s:
    /// servers try every few seconds to reach a master that was away.
    pub adopt: Duration,
    /// How long who connects to the master may take to say who it is. 2 s: whoever has something to say does so at once, also
    /// over a slow network.
    pub first_frame: Duration,
    /// How many connections may be there that have not logged in; of more, the oldest that has said nothing yet gives way. 512:
    /// more than servers come back at once, and half of what files a process may usually have open.
    pub strangers: usize,
    /// The same of one address (of IPv6: of one network, /64). 128: a machine full of servers.
    pub strangers_per_address: usize,
    /// The bytes of a log; when it is longer it becomes `<id>.log.1`, and what was there before is gone. 10 MiB.
    pub log_bytes: u64,
}

impl Default for MasterLimits {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(30),
            drain: Duration::from_secs(20),
            adopt: Duration::from_secs(10),
            first_frame: Duration::from_secs(2),
            strangers: 512,
            strangers_per_address: 128,
            log_bytes: 10 * 1024 * 1024,
        }
    }
}
