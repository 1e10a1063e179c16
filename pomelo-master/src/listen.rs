//! The master's port, and those who come in there: servers and operators.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pomelo_core::runtime::throttle::Throttle;
use pomelo_core::value::{Error, ErrorKind, Result};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::children::{Children, Holder};
use crate::config::MasterConfig;
use crate::connection::ServerConnection;
use crate::hub::Hub;
use crate::keeper;
use crate::operator;
use crate::setup::{MasterLimits, MasterSetup};
use crate::wire::login::{Doors, Guest, LoginError, Origin};
use crate::wire::{Wire, WireError};
use pomelo_net::address::{Interface, Listener, is_from_here};
use pomelo_net::lobby::{Lobby, Voice};
use pomelo_net::port::{ListeningPort, PortClosed};

/// How long to wait before accepting again when that fails: it does when there are no file descriptors left.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// A master that listens. It has started no server yet; [`run`](crate::run) does that.
///
/// When it is dropped its port is closed and no server is started again; servers go on without it.
pub struct Master {
    pub(crate) hub: Arc<Hub>,
    address: SocketAddr,
    port: PortClosed,
}

impl Master {
    /// Listens where master.json says.
    ///
    /// # Errors
    /// If a file of the configuration is wrong: which, and which entry. If the port is taken: which.
    ///
    /// # Cancel safety
    /// The port is closed again.
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
        let (port, closed) = ListeningPort::new(listener);
        let (guests, of_port) = (Arc::new(Guests::default()), hub.clone());
        let reception = Arc::new(Reception::new(doors, &setup.limits));
        hub.tasks.spawn("accept", move || {
            accept(port.clone(), guests.clone(), reception.clone(), of_port.clone())
        });
        let of_watch = hub.clone();
        hub.tasks.spawn("watch", move || keeper::watch(of_watch.clone()));
        Ok(Self { hub, address, port: closed })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes its port and all connections, and returns when they are closed. Servers go on without it.
    ///
    /// # Cancel safety
    /// It closes all the same, and nobody waits until the port is free.
    pub async fn close(mut self) {
        self.end();
        self.port.wait().await;
    }

    fn end(&self) {
        self.hub.let_go();
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

/// Those who have come in, and those who want to. They are let go with the task that accepts, and not when that begins again.
#[derive(Default)]
struct Guests {
    tasks: Mutex<JoinSet<()>>,
}

/// Where strangers are received. Their tasks hold it, so it holds none of them.
struct Reception {
    lobby: Arc<Lobby>,
    doors: Doors,
    first_frame: Duration,
    /// Of those who were not let in one line is written for each address and second.
    refused: Throttle<IpAddr>,
}

impl Guests {
    fn spawn(&self, guest: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        while tasks.try_join_next().is_some() {}
        tasks.spawn(guest);
    }
}

impl Reception {
    fn new(doors: Doors, limits: &MasterLimits) -> Self {
        Self {
            lobby: Lobby::new(limits.strangers, limits.strangers_per_address),
            doors,
            first_frame: limits.first_frame,
            refused: Throttle::default(),
        }
    }

    fn complain(&self, peer: SocketAddr, why: impl std::fmt::Display) {
        if let Some(left_out) = self.refused.admit(&peer.ip()) {
            tracing::warn!(%peer, left_out, "not let in: {why}");
        }
    }
}

async fn accept(port: Arc<ListeningPort>, guests: Arc<Guests>, reception: Arc<Reception>, hub: Arc<Hub>) {
    loop {
        match port.accept().await {
            Ok((stream, peer)) => {
                let (own, hub, seat) = (reception.clone(), hub.clone(), reception.lobby.seat(peer.ip()));
                guests.spawn(async move {
                    let voice = seat.voice();
                    match seat.hold(welcome(stream, peer, &own, &voice)).await {
                        Some(Some((wire, guest, from_here))) => attend(hub, wire, guest, from_here).await,
                        Some(None) => {}
                        None => own.complain(peer, "it gave way to others that came"),
                    }
                });
                if reception.lobby.is_crowded() {
                    tokio::task::yield_now().await;
                }
            }
            Err(error) => {
                reception.lobby.make_room();
                tracing::warn!(%error, "the master cannot accept");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

async fn welcome(
    stream: TcpStream,
    peer: SocketAddr,
    reception: &Reception,
    voice: &Voice,
) -> Option<(Wire<TcpStream>, Guest, bool)> {
    let from_here = is_from_here(&stream).ok()?;
    // It fails only on a connection that is gone already, as the first read will show.
    let _ = stream.set_nodelay(true);
    let mut wire = Wire::new(stream);
    let origin = Origin { ip: peer.ip(), is_here: from_here };
    match reception.doors.admit(&mut wire, origin, reception.first_frame, || voice.speak()).await {
        Ok(guest) => Some((wire, guest, from_here)),
        // Somebody only looked whether a master listens here, as a start in the background does.
        Err(LoginError::Wire(WireError::Closed)) => None,
        Err(error) => {
            reception.complain(peer, error);
            None
        }
    }
}

async fn attend(hub: Arc<Hub>, wire: Wire<TcpStream>, guest: Guest, from_here: bool) {
    match guest {
        Guest::Server { id, server_type } => {
            ServerConnection { hub, wire, id, server_type, from_here }.serve().await
        }
        Guest::Operator { user, level } => operator::serve(hub, wire, user, level).await,
    }
}
