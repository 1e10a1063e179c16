//! Ports of servers.json: on one host no two servers can listen on the same.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use super::error::ConfigError;
use super::file::{Entry, join};
use crate::value::server::{ServerId, ServerInfo};

/// The ports that servers listen on, by host.
#[derive(Default)]
pub(super) struct Ports(HashMap<(String, u16), Taken>);

/// Which server listens on a port, and where the file says so.
struct Taken {
    server: ServerId,
    at: String,
}

impl Ports {
    /// Notes what a server listens on: for others on `port`, for clients on `clientPort`, if it is a frontend, and for operators on
    /// `operatorPort`. 0 is any free port.
    ///
    /// # Errors
    /// If an earlier one, or it itself, listens there: both entries.
    pub(super) fn take(&mut self, info: &ServerInfo, entry: &Entry<'_>) -> Result<(), ConfigError> {
        let ports = [
            ("port", info.port),
            ("clientPort", info.client_port.filter(|_| info.frontend)),
            ("operatorPort", info.operator_port()),
        ];
        let ports = ports.into_iter().filter_map(|(key, port)| Some((key, port.filter(|port| *port != 0)?)));
        for (key, port) in ports {
            let taken = Taken { server: info.id.clone(), at: join(entry.at(), key) };
            if let Some(Taken { server, at }) = self.0.insert((host(info), port), taken) {
                let problem = format!(
                    "found {port} for {}, expected a port that no other server has at {}: {server} has it ({at})",
                    info.id, info.host
                );
                return Err(entry.wrong(key, problem));
            }
        }
        Ok(())
    }
}

/// The host as it is compared: by whichever of its names, this machine is one.
fn host(info: &ServerInfo) -> String {
    let name = info.host.to_ascii_lowercase();
    let is_here = |address: IpAddr| address.is_unspecified() || address == Ipv4Addr::LOCALHOST;
    match name.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(address) if is_here(address) => "localhost".to_owned(),
        Ok(address) => address.to_string(),
        Err(_) => name,
    }
}
