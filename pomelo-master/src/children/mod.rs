//! The processes of the servers.
//!
//! | file | noun |
//! |---|---|
//! | `command` | the command line of a server, on this host and by ssh (no I/O) |
//! | `place`, `holder` | whether a port is taken; by which process |
//! | `logs` | what servers print |
//! | `keeper` | the task that keeps one server running |
//! | `watch` | the task that looks after all: processes that are not our children, logs |

mod command;
mod holder;
mod keeper;
mod logs;
mod place;
mod watch;

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use pomelo_core::app::CHECKED;
use pomelo_core::runtime::Supervised;
use pomelo_core::value::{Error, ErrorKind, Result, ServerId, ServerInfo};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

pub(super) use holder::Holder;
pub(super) use logs::{Logs, last_words, tail};
pub(super) use place::is_taken;
pub(super) use watch::watch;

use logs::is_full;

use super::config::MasterConfig;
use super::hub::Hub;
use super::setup::{MasterLimits, MasterSetup};
use super::token;
use command::{CommandLine, Program};
use pomelo_net::address::is_here;

/// What tells tokio's runtime how many threads to have; an operator who sets it for the master sets it for all.
const WORKERS: &str = "TOKIO_WORKER_THREADS";

/// Starts servers, and keeps them running.
pub(super) struct Children {
    program: Program,
    /// What servers prove that this master started them by, where adminServer.json has no tokens.
    token: Option<String>,
    master_host: String,
    /// The host of each server of servers.json.
    hosts: Vec<String>,
    pub(super) logs: Logs,
    pub(super) limits: MasterLimits,
    keepers: Mutex<HashMap<ServerId, Supervised>>,
}

impl Children {
    pub(super) fn new(setup: &MasterSetup, master: &MasterConfig) -> Result<Self> {
        let text = |path: &std::path::Path| {
            path.to_str().map(str::to_owned).ok_or_else(|| {
                Error::of(ErrorKind::Config, format_args!("the path {} is no text", path.display()))
            })
        };
        Ok(Self {
            program: Program {
                exe: text(&setup.exe)?,
                args: setup.args.clone(),
                env: setup.config.env.clone(),
                dir: text(&setup.base_dir)?,
                ssh_args: master.ssh_args.iter().chain(&setup.ssh_args).cloned().collect(),
                listed: setup.config.servers.iter().map(|info| (info.id.clone(), info.clone())).collect(),
            },
            token: None,
            master_host: master.host.clone(),
            hosts: setup.config.servers.iter().map(|info| info.host.clone()).collect(),
            logs: Logs::new(setup.log_dir.clone(), setup.limits.log_bytes),
            limits: setup.limits.clone(),
            keepers: Mutex::default(),
        })
    }

    /// Has servers get a token, and returns it: that of the file beside the logs, or a new one.
    ///
    /// # Errors
    /// As [`token::kept_in`].
    pub(super) fn make_token(&mut self, master: &str) -> Result<String> {
        let token = token::kept_in(&self.logs.of_token(master))?;
        self.token = Some(token.clone());
        Ok(token)
    }

    /// Checks that servers which are to be started can have their ports, as far as they are on this host.
    ///
    /// # Errors
    /// Which can't, and who has them.
    pub(super) async fn check_ports(&self, servers: &[Arc<ServerInfo>]) -> Result<()> {
        let mut here: Vec<&ServerInfo> = Vec::new();
        for info in servers {
            if self.is_here(info).await {
                here.push(info);
            }
        }
        place::check_all_ports(&here).await.map_err(|problems| Error::of(ErrorKind::Config, problems))
    }

    /// Keeps a server running from now on. It must be down or a stranger's: a keeper that it had is let go. False if there is
    /// no such server, or all are to end.
    pub(super) fn keep(&self, hub: &Arc<Hub>, id: &ServerId) -> bool {
        if !hub.change(|registry| registry.keep(id)) {
            return false;
        }
        let (own, kept) = (hub.clone(), id.clone());
        let keeper = hub.tasks.spawn_guarded("keeper", move || keeper::keep(own.clone(), kept.clone()));
        let mut keepers = self.keepers.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        drop(keepers.insert(id.clone(), keeper));
        true
    }

