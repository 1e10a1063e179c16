//! A server's questions to others, for an operator.

use std::sync::Arc;
use std::time::Duration;

use pomelo_core::server::{Identity, Operated};
use pomelo_core::value::{Error, ServerId, ServerInfo};
use pomelo_core::wire::envelope::{Ask, AskError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::operator::Operator;
use crate::status::Which;
use crate::wire::operator::Refusal;

/// A server that answers within this is there.
const STATUS_TIMEOUT: Duration = Duration::from_secs(2);

/// A server, and the operator that it asks for.
#[derive(Clone)]
pub(super) struct Asker {
    pub(super) server: Operated,
    operator: Operator,
}

impl Asker {
    pub(super) fn new(server: Operated, operator: Operator) -> Self {
        Self { server, operator }
    }

    /// The server that asks.
    pub(super) fn own(&self) -> &ServerId {
        &self.server.info().id
    }

    /// Asks an admin module of a server.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        id: &ServerId,
        module: &str,
        body: &(impl Serialize + ?Sized),
        within: Duration,
    ) -> Result<T, AskError> {
        let ask = Ask::new(module, &self.operator.user, self.operator.level).with_body(body)?.within(within);
        let answer = self.server.ask(id, ask).await?;
        serde_json::from_slice(&answer).map_err(|error| Error::from(error).context(id).into())
    }

    /// Asks for something that a server knows at once.
    pub(super) async fn status<T: DeserializeOwned>(
        &self,
        id: &ServerId,
        module: &str,
    ) -> Result<T, AskError> {
        self.ask(id, module, &Value::Null, STATUS_TIMEOUT).await
    }

    /// Which process a server is.
    pub(super) async fn identity(&self, id: &ServerId) -> Result<Identity, AskError> {
        self.status(id, "identity").await
    }

    /// The servers of these ids, each once, in their order.
    pub(super) fn known(&self, ids: &[String]) -> Result<Vec<Arc<ServerInfo>>, Refusal> {
        let expected = self.server.expected();
        let mut known: Vec<Arc<ServerInfo>> = Vec::new();
        for id in ids {
            let Some(info) = expected.iter().find(|info| info.id == id.as_str()) else {
                return Err(Refusal::UnknownServer(id.as_str().into()));
            };
            if !known.iter().any(|other| other.id == info.id) {
                known.push(info.clone());
            }
        }
        Ok(known)
    }

    /// Some of the servers; all if none are named.
    pub(super) fn which(&self, which: Option<&Which>) -> Result<Vec<Arc<ServerInfo>>, Refusal> {
        let (mut expected, server_type) = match which {
            None => return Ok(self.server.expected()),
            Some(Which::Ids(ids)) => return self.known(ids),
            Some(Which::Type(server_type)) => (self.server.expected(), server_type),
        };
        let mut types: Vec<_> = expected.iter().map(|info| info.server_type.clone()).collect();
        expected.retain(|info| *info.server_type == **server_type);
        if expected.is_empty() {
            types.dedup();
            let why = format!("there is no server of type `{server_type}`; there are {}", types.join(", "));
            return Err(Refusal::Invalid(why));
        }
        Ok(expected)
    }
}

/// Why a server has not answered what an operator wants of it alone.
pub(super) fn refusal(id: &ServerId, error: AskError) -> Refusal {
    match error {
        AskError::Denied { needed } => Refusal::Denied { needed: needed.number() },
        AskError::NoSuchModule { module, known, .. } => Refusal::NoSuchModule { module, known },
        silence if silence.is_silence() => Refusal::NoAnswer(id.clone()),
        down if down.is_down() => Refusal::NotAsked { id: id.clone(), why: down.to_string() },
        other => Refusal::Invalid(other.to_string()),
    }
}
