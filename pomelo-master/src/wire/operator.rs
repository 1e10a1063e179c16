//! Requests of operators, and the answers of the master.

use std::sync::Arc;

use pomelo_core::metrics::Report;
use pomelo_core::value::{Level, ServerId, ServerInfo};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::status::{Outcome, Reply, ServerState, ServerStatus, Which};

/// A request with the number that its answer carries.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) ask: u64,
    pub(crate) request: Request,
}

/// What an operator wants.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Request {
    List,
    /// What became of the start of the servers; it is answered when that is over.
    Started,
    Report {
        id: String,
    },
    Log {
        id: String,
        lines: usize,
    },
    Stop {
        ids: Vec<String>,
    },
    Kill,
    KillThese {
        ids: Vec<String>,
    },
    /// Servers as somebody's servers.json has them, of that environment.
    Start {
        env: String,
        servers: Vec<Arc<ServerInfo>>,
    },
    Restart {
        which: Which,
    },
    Add {
        entry: Map<String, Value>,
    },
    /// What an admin module of these servers answers, of all if none are named. The module has a level of its own, which each
    /// server checks.
    Ask {
        to: Option<Which>,
        module: String,
        body: Value,
        within_ms: u64,
    },
}

impl Request {
    /// The level that it needs. There is no other check but those of admin modules, and none is answered without this one.
    pub(crate) fn level(&self) -> Level {
        match self {
            Self::List | Self::Started | Self::Report { .. } | Self::Log { .. } | Self::Ask { .. } => {
                Level::Look
            }
            Self::Start { .. }
            | Self::Stop { .. }
            | Self::Kill
            | Self::KillThese { .. }
            | Self::Restart { .. }
            | Self::Add { .. } => Level::Everything,
        }
    }

    /// It for a log, without the body of an ask, which may hold what is secret.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Ask { to, module, .. } => format!("Ask {{ to: {to:?}, module: {module:?} }}"),
            other => format!("{other:?}"),
        }
    }

    /// Whether the master is to end when it is carried out.
    pub(crate) fn ends_master(&self) -> bool {
        matches!(self, Self::Kill) || matches!(self, Self::Stop { ids } if ids.is_empty())
    }
}

/// The master speaks.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToOperator {
    /// The request is being worked on. It comes every second, so that its absence means something.
    Working,
    Answer {
        ask: u64,
        answer: Result<Answer, Refusal>,
    },
}

/// The answer to a request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Servers(Vec<ServerStatus>),
    Report(Box<Report>),
    Lines(Vec<String>),
    Outcomes(Vec<Outcome>),
    Replies(Vec<Reply>),
}

/// Why there is no answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Refusal {
    Denied {
        needed: u8,
    },
    UnknownServer(ServerId),
    NotUp {
        id: ServerId,
        state: ServerState,
    },
    NoAnswer(ServerId),
    /// The server could not be asked: it went meanwhile, or there is no way to it.
    NotAsked {
        id: ServerId,
        why: String,
    },
    /// None of the servers has that admin module; those that they have.
    NoSuchModule {
        module: String,
        known: Vec<String>,
    },
    /// It takes a master, and who was asked is a server: what to do in its place.
    Masterless {
        what: String,
        instead: String,
    },
    /// The request itself is wrong: why.
    Invalid(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_looks_needs_no_level_1() {
        let id = || "chat-1".to_owned();
        for request in [
            Request::List,
            Request::Started,
            Request::Report { id: id() },
            Request::Log { id: id(), lines: 1 },
            Request::Ask { to: None, module: "online".into(), body: Value::Null, within_ms: 1 },
        ] {
            assert_eq!(request.level(), Level::Look, "{request:?}");
        }
        for request in [
            Request::Stop { ids: vec![] },
            Request::Kill,
            Request::KillThese { ids: vec![id()] },
            Request::Start { env: "development".into(), servers: vec![] },
            Request::Restart { which: Which::Type("chat".into()) },
            Request::Add { entry: Map::new() },
        ] {
            assert_eq!(request.level(), Level::Everything, "{request:?}");
        }
    }
}
