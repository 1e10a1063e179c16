//! The master's port, and those who come in there: servers and operators.

use std::net::SocketAddr;
use std::sync::Arc;

use pomelo_core::value::{Error, ErrorKind, Result};

use crate::children::{Children, Holder};
use crate::config::MasterConfig;
use crate::connection::ServerConnection;
use crate::hub::Hub;
use crate::keeper;
use crate::operator::{self, Operator};
use crate::reception::{self, Arrival};
use crate::setup::MasterSetup;
use crate::wire::login::{Doors, Guest};
use pomelo_net::address::{Interface, Listener};
use pomelo_net::port::PortClosed;

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
        doors.warn();
        if doors.children_only {
            tracing::info!(
                "there is no adminServer.json: servers are let in that this master starts, or one before it did"
            );
        }
        tracing::info!(master = %config.id, %address, "listening");
        let hub = Arc::new(Hub::new(config, children, &setup.config.servers));
        let of_port = hub.clone();
        let attend = move |arrival| attend(of_port.clone(), arrival);
        let closed = reception::open(&hub.tasks, listener, doors, &setup.limits, attend);
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

async fn attend(hub: Arc<Hub>, arrival: Arrival) {
    let Arrival { wire, guest, from_here } = arrival;
    match guest {
        Guest::Server { id, server_type } => {
            ServerConnection { hub, wire, id, server_type, from_here }.serve().await
        }
        Guest::Operator { user, level } => operator::serve(hub, wire, Operator { user, level }).await,
    }
}
