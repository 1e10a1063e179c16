//! Ports in memory: where a [`Hybrid`](super::Hybrid) listens in a test, so that neither a port nor a real clock is needed.

mod socket;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pomelo_core::value::{Error, ErrorKind, Result, ServerInfo, host};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub use self::socket::{MemorySocket, MemoryStream};
use super::error::OptionError;
use super::options::Options;
use super::socket::Listener;

/// How many bytes may be on their way in each direction of a connection, as a system's buffers hold some.
const BUFFER_BYTES: usize = 256 * 1024;

/// The first port that is given to a server which asks for any: where the dynamic ports of a system begin (RFC 6335).
const FIRST_DYNAMIC_PORT: u16 = 49152;

/// The ports of a network in memory. Cheap to clone: all clones are one network.
///
/// An application that has inserted one listens there: each [`Hybrid`](super::Hybrid) takes the address that it would have taken on the
/// machine, and clients [`connect`](Self::connect) to it. All that is above sockets is as on a real port: handshake, websocket frames,
/// heartbeats, limits. Networks don't know each other, so any number of tests may use the same ports at once.
///
/// No byte passes the system, and so a server in memory runs on tokio's paused clock.
///
/// ```
/// # use pomelo_net::connector::MemoryPorts;
/// let ports = MemoryPorts::default();
/// // App::builder().insert(ports.clone()) …
/// assert!(ports.connect("127.0.0.1", 3010).is_err(), "nobody listens yet");
/// ```
#[derive(Clone, Default)]
pub struct MemoryPorts(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    /// Those who listen, by host and port.
    listeners: HashMap<(String, u16), UnboundedSender<MemorySocket>>,
    /// How many dynamic ports were given.
    dynamic: u16,
    /// How many clients have connected.
    clients: u16,
}

impl MemoryPorts {
    /// Connects to who listens at a host and port. All names and addresses of loopback are one host.
    ///
    /// # Errors
    /// [`io::ErrorKind::ConnectionRefused`] if nobody listens there.
    pub fn connect(&self, host: &str, port: u16) -> io::Result<MemoryStream> {
        let refused = || {
            let address = host::with_port(host, port);
            io::Error::new(io::ErrorKind::ConnectionRefused, format!("nobody listens at {address} in memory"))
        };
        let mut table = self.table();
        let (socket, stream) = socket::pair(BUFFER_BYTES, table.client_address());
        let listener = table.listeners.get(&key(host, port)).ok_or_else(refused)?;
        listener.send(socket).map_err(|_| refused())?;
        Ok(stream)
    }

    /// Listens where the options say, or else where servers.json does; the host that clients are told is another name for it.
    pub(super) fn listen(&self, server: &ServerInfo, options: &Options) -> Result<MemoryPort> {
        let Some(port) = options.port.or(server.client_port) else {
            return Err(Error::of(ErrorKind::Config, OptionError::NoPort).context(&server.id));
        };
        let own = options.host.filter(|host| !host.is_unspecified()).map(|host| host.to_string());
        let own = own.as_deref().unwrap_or(&server.host);
        self.bind(own, &server.public_host(), port).ok_or_else(|| {
            let address = host::with_port(own, port);
            let why = format_args!("{} cannot listen on {address} in memory: it is in use", server.id);
            Error::of(ErrorKind::Config, why)
        })
    }

    /// Listens at a host and port; none if somebody does already. Under its other name a host may have several, as behind a load
    /// balancer: the first of them is it.
    fn bind(&self, host: &str, alias: &str, port: u16) -> Option<MemoryPort> {
        let (sender, receiver) = unbounded_channel();
        let mut table = self.table();
        let port = if port == 0 { table.dynamic_port() } else { port };
        let keys = [key(host, port), key(alias, port)];
        if table.listeners.contains_key(&keys[0]) {
            return None;
        }
        let mut taken = Vec::new();
        for key in keys {
            if let Entry::Vacant(entry) = table.listeners.entry(key) {
                taken.push(entry.key().clone());
                entry.insert(sender.clone());
            }
        }
        let accepted = tokio::sync::Mutex::new(receiver);
        Some(MemoryPort { ports: self.clone(), address: (ip(host), port).into(), keys: taken, accepted })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Where the next client comes from: loopback, and a port of its own.
    fn client_address(&mut self) -> SocketAddr {
        self.clients = self.clients.checked_add(1).unwrap_or(1);
        (Ipv4Addr::LOCALHOST, self.clients).into()
    }

    fn dynamic_port(&mut self) -> u16 {
        let port = FIRST_DYNAMIC_PORT.saturating_add(self.dynamic);
        self.dynamic += 1;
        port
    }
}

impl fmt::Debug for MemoryPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut listeners: Vec<_> = self.table().listeners.keys().cloned().collect();
        listeners.sort();
        f.debug_struct("MemoryPorts").field("listeners", &listeners).finish()
    }
}

/// A port in memory that takes clients. It is free when this is dropped.
pub(super) struct MemoryPort {
    ports: MemoryPorts,
    address: SocketAddr,
    /// The names that are its own.
    keys: Vec<(String, u16)>,
    accepted: tokio::sync::Mutex<UnboundedReceiver<MemorySocket>>,
}

impl MemoryPort {
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MemoryPort {
    fn drop(&mut self) {
        let mut table = self.ports.table();
        self.keys.iter().for_each(|key| drop(table.listeners.remove(key)));
    }
}

impl Listener for MemoryPort {
    type Socket = MemorySocket;

    async fn accept(&self) -> io::Result<(MemorySocket, Option<SocketAddr>)> {
        let socket = self.accepted.lock().await.recv().await.ok_or(io::ErrorKind::NotConnected)?;
        let client = socket.client_address();
        Ok((socket, Some(client)))
    }
}

/// A host and port as they are looked up: loopback is one host.
fn key(host: &str, port: u16) -> (String, u16) {
    let host = host::bare(host).unwrap_or(host);
    match crate::address::is_loopback(host) {
        true => ("localhost".to_owned(), port),
        false => (host.to_ascii_lowercase(), port),
    }
}

/// The address that a server says it listens at.
fn ip(host: &str) -> IpAddr {
    host.parse().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}
