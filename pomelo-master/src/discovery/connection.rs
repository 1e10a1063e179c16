//! One connection of a server to its master.

use std::sync::Arc;

use pomelo_core::value::ServerInfo;
use thiserror::Error;
use tokio::net::TcpStream;

use super::{CONNECT_TIMEOUT, MasterDiscovery};
use crate::wire::login::{LoginError, Who, enter};
use crate::wire::server::{FromServer, Refusal, ToServer};
use crate::wire::{Wire, WireError};
use pomelo_net::address::connect_to;

pub(super) type Connection = Wire<TcpStream>;

/// Why there is no connection, or none any more.
#[derive(Debug, Error)]
pub(super) enum ConnectionError {
    #[error("it can't be reached: {0}")]
    Connect(std::io::Error),
    #[error("it doesn't answer")]
    Slow,
    #[error("{0}")]
    Login(LoginError),
    #[error("it refused: {}", .0.reason)]
    Refused(Refusal),
    #[error("{0}")]
    Wire(#[from] WireError),
}

/// Connects, logs in and registers; returns the connection and whom to expect.
pub(super) async fn open(
    discovery: &MasterDiscovery,
    info: &ServerInfo,
    register: FromServer,
) -> Result<(Connection, Vec<Arc<ServerInfo>>), ConnectionError> {
    let who = Who::Server { id: info.id.clone(), server_type: info.server_type.to_string() };
    let stream = connect_to(&discovery.address, CONNECT_TIMEOUT).await.map_err(ConnectionError::Connect)?;
    // It fails only on a connection that is gone already, as the first read will show.
    let _ = stream.set_nodelay(true);
    let mut wire = Wire::new(stream);
    match enter(&mut wire, who, discovery.tokens.of(&info.server_type)).await {
        Ok(()) => {}
        Err(LoginError::Refused(reason)) => return Err(ConnectionError::Refused(Refusal::of(reason))),
        Err(error) => return Err(ConnectionError::Login(error)),
    }
    wire.send(&register).await?;
    loop {
        match wire.receive_soon().await? {
            ToServer::Expect(servers) => return Ok((wire, servers)),
            ToServer::Refused(refusal) => return Err(ConnectionError::Refused(refusal)),
            _ => {}
        }
    }
}
