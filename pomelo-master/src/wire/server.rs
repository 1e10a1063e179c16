//! Messages between a server and the master.

use std::sync::Arc;
use std::time::Duration;

use pomelo_core::cluster::{Member, Refused};
use pomelo_core::metrics::{MissingLink, Report};
use pomelo_core::value::{Incarnation, Level, Result, ServerId, ServerInfo};
use pomelo_core::wire::envelope::{Ask, AskError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A server speaks.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromServer {
    /// The first message: what the server is.
    Register {
        member: Member,
        pid: u32,
        /// Servers that an earlier master told it to expect and servers.json doesn't name, or has otherwise: a master that is new would
        /// not know them before they have registered too.
        added: Vec<Arc<ServerInfo>>,
        /// All that the last master told it to expect, if one did.
        #[serde(default)]
        told: Option<Vec<ServerId>>,
        /// The links that it should have and hasn't, as far as it knows whom to expect.
        #[serde(default)]
        missing_links: Vec<MissingLink>,
    },
    /// It is another incarnation now, or something else of it changed.
    Update(Member),
    /// It is there.
    Beat,
    /// The answer to the [`ToServer::Ask`] of that number.
    Status { ask: u64, status: Status },
    /// The answer to the [`ToServer::Put`] of that number.
    Told { ask: u64, told: Result<Value, AskError> },
    /// The links that it should have and hasn't. It says so once it was told whom to expect, each time, and when it is otherwise.
    Links(Vec<MissingLink>),
    /// This incarnation of it is over.
    Goodbye,
}

/// What a server says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) report: Report,
    pub(crate) rss_bytes: Option<u64>,
}

/// What an operator asks an admin module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Question {
    pub(crate) module: String,
    pub(crate) user: String,
    pub(crate) level: Level,
    pub(crate) body: Value,
    pub(crate) within_ms: u64,
}

impl Question {
    /// How long the module may take.
    pub(crate) fn within(&self) -> Duration {
        Duration::from_millis(self.within_ms).min(Ask::MAX_TIME)
    }

    /// As servers ask each other.
    pub(crate) fn into_ask(self) -> Result<Ask> {
        Ok(Ask::new(&self.module, &self.user, self.level).with_body(&self.body)?.within(self.within()))
    }
}

/// The master speaks.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToServer {
    /// Who is expected: the whole list.
    Expect(Vec<Arc<ServerInfo>>),
    /// A server without a port is up, or something of it changed: for those who have none either.
    Up { member: Member },
    /// That incarnation of a server is over.
    Gone { id: ServerId, incarnation: Incarnation },
    /// What is there to say of it?
    Ask { ask: u64 },
    /// What does its admin module answer?
    Put { ask: u64, question: Question },
    /// It should drain and stop.
    Stop,
    /// It is there.
    Beat,
    /// The last message: why the server can't be one.
    Refused(Refusal),
}

/// Why a server can't have the place of its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// For people.
    pub(crate) reason: String,
    /// It can, with an incarnation that is later than this one: clocks may be set back.
    #[serde(default)]
    pub(crate) begin_after: Option<Incarnation>,
    /// Another process has the place, and answers.
    #[serde(default)]
    pub(crate) occupied: Option<Occupant>,
}

/// The process that has the place of an id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Occupant {
    pub(crate) host: String,
    pub(crate) pid: u32,
    pub(crate) incarnation: Incarnation,
}

impl Refusal {
    /// What it means for the server, if it means more than that it is refused.
    pub(crate) fn for_server(&self) -> Option<Refused> {
        match (&self.occupied, self.begin_after) {
            (Some(Occupant { host, pid, incarnation }), _) => {
                Some(Refused::Occupied { host: host.clone(), pid: *pid, incarnation: *incarnation })
            }
            (None, later) => later.map(Refused::Superseded),
        }
    }

    /// For good.
    pub(crate) fn of(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), begin_after: None, occupied: None }
    }

    pub(crate) fn late(reason: impl Into<String>, begin_after: Incarnation) -> Self {
        Self { begin_after: Some(begin_after), ..Self::of(reason) }
    }

    pub(crate) fn occupied(id: &ServerId, occupant: Occupant) -> Self {
        let Occupant { host, pid, .. } = &occupant;
        let reason = format!("{id} runs on {host} already, as the process {pid}");
        Self { occupied: Some(occupant), ..Self::of(reason) }
    }
}
