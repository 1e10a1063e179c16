//! Starts, watches and stops the processes of a pomelo cluster: the master, one process that starts the servers, tells each of all
//! others, and does what operators want.
//!
//! | file | noun |
//! |---|---|
//! | `config` | master.json, adminUser.json, adminServer.json |
//! | `setup` | [`MasterSetup`]: what a master is started with, and its bounds |
//! | `run` | [`run`]: the command `start`, to its end; `daemon`, in the background; `join`, beside a master that runs |
//! | `listen` | [`Master`]: its port, and who comes in there |
//! | `registry` | which servers there should be, and what is known of each (sans-IO); its `standing` is the state machine |
//! | `hub` | the registry, and everybody who must hear of its changes |
//! | `guesses` | how long who fails to log in waits |
//! | `token` | what a master's children prove that they are by |
//! | `reception` | a port where strangers prove who they are |
//! | `connection`, `operator` | a connection of a server, of an operator |
//! | `requests`, `replies` | what operators want of a master; what servers answered to an ask |
//! | `operations` | what operators want of a server, where there is no master |
//! | `orders` | start, stop, kill, restart, add |
//! | `children` | the processes of the servers: starting and ending them; their logs, their ports |
//! | `keeper` | the tasks that keep servers running |
//! | `discovery` | [`MasterDiscovery`]: the discovery of a server that has a master |
//! | `admin` | [`Admin`]: an operator's connection |
//! | `wire` | frames, logins, messages |
//!
//! **Who may do what.** Whoever connects proves who it is (see [`secret`](pomelo_net::link::secret)), also when it comes back. A
//! server needs the token that adminServer.json has for its type, and speaks for its own id only; without that file the token
//! that this application's master gives to the processes that it starts (see `token`). An operator needs the password of
//! adminUser.json; level 1 may do everything, level 2 may look. Without that file there is the operator `admin` with the
//! password `admin`, from this host only; the log says so. From this host only come operators whose password is their name,
//! too, as in pomelo's own adminUser.json.
//!
//! **What is expected.** Routers expect the servers of servers.json, and of all others those that were up once: what could
//! not start, or nobody could reach, moves nobody's room. What an operator has stopped for good is expected no more, is in no list,
//! and its id is free. *Up* means that those who must have a link to a server have one; see `registry`'s `standing` and `reach`.
//!
//! **An order that was taken is carried out**, also if who gave it is gone. `stop` of all and `kill` are the last: no server is
//! started after them.
//!
//! **When the master dies**, the servers go on: they keep the list that they have and see each other by their links. A
//! new master learns from them what the old one knew, adopts them, and starts only those that are missing.
#![warn(unreachable_pub)]

mod admin;
mod children;
mod config;
mod connection;
mod daemon;
mod discovery;
mod guesses;
mod hub;
mod join;
mod keeper;
mod listen;
mod operations;
mod operator;
mod orders;
#[cfg(unix)]
mod orphans;
mod output;
mod platform;
mod process;
mod reception;
mod registry;
mod replies;
mod requests;
mod run;
mod setup;
mod signal;
mod status;
mod table;
#[cfg(test)]
mod temp_dir;
#[cfg(test)]
mod tests;
mod token;
mod troubles;
mod wire;

pub use admin::{Admin, AdminError};
pub use config::MasterConfig;
pub use discovery::MasterDiscovery;
pub use listen::Master;
pub use platform::platform;
pub use run::run;
pub use setup::{MasterLimits, MasterSetup, Only};
pub use status::{Outcome, Replied, Reply, ServerState, ServerStatus, Which};
pub use troubles::troubles;
