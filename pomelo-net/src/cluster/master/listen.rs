//! The master's port, and who comes in there.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pomelo_core::error::{Error, ErrorKind, Result};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::children::{self, Children, Holder};
use super::config::MasterConfig;
use super::hub::Hub;
use super::link::Link;
use super::operator;
use super::setup::MasterSetup;
use super::wire::login::{Doors, Guest, LoginError};
use super::wire::{Wire, WireError};
use crate::address::{Interface, Listener, is_from_here};
use crate::port::{Port, PortClosed};

/// Who is not logged in by then is not waited for.
const LOGIN: Duration = Duration::from_secs(10);
/// Logins that go on at once; further ones wait in the backlog of the port.
const LOGINS: usize = 1024;
/// How long to wait before accepting again when that fails: it does when there are no file descriptors left.
const BREATHER: Duration = Duration::from_millis(50);

/// A master that listens. It has started no server yet; [`run`](super::run) does that.
///
/// When it is dropped its port is closed and no server is started again; servers go on without it.
pub struct Master {
    pub(super) hub: Arc<Hub>,
    address: SocketAddr,
    port: PortClosed,
}

impl Master {
    /// Listens where master.json says.
    ///
    /// # Errors
    /// If a file of the configuration is wrong: which, and which entry. If the port is taken: which.
    pub async fn start(setup: &MasterSetup) -> Result<Self> {
        let config = MasterConfig::read(&setup.config)?;
        let mut children = Children::new(setup, &config)?;
        let listener = bind(&config).await?;
        let doors = Doors::read(&setup.config, || children.make_token(&config.id))?;
        let address = listener.local_addr()?;
        if doors.users.is_default() {
            tracing::warn!(
                "there is no adminUser.json: the operator admin/admin is let in, from this host only"
            );
        } else if !doors.users.guessed().is_empty() {
            let users = doors.users.guessed().join(", ");
            tracing::warn!(users, "their passwords are their names: they are let in from this host only");
        }
        if doors.children_only {
            tracing::info!(
                "there is no adminServer.json: servers are let in that this master starts, or one before it did"
            );
        }
        tracing::info!(master = %config.id, %address, "listening");
        let hub = Arc::new(Hub::new(config, children, &setup.config.servers));
        let (port, closed) = Port::new(listener);
        let (guests, doors) = (Arc::new(Guests::default()), Arc::new(doors));
        let of_port = hub.clone();
        hub.tasks
            .spawn("accept", move || accept(port.clone(), guests.clone(), of_port.clone(), doors.clone()));
        let of_watch = hub.clone();
        hub.tasks.spawn("watch", move || children::watch(of_watch.clone()));
        Ok(Self { hub, address, port: closed })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes its port and all connections, and returns when they are closed. Servers go on without it.
    pub async fn close(mut self) {
        self.end();
        self.port.wait().await;
    }

    fn end(&self) {
        self.hub.children.let_go();
        self.hub.tasks.end();
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.end();
    }
}

async fn bind(config: &MasterConfig) -> Result<Listener> {
    let interface = if config.host == "::" { Interface::Every } else { Interface::Of(&config.host) };
    Listener::bind(interface, config.port, |_| Ok(())).await.map_err(|error| {
        let holders = Holder::all_of(config.port);
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => match holders.first() {
                Some(holder) => &*format!("; it is taken by {holder}. Is the application running already?"),
                None => "; is the application running already?",
            },
            std::io::ErrorKind::AddrNotAvailable => {
                "; no address of this machine is `host` there: start the application on the machine that has it, or let \
                 `host` be an address by which servers and operators reach this one"
            }
            _ => "",
        };
        let (id, address) = (&config.id, config.address());
        Error::of(ErrorKind::Config, format_args!("{id} cannot listen on {address} (master.json): {error}{hint}"))
    })
}

/// Those who have come in. They are let go with the task that accepts, and not when that begins again.
struct Guests {
    seats: Arc<Semaphore>,
    tasks: Mutex<JoinSet<()>>,
}

impl Default for Guests {
    fn default() -> Self {
        Self { seats: Arc::new(Semaphore::new(LOGINS)), tasks: Mutex::default() }
    }
}

impl Guests {
    fn spawn(&self, guest: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        while tasks.try_join_next().is_some() {}
        tasks.spawn(guest);
    }
}

async fn accept(port: Arc<Port>, guests: Arc<Guests>, hub: Arc<Hub>, doors: Arc<Doors>) {
    loop {
        let Ok(seat) = guests.seats.clone().acquire_owned().await else { return };
        match port.accept().await {
            Ok((stream, peer)) => {
                let (hub, doors) = (hub.clone(), doors.clone());
                guests.spawn(async move {
                    let welcomed = timeout(LOGIN, welcome(stream, peer, &doors)).await;
                    drop(seat);
                    if let Ok(Some((wire, guest, from_here))) = welcomed {
                        attend(hub, wire, guest, from_here).await;
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the master cannot accept");
                tokio::time::sleep(BREATHER).await;
            }
        }
    }
}

async fn welcome(
    stream: TcpStream,
    peer: SocketAddr,
    doors: &Doors,
) -> Option<(Wire<TcpStream>, Guest, bool)> {
    let from_here = is_from_here(&stream).ok()?;
    // It fails only on a connection that is gone already, as the first read will show.
    let _ = stream.set_nodelay(true);
    let mut wire = Wire::new(stream);
    match doors.admit(&mut wire, from_here).await {
        Ok(guest) => Some((wire, guest, from_here)),
        // Somebody only looked whether a master listens here, as a start in the background does.
        Err(LoginError::Wire(WireError::Closed)) => None,
        Err(error) => {
            tracing::warn!(%peer, %error, "not let in");
            None
        }
    }
}

async fn attend(hub: Arc<Hub>, wire: Wire<TcpStream>, guest: Guest, from_here: bool) {
    match guest {
        Guest::Server { id, server_type } => Link { hub, wire, id, server_type, from_here }.serve().await,
        Guest::Operator { user, level } => operator::serve(hub, wire, user, level).await,
    }
}
