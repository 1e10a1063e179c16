//! Children: the processes of the servers, how they are started, and the logs that they write.
//!
//! | file | noun |
//! |---|---|
//! | `command` | the command line of a server, on this host and by ssh (no I/O) |
//! | `place`, `holder` | whether a port is taken; by which process |
//! | `logs` | what servers print |

mod command;
mod holder;
mod logs;
mod place;

use std::process::Stdio;
use std::sync::Arc;

use pomelo_core::value::{Error, ErrorKind, Result, ServerInfo};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

pub(crate) use command::is_set;
pub(crate) use holder::Holder;
pub(crate) use logs::{Logs, MAX_LOG_LINES, last_words, tail};
pub(crate) use place::{check_ports, is_taken, refuses, taken_port};

use logs::is_full;

use crate::config::MasterConfig;
use crate::setup::{MasterLimits, MasterSetup};
use crate::token;
use command::{CommandLine, Program};
use pomelo_net::address::is_here;

/// A master sets this variable for the servers that it starts on its own machine: it has logged what may be a mistake in the
/// configuration, and they don't repeat it.
pub(crate) const CHECKED: &str = "POMELO_CHECKED";

/// What tells tokio's runtime how many threads to have; an operator who sets it for the master sets it for all.
const WORKERS_VARIABLE: &str = "TOKIO_WORKER_THREADS";

/// Starts the processes of servers.
pub(crate) struct Children {
    program: Program,
    /// What servers prove that this master started them by, where adminServer.json has no tokens.
    token: Option<String>,
    master_host: String,
    /// The host of each server of servers.json.
    hosts: Vec<String>,
    pub(crate) logs: Logs,
    pub(crate) limits: MasterLimits,
}

impl Children {
    pub(crate) fn new(setup: &MasterSetup, master: &MasterConfig) -> Result<Self> {
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
        })
    }

    /// Has servers get a token, and returns it: that of the file beside the logs, or a new one.
    ///
    /// # Errors
    /// As [`token::kept_in`].
    pub(crate) fn make_token(&mut self, master: &str) -> Result<String> {
        let token = token::kept_in(&self.logs.of_token(master))?;
        self.token = Some(token.clone());
        Ok(token)
    }

    /// Checks that servers which are to be started can have their ports, as far as they are on this host.
    ///
    /// # Errors
    /// Which can't, and who has them.
    pub(crate) async fn check_ports(&self, servers: &[Arc<ServerInfo>]) -> Result<()> {
        let mut here: Vec<&ServerInfo> = Vec::new();
        for info in servers {
            if self.is_here(info).await {
                here.push(info);
            }
        }
        place::check_all_ports(&here).await.map_err(|problems| Error::of(ErrorKind::Config, problems))
    }

    /// The environment of the servers.
    pub(crate) fn env(&self) -> &str {
        &self.program.env
    }

    /// Whether servers.json has a server as that.
    pub(crate) fn is_listed(&self, info: &ServerInfo) -> bool {
        self.program.listed.get(&info.id).is_some_and(|listed| **listed == *info)
    }

    async fn is_here(&self, info: &ServerInfo) -> bool {
        info.host == self.master_host || is_here(&info.host).await
    }

    /// Starts the process of a server, here or by ssh.
    ///
    /// On this host it has a process group of its own, so that Ctrl-C in a terminal reaches the master alone, and writes
    /// to its log itself, so that it goes on when the master is gone.
    pub(crate) async fn launch(&self, info: &ServerInfo) -> Result<Child> {
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
        if self.is_crowded(&info.host) && std::env::var_os(WORKERS_VARIABLE).is_none() {
            command.env(WORKERS_VARIABLE, "1");
        }
        command.current_dir(&self.program.dir).stdin(Stdio::null()).stdout(out).stderr(err);
        match &self.token {
            Some(token) if is_here => drop(command.env(token::TOKEN_VARIABLE, token)),
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
    pub(crate) async fn kill_there(&self, info: &ServerInfo, pid: u32) {
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
