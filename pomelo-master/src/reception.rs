//! Reception: a port where strangers prove who they are, and those who have come in.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pomelo_core::runtime::Supervisor;
use pomelo_core::runtime::throttle::Throttle;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::setup::MasterLimits;
use crate::wire::login::{Doors, Guest, LoginError, Origin};
use crate::wire::{Wire, WireError};
use pomelo_net::address::{Listener, is_from_here};
use pomelo_net::lobby::{Lobby, Voice};
use pomelo_net::port::{ListeningPort, PortClosed};

/// How long to wait before accepting again when that fails: it does when there are no file descriptors left.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Somebody who has come in.
pub(crate) struct Arrival {
    pub(crate) wire: Wire<TcpStream>,
    pub(crate) guest: Guest,
    /// Whether it is on this host.
    pub(crate) from_here: bool,
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

/// Receives strangers at a port as long as `tasks` run, and has `attend` serve those who have proved who they are. Resolves when
/// the port is closed.
pub(crate) fn open<A, F>(
    tasks: &Supervisor,
    listener: Listener,
    doors: Doors,
    limits: &MasterLimits,
    attend: A,
) -> PortClosed
where
    A: Fn(Arrival) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let (port, closed) = ListeningPort::new(listener);
    let (guests, reception) = (Arc::new(Guests::default()), Arc::new(Reception::new(doors, limits)));
    tasks.spawn("accept", move || accept(port.clone(), guests.clone(), reception.clone(), attend.clone()));
    closed
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

async fn accept<A, F>(port: Arc<ListeningPort>, guests: Arc<Guests>, reception: Arc<Reception>, attend: A)
where
    A: Fn(Arrival) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        match port.accept().await {
            Ok((stream, peer)) => {
                let (own, attend, seat) =
                    (reception.clone(), attend.clone(), reception.lobby.seat(peer.ip()));
                guests.spawn(async move {
                    let voice = seat.voice();
                    match seat.hold(welcome(stream, peer, &own, &voice)).await {
                        Some(Some(arrival)) => attend(arrival).await,
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
                tracing::warn!(%error, "nobody can be accepted");
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
) -> Option<Arrival> {
    let from_here = is_from_here(&stream).ok()?;
    // It fails only on a connection that is gone already, as the first read will show.
    let _ = stream.set_nodelay(true);
    let mut wire = Wire::new(stream);
    let origin = Origin { ip: peer.ip(), is_here: from_here };
    match reception.doors.admit(&mut wire, origin, reception.first_frame, || voice.speak()).await {
        Ok(guest) => Some(Arrival { wire, guest, from_here }),
        // Somebody only looked whether anybody listens here, as a start in the background does.
        Err(LoginError::Wire(WireError::Closed)) => None,
        Err(error) => {
            reception.complain(peer, error);
            None
        }
    }
}
