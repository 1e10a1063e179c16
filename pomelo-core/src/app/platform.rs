//! The platform: what an application gets from the process that its servers run in, where it chooses nothing else.

use std::ffi::OsString;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::{Map, Value};

use crate::cluster::{Discovery, Transport};
use crate::frontend::Listening;
use crate::server::{AdminModule, Operated};
use crate::value::config::Config;
use crate::value::{Result, ServerId, ServerInfo};
use crate::wire::Codecs;

/// What a process provides: what its arguments ask for, how its servers find and reach others, and the signal to stop.
/// [`Cluster::platform`](super::Cluster::platform) names it.
pub trait Platform: Send + Sync {
    /// What the process's arguments, without the program's name, ask for.
    ///
    /// # Errors
    /// If they are not understood: which, and why.
    fn task(&self, args: Vec<OsString>) -> Result<Task>;

    /// What servers that are about to start need, by their configuration. It reads and checks no other files than what is
    /// wanted needs.
    ///
    /// # Errors
    /// If a file is wrong: which, and where in it.
    fn provide(&self, config: &Config, wants: Wants) -> Result<Provided>;

    /// The discovery of a server in a process of its own that has one from the application: the same, unless what launched the process
    /// must hear of the server, too, as a master that lists and stops it.
    ///
    /// # Errors
    /// If a file that says where that is is wrong: which, and where in it.
    fn manage(&self, config: &Config, own: Arc<dyn Discovery>) -> Result<Arc<dyn Discovery>> {
        let _ = config;
        Ok(own)
    }

    /// Resolves when the process is asked to stop, which is heard from the call on.
    ///
    /// # Cancel safety
    /// It may be dropped at any time; a signal that came is then forgotten.
    fn stop_signal(&self) -> BoxFuture<'static, ()>;
}

/// What a program is to do.
pub enum Task {
    /// Print a text.
    Print(String),
    /// Run every server of servers.json in this process.
    RunAll {
        /// The environment, if it was said.
        env: Option<String>,
        /// What was said of the first of them, as keys of an entry of servers.json, which wins over what that has.
        settings: Map<String, Value>,
    },
    /// Run one server, as a part of a cluster.
    RunOne {
        /// The environment, if it was said.
        env: Option<String>,
        /// Which one.
        id: ServerId,
        /// What it is, if servers.json doesn't have it, or otherwise.
        info: Option<Arc<ServerInfo>>,
        /// What was said of it, as keys of an entry of servers.json, which wins over what that has.
        settings: Map<String, Value>,
    },
    /// Run one server, as a part of a cluster that learns of it by its discovery: no list has to have it.
    Join {
        /// The environment, if it was said.
        env: Option<String>,
        /// What was said of it, as an entry of servers.json with its `id`. The rest is what servers.json has of that id, if it has
        /// anything; there needs to be no such file.
        entry: Map<String, Value>,
    },
    /// Have servers run in processes of their own.
    Launch {
        /// The environment, if it was said.
        env: Option<String>,
        /// Whether a server is among those.
        wanted: Box<dyn Fn(&ServerInfo) -> bool + Send + Sync>,
        /// Does it, once the configuration has been checked.
        launch: Box<dyn FnOnce(Arc<Config>) -> BoxFuture<'static, Result<()>> + Send>,
    },
}

/// Where servers run, and so where those are that they talk to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All in this process.
    Process,
    /// One in this process, the others in theirs, on this machine or others.
    Cluster,
    /// Each in a process of its own, which this one [launches](Task::Launch).
    Launched,
}

/// What is wanted of a [`Platform`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wants {
    /// Where the servers run. In one process they always get a transport and a discovery.
    pub reach: Reach,
    /// Whether a cluster of them has the platform's transport, since the application has none of its own. If not, what is
    /// configured for that isn't read, wherever the servers run.
    pub transport: bool,
    /// Whether a cluster of them has the platform's discovery, in the same way.
    pub discovery: bool,
}

/// What a [`Platform`] provides.
pub struct Provided {
    /// How the servers of the process find and reach each other and others; where they are launched it isn't used.
    pub network: Network,
    /// The codecs of bodies.
    pub codecs: Codecs,
    /// Lets operators in at the servers of the process; none if nobody is let in.
    pub operators: Option<Arc<dyn OperatorAccess>>,
    /// What of the files may be a mistake, a line each.
    pub warnings: Vec<String>,
    /// Whoever launched this process has logged what may be a mistake.
    pub warned: bool,
}

/// Lets operators in at servers, wherever these are: with a master and without.
pub trait OperatorAccess: Send + Sync + 'static {
    /// The admin modules that every server of the process has, besides the application's own.
    fn modules(&self) -> Vec<AdminModule> {
        vec![]
    }

    /// Lets operators in at a server that is about to be linked with others, until that has ended; none if it has no port for
    /// them.
    ///
    /// # Cancel safety
    /// A server that stops while it starts drops this: its port must be free then.
    ///
    /// # Errors
    /// If it can't listen, or must not: the error names the server and the address.
    fn open(&self, server: Operated) -> BoxFuture<'_, Result<Option<Listening>>>;
}

/// How the servers of a process find others and reach them.
#[derive(Clone, Default)]
pub struct Network {
    /// Carries messages between servers.
    pub transport: Option<Arc<dyn Transport>>,
    /// Tells servers of each other.
    pub discovery: Option<Arc<dyn Discovery>>,
}

impl Network {
    /// What is there, and of the rest what `other` has.
    pub(super) fn or(self, other: &Self) -> Self {
        Self {
            transport: self.transport.or_else(|| other.transport.clone()),
            discovery: self.discovery.or_else(|| other.discovery.clone()),
        }
    }
}
