//! An operator's connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use pomelo_core::metrics::Report;
use pomelo_core::value::spelling::did_you_mean;
use pomelo_core::value::{ServerId, ServerInfo};
use serde_json::{Map, Value};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::status::{Outcome, Reply, ServerState, ServerStatus, Which};
use crate::wire::login::{LoginError, Who, enter};
use crate::wire::operator::{Answer, Asked, Refusal, Request, ToOperator};
use crate::wire::{Wire, WireError};
use pomelo_net::address::connect_to;
use pomelo_net::link::secret::Secret;

/// A master that can't be connected to by then is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection of an operator to a master, or to a server that lets operators in. Every method is one request; they are answered one
/// after the other.
///
/// A server answers for its cluster, as far as it knows it, and asks the others by the cluster's transport. It manages no processes:
/// [`start`](Self::start), [`add`](Self::add) and [`kill`](Self::kill) are [`Masterless`](AdminError::Masterless) there, and
/// [`restart`](Self::restart) has a server drain and end for whoever supervises it.
///
/// An order that was sent is carried out, also if nobody waits for its outcome.
///
/// # Cancel safety
/// Every method can be dropped at any time, and the next one asked: what was asked before that may be carried out, and its answer is
/// dropped.
pub struct Admin {
    address: String,
    conversation: Mutex<Conversation>,
}

struct Conversation {
    wire: Wire<TcpStream>,
    asks: u64,
}

/// Why a request has no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AdminError {
    /// Nobody listens there.
    #[error("cannot reach a master on {address}: {source}")]
    Unreachable {
        /// Where, `host:port`.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// What listens there is no master, or not the master of this application.
    #[error("what listens on {address} does not answer as a master: {problem}")]
    NoMaster {
        /// Where, `host:port`.
        address: String,
        /// What is wrong.
        problem: String,
    },
    /// The user or the password is wrong.
    #[error("the master on {address} refused the user `{user}`: {reason}")]
    Refused {
        /// Where, `host:port`.
        address: String,
        /// Who.
        user: String,
        /// What the master says.
        reason: String,
    },
    /// The user may not do that.
    #[error("permission denied: that needs a user of level {needed}")]
    Denied {
        /// The level that it needs.
        needed: u8,
    },
    /// There is no server of that id.
    #[error("there is no server `{0}`")]
    UnknownServer(ServerId),
    /// The server can't be asked now.
    #[error("{id} is {state}")]
    NotUp {
        /// Which.
        id: ServerId,
        /// What it is.
        state: ServerState,
    },
    /// The request itself is wrong, or what it asks for is not there.
    #[error("{0}")]
    Invalid(String),
    /// No answer came in time: from the master, or from the server that it asked.
    #[error("{0} does not answer")]
    Timeout(String),
    /// The server could not be asked: it went meanwhile, or there is no way to it.
    #[error("{id} could not be asked: {why}")]
    NotAsked {
        /// Which.
        id: ServerId,
        /// What is in the way.
        why: String,
    },
    /// None of the servers that were asked has that admin module.
    #[error("there is no admin module `{module}`{}", did_you_mean(module, known.iter().map(String::as_str)))]
    NoSuchModule {
        /// What was asked.
        module: String,
        /// Those that they have, sorted.
        known: Vec<String>,
    },
    /// It takes a master, and who was asked is a server.
    #[error("there is no master here to {what}")]
    Masterless {
        /// What it should have done: `start servers`.
        what: String,
        /// What to do in its place.
        instead: String,
    },
    /// The connection broke, or the master has ended.
    #[error("the connection to the master on {address} broke: {problem}")]
    Closed {
        /// Where, `host:port`.
        address: String,
        /// What happened.
        problem: String,
    },
}

impl Admin {
    /// Connects to the master on `address`, which is `host:port`, an IPv6 address in brackets. The password is proved and not sent.
    ///
    /// # Errors
    /// If there is no master, or it refuses the user.
    ///
    /// # Cancel safety
    /// The connection is closed.
    pub async fn connect(address: &str, user: &str, password: &str) -> Result<Self, AdminError> {
        let secret = Secret::new(password).map_err(|_| AdminError::Refused {
            address: address.to_owned(),
            user: user.to_owned(),
            reason: "the password is empty".into(),
        })?;
        Self::enter(address, user, &secret).await
    }