    /// Lets go of all: their processes go on.
    pub(super) fn let_go(&self) {
        let mut keepers = self.keepers.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        keepers.clear();
    }

    /// The environment of the servers.
    pub(super) fn env(&self) -> &str {
        &self.program.env
    }

    /// Whether servers.json has a server as that.
    pub(super) fn is_listed(&self, info: &ServerInfo) -> bool {
        self.program.listed.get(&info.id).is_some_and(|listed| **listed == *info)
    }

    async fn is_here(&self, info: &ServerInfo) -> bool {
        info.host == self.master_host || is_here(&info.host).await
    }

    /// Starts the process of a server, here or by ssh.
    ///
    /// On this host it has a process group of its own, so that Ctrl-C in a terminal reaches the master alone, and writes
    /// to its log itself, so that it goes on when the master is gone.
    async fn launch(&self, info: &ServerInfo) -> Result<Child> {
        let is_here = self.is_here(info).await;
        let line = match is_here {
            true => self.program.here(info),
            false => self.program.there(info, self.token.is_some()),
        };
        let line = line.map_err(|problem| Error::of(ErrorKind::Config, problem))?;
        let [out, err] = self.output(&info.id)?;
        let mut command = line.to_command();
        // What reads its output is a file. The master has checked the configuration that it reads, too.
        command.env("NO_COLOR", "1").env(CHECKED, "1");
        if self.is_crowded(&info.host) && std::env::var_os(WORKERS).is_none() {
            command.env(WORKERS, "1");
        }
        command.current_dir(&self.program.dir).stdin(Stdio::null()).stdout(out).stderr(err);
        match &self.token {
            Some(token) if is_here => drop(command.env(token::VARIABLE, token)),
            Some(_) => drop(command.stdin(Stdio::piped())),
            None => {}
        }
        let mut child = command
            .spawn()
            .map_err(|error| Error::from(error).context(format_args!("cannot run {}", line.program)))?;
        if let (Some(mut input), Some(token)) = (child.stdin.take(), &self.token) {
            // An ssh that takes nothing ends, and says why.
            let _ = input.write_all(format!("{token}\n").as_bytes()).await;
        }
        Ok(child)
    }

    /// The log of a server, for both of its outputs. On a full disk it runs without one.
    fn output(&self, id: &str) -> Result<[Stdio; 2]> {
        let opened = self.logs.open(id).and_then(|log| Ok([log.try_clone()?.into(), log.into()]));
        match opened {
            Err(error) if is_full(&error) => {
                tracing::warn!(server = id, %error, "the disk is full: the server starts without a log");
                Ok([Stdio::null(), Stdio::null()])
            }
            opened => Ok(opened?),
        }
    }

    /// Whether a host has a server for each of its cores; other hosts are taken to be like this one. Then more threads
    /// than one in each only wake each other: 100 rooms of 10 users cost a quarter less processor time with one.
    fn is_crowded(&self, host: &str) -> bool {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.hosts.iter().filter(|other| *other == host).count() >= cores
    }

    /// Kills the process of a server on another host.
    pub(super) async fn kill_there(&self, info: &ServerInfo, pid: u32) {
        if self.is_here(info).await {
            return;
        }
        let killed = match self.program.kill_there(info, pid) {
            Ok(line) => line.to_command().stdin(Stdio::null()).status().await.map_err(|e| e.to_string()),
            Err(problem) => Err(problem),
        };
        if let Err(error) = killed {
            tracing::warn!(server = %info.id, error, "cannot kill the process on its host");
        }
    }
}

impl CommandLine {
    fn to_command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args);
        #[cfg(unix)]
        command.process_group(0);
        command
    }
}
