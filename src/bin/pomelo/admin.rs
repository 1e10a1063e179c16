//! The connection to a master.
//!
//! What `pomelo_net::cluster::master` is going to be, as far as this tool needs it.

use pomelo::core::report::Report;
use pomelo::core::server::ServerId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(dead_code)]
pub enum AdminError {
    #[error("cannot reach a master on {address}: {source}")]
    Unreachable { address: String, source: std::io::Error },
    #[error("the master on {address} refused the user `{user}`: {reason}")]
    Refused { address: String, user: String, reason: String },
    #[error("permission denied: that needs a user of level {needed}")]
    Denied { needed: u8 },
    #[error("there is no server `{0}`")]
    UnknownServer(ServerId),
    #[error("{0} does not answer")]
    Timeout(String),
    #[error("the connection to the master on {address} broke: {problem}")]
    Closed { address: String, problem: String },
}

#[derive(Debug)]
pub struct Admin(());

#[derive(Debug)]
#[allow(dead_code)]
pub enum Which {
    Ids(Vec<String>),
    Type(String),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerStatus {
    pub id: ServerId,
    pub server_type: String,
    pub host: String,
    pub port: Option<u16>,
    pub client_port: Option<u16>,
    pub pid: Option<u32>,
    pub uptime_ms: Option<u64>,
    pub rss_bytes: Option<u64>,
    pub connections: Option<u64>,
    pub state: ServerState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerState {
    Starting,
    Up,
    Stopping,
    Down,
    Lost,
}

#[derive(Debug, Clone)]
pub struct Outcome {
    pub id: ServerId,
    pub ok: bool,
    pub message: String,
}

#[expect(clippy::unused_async, reason = "the stand-in's answers are at hand")]
impl Admin {
    pub async fn connect(address: &str, _user: &str, _password: &str) -> Result<Self, AdminError> {
        let connected = tokio::net::TcpStream::connect(address).await;
        connected.map_err(|source| AdminError::Unreachable { address: address.to_owned(), source })?;
        Ok(Self(()))
    }

    pub async fn list(&self) -> Result<Vec<ServerStatus>, AdminError> {
        Err(absent())
    }

    pub async fn report(&self, _id: &str) -> Result<Report, AdminError> {
        Err(absent())
    }

    pub async fn stop(&self, _ids: &[String]) -> Result<Vec<Outcome>, AdminError> {
        Err(absent())
    }

    pub async fn kill(&self) -> Result<Vec<Outcome>, AdminError> {
        Err(absent())
    }

    pub async fn restart(&self, _which: Which) -> Result<Vec<Outcome>, AdminError> {
        Err(absent())
    }

    pub async fn add(&self, _entry: Map<String, Value>) -> Result<Vec<Outcome>, AdminError> {
        Err(absent())
    }

    pub async fn log(&self, _id: &str, _lines: usize) -> Result<Vec<String>, AdminError> {
        Err(absent())
    }
}

fn absent() -> AdminError {
    AdminError::Closed { address: "127.0.0.1:3005".into(), problem: "this build has no master".into() }
}