    pub(crate) async fn enter(address: &str, user: &str, secret: &Secret) -> Result<Self, AdminError> {
        let unreachable = |source| AdminError::Unreachable { address: address.to_owned(), source };
        let no_master = |problem: String| AdminError::NoMaster { address: address.to_owned(), problem };
        let refused = |reason: String| AdminError::Refused {
            address: address.to_owned(),
            user: user.to_owned(),
            reason,
        };
        let stream = connect_to(address, CONNECT_TIMEOUT).await.map_err(unreachable)?;
        let mut wire = Wire::new(stream);
        match enter(&mut wire, Who::Operator { user: user.to_owned() }, Some(secret)).await {
            Ok(()) => {}
            Err(LoginError::Refused(reason)) => return Err(refused(reason)),
            Err(error) => return Err(no_master(error.to_string())),
        }
        Ok(Self { address: address.to_owned(), conversation: Mutex::new(Conversation { wire, asks: 0 }) })
    }

    /// All servers, and the master: sorted by type and id, the master first.
    ///
    /// # Errors
    /// If the master doesn't answer.
    ///
    /// # Cancel safety
    /// Nothing is changed, and the next request can be made at once.
    pub async fn list(&self) -> Result<Vec<ServerStatus>, AdminError> {
        match self.ask(Request::List).await? {
            Answer::Servers(servers) => Ok(servers),
            _ => Err(self.misunderstood()),
        }
    }

    /// What became of each server when the master started, as soon as that is over: none, if it was a master alone.
    ///
    /// # Errors
    /// If the master doesn't answer.
    ///
    /// # Cancel safety
    /// Nothing is changed, and the next request can be made at once.
    pub async fn started(&self) -> Result<Vec<Outcome>, AdminError> {
        self.order(Request::Started).await
    }

    /// What there is to say of a server now.
    ///
    /// # Errors
    /// If there is no such server, or it isn't up, or doesn't answer.
    ///
    /// # Cancel safety
    /// Nothing is changed, and the next request can be made at once.
    pub async fn report(&self, id: &str) -> Result<Report, AdminError> {
        match self.ask(Request::Report { id: id.to_owned() }).await? {
            Answer::Report(report) => Ok(*report),
            _ => Err(self.misunderstood()),
        }
    }

    /// The last lines of a server's log; of the master's, if it runs in the background. At most 10,000 lines and the
    /// last MiB.
    ///
    /// # Errors
    /// If there is no such server, or its log can't be read.
    ///
    /// # Cancel safety
    /// Nothing is changed, and the next request can be made at once.
    pub async fn log(&self, id: &str, lines: usize) -> Result<Vec<String>, AdminError> {
        match self.ask(Request::Log { id: id.to_owned(), lines }).await? {
            Answer::Lines(lines) => Ok(lines),
            _ => Err(self.misunderstood()),
        }
    }

    /// Stops servers for good and returns when they are down. Others no longer expect them, they leave the list, and their ids
    /// are free. Without ids it is the whole application, the master last.
    ///
    /// A server that takes longer than [`drain`](crate::MasterLimits::drain) is killed.
    ///
    /// # Errors
    /// If the user may not, or one of the servers doesn't exist; then none is stopped.
    ///
    /// # Cancel safety
    /// An order that was sent is carried out.
    pub async fn stop(&self, ids: &[String]) -> Result<Vec<Outcome>, AdminError> {
        self.order(Request::Stop { ids: ids.to_vec() }).await
    }

    /// Ends the whole application: a server that hasn't stopped after 2 s is killed.
    ///
    /// # Errors
    /// If the user may not.
    ///
    /// # Cancel safety
    /// An order that was sent is carried out.
    pub async fn kill(&self) -> Result<Vec<Outcome>, AdminError> {
        self.order(Request::Kill).await
    }

    /// Ends servers for good: as [`stop`](Self::stop), but one that hasn't stopped after 2 s is killed.
    ///
    /// # Errors
    /// As [`stop`](Self::stop).
    ///
    /// # Cancel safety
    /// An order that was sent is carried out.
    pub async fn kill_these(&self, ids: &[String]) -> Result<Vec<Outcome>, AdminError> {
        self.order(Request::KillThese { ids: ids.to_vec() }).await
    }

