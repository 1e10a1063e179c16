//! The command: what the command line of an application's program asks for.

use std::sync::Arc;

use crate::cluster::{Discovery, Transport};
use crate::value::{ServerId, ServerInfo};

/// What the program is to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Run every server of servers.json in this process.
    Embedded {
        /// The environment, if it was said.
        env: Option<String>,
    },
    /// Run one server, as a part of a cluster.
    Server {
        /// The environment, if it was said.
        env: Option<String>,
        /// Which one.
        id: ServerId,
        /// What it is, if servers.json doesn't have it.
        info: Option<Arc<ServerInfo>>,
    },
    /// Run a master, which starts a process per server.
    Start {
        /// The environment, if it was said.
        env: Option<String>,
        /// Only the servers of this type.
        server_type: Option<String>,
        /// Only the server of this id.
        id: Option<String>,
        /// In the background.
        daemon: bool,
    },
    /// Print this text.
    Help(String),
}

/// How the servers of a process find others and reach them.
#[derive(Clone)]
pub struct Network {
    /// Carries messages between servers.
    pub transport: Arc<dyn Transport>,
    /// Tells servers of each other.
    pub discovery: Arc<dyn Discovery>,
}

/// Where the servers that a server talks to may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All in this process.
    Process,
    /// In other processes, on this machine or others.
    Cluster,
}

/// A master sets this variable for the servers that it starts on its own machine: it has logged what may be a mistake in the
/// configuration, and they don't repeat it.
pub const CHECKED: &str = "POMELO_CHECKED";

/// Which files of the configuration are used, besides those that [`Config`](crate::value::config::Config) has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Files {
    /// How servers are linked: cluster.json.
    pub links: bool,
    /// Where the master is, and who may register there: master.json and adminServer.json.
    pub master: bool,
    /// Who may operate the cluster: adminUser.json.
    pub operators: bool,
}