    /// Starts servers as a servers.json has them, and returns when they are up; those that are up already stay as they are.
    /// One that the master doesn't know is added.
    ///
    /// # Errors
    /// If the user may not, or the master is of another environment than `env`; then none is started.
    ///
    /// # Cancel safety
    /// An order that was sent is carried out.
    pub async fn start(&self, env: &str, servers: Vec<Arc<ServerInfo>>) -> Result<Vec<Outcome>, AdminError> {
        self.order(Request::Start { env: env.to_owned(), servers }).await
    }

    /// Restarts servers, one after the other: each must be up before the next is stopped, and after one that fails the
    /// others are left as they are. A server that was stopped is started.
    ///
    /// # Errors
    /// If the user may not, or a server or the type doesn't exist; then none is stopped.
    ///
    /// # Cancel safety
    /// An order that was sent is carried out.
    pub async fn restart(&self, which: Which) -> Result<Vec<Outcome>, AdminError> {
        self.order(Request::Restart { which }).await
    }

    /// Adds a server, starts it and returns when it is up: an entry as in servers.json, with its `serverType`. One with
    /// `clusterCount` is several servers.
    ///
    /// Others expect it once it is up, which is that those who must have a link to it do. Of one that can't be up nothing is
    /// left, and its id is free; of a `clusterCount` those that are up stay. A server that is down and never was up is replaced.
    ///
    /// # Errors
    /// If the user may not, or the entry is wrong: what of it; then none is started.
    ///
    /// # Cancel safety
    /// An order that was sent is carried out.
    pub async fn add(&self, entry: Map<String, Value>) -> Result<Vec<Outcome>, AdminError> {
        self.order(Request::Add { entry }).await
    }

    /// Asks an admin module of servers, `None` is all of them. Each answers for itself, within that time: one that doesn't is named
    /// so, and the others' answers are there.
    ///
    /// Of all servers those that have no such module are left out; of named ones they are told of.
    ///
    /// # Errors
    /// If none of them has the module, or the user may not ask it, or there is no such server.
    ///
    /// # Cancel safety
    /// What was asked may be done.
    pub async fn ask_module(
        &self,
        to: Option<Which>,
        module: &str,
        body: Value,
        within: Duration,
    ) -> Result<Vec<Reply>, AdminError> {
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        match self.ask(Request::Ask { to, module: module.to_owned(), body, within_ms }).await? {
            Answer::Replies(replies) => Ok(replies),
            _ => Err(self.misunderstood()),
        }
    }

    async fn order(&self, request: Request) -> Result<Vec<Outcome>, AdminError> {
        match self.ask(request).await? {
            Answer::Outcomes(outcomes) => Ok(outcomes),
            _ => Err(self.misunderstood()),
        }
    }

    async fn ask(&self, request: Request) -> Result<Answer, AdminError> {
        let mut conversation = self.conversation.lock().await;
        conversation.asks += 1;
        let ask = conversation.asks;
        conversation.wire.send(&Asked { ask, request }).await.map_err(|error| self.broken(error))?;
        loop {
            match conversation.wire.receive_soon().await.map_err(|error| self.broken(error))? {
                ToOperator::Answer { ask: of, answer } if of == ask => {
                    return answer.map_err(AdminError::from);
                }
                // The answer to an earlier request that nobody waited for.
                ToOperator::Answer { .. } | ToOperator::Working => {}
            }
        }
    }

    fn broken(&self, error: WireError) -> AdminError {
        match error {
            WireError::Silent(_) | WireError::Stuck => {
                AdminError::Timeout(format!("the master on {}", self.address))
            }
            other => AdminError::Closed { address: self.address.clone(), problem: other.to_string() },
        }
    }

    fn misunderstood(&self) -> AdminError {
        let problem = "it answers something else than was asked".to_owned();
        AdminError::NoMaster { address: self.address.clone(), problem }
    }
}

impl From<Refusal> for AdminError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied { needed } => Self::Denied { needed },
            Refusal::UnknownServer(id) => Self::UnknownServer(id),
            Refusal::NotUp { id, state } => Self::NotUp { id, state },
            Refusal::NoAnswer(id) => Self::Timeout(id.to_string()),
            Refusal::NotAsked { id, why } => Self::NotAsked { id, why },
            Refusal::NoSuchModule { module, known } => Self::NoSuchModule { module, known },
            Refusal::Masterless { what, instead } => Self::Masterless { what, instead },
            Refusal::Invalid(why) => Self::Invalid(why),
        }
    }
}
