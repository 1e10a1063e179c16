//! Accepting links.
//!
//! Whoever comes takes a seat of the [lobby](crate::lobby) until it has proved who it is: sockets that idle,
//! or come in numbers, cost each other and no server its link. What is refused is logged once a second for
//! each address.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pomelo_core::value::{Error, ErrorKind, host};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::greet::{self, Caller, Connection, GreetError};
use super::mesh::Mesh;
use super::wire::Control;
use crate::address::{Interface, Listener};
use crate::lobby::{Lobby, Seat, Voice};
use crate::port::ListeningPort;

/// How long to wait before accepting again when that fails: it does when there are no file descriptors left.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Listens on the server's `port`, if it has one.
pub(super) async fn start(mesh: &Arc<Mesh>) -> pomelo_core::value::Result<()> {
    let info = mesh.own().info;
    if mesh.options.secret.is_none() {
        tracing::warn!(server = %info.id, "no cluster secret: only servers of this machine can be linked");
    }
    let Some(port) = info.port else { return Ok(()) };
    // A `host` that isn't loopback is how others reach the machine: then it listens on every interface.
    let interface = Interface::for_host(&info.host);
    let listener = Listener::bind(interface, port, |_| Ok(())).await.map_err(|error| {
        let (id, address) = (&info.id, host::with_port(interface.host(), port));
        Error::of(
            ErrorKind::Config,
            format_args!("{id} cannot listen for other servers on {address} (port): {error}"),
        )
        .with_source(error)
    })?;
    let (port, closed) = ListeningPort::new(listener);
    mesh.set_listening(closed);
    let lobby = Lobby::new(mesh.options.strangers, mesh.options.strangers_per_address);
    let accepting = mesh.clone();
    mesh.tasks.spawn("accept links", move || accept(accepting.clone(), port.clone(), lobby.clone()));
    Ok(())
}

async fn accept(mesh: Arc<Mesh>, port: Arc<ListeningPort>, lobby: Arc<Lobby>) {
    loop {
        let (stream, address) = match port.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                lobby.make_room();
                tracing::warn!(server = %mesh.id(), %error, "a link can't be accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        if !mesh.options.admits(address.ip()) {
            complain(&mesh, "closed unread: the address is not on the whitelist", address);
            continue;
        }
        tokio::spawn(greet(mesh.clone(), stream, address, lobby.seat(address.ip())));
        if lobby.is_crowded() {
            tokio::task::yield_now().await;
        }
    }
}

async fn greet(mesh: Arc<Mesh>, stream: TcpStream, address: SocketAddr, seat: Seat) {
    // Without it a link is slower, not wrong.
    let _ = stream.set_nodelay(true);
    let voice = seat.voice();
    match seat.hold(hear_out(&mesh, stream, &voice)).await {
        None => complain(&mesh, "no link: it gave way to others that came", address),
        Some(Err(error)) => complain(&mesh, format_args!("no link: {error}"), address),
        Some(Ok(Caller::Link(greeted))) => {
            let peer = greeted.member.info.id.clone();
            if let Err(refusal) = mesh.install(greeted, None).await {
                complain(&mesh, format_args!("no link to {peer}: {refusal}"), address);
            }
        }
        Some(Ok(Caller::Nudge(id, incarnation, mut connection))) => {
            let answer = match mesh.peer(&id) {
                Some(peer) if mesh.dials(&peer.info()) => {
                    peer.nudged.notify_one();
                    match incarnation.is_some_and(|it| peer.is_linked_with_other_than(it)) {
                        true => Control::Taken,
                        false => Control::Nudged,
                    }
                }
                // It is expected to dial.
                Some(_) => return,
                // A newcomer that no list has yet: where it is nobody here knows.
                None => Control::Taken,
            };
            // Who asked may have given up.
            let _ = connection.say(&answer).await;
        }
    }
}

/// Why somebody who came was not heard out.
#[derive(Debug, thiserror::Error)]
enum NotHeard {
    #[error("it said nothing within {0:?}")]
    Silent(Duration),
    #[error("the handshake took too long")]
    Slow,
    /// The handshake failed.
    #[error(transparent)]
    Greet(#[from] GreetError),
}

async fn hear_out(mesh: &Mesh, stream: TcpStream, voice: &Voice) -> Result<Caller, NotHeard> {
    let (limit, options) = (mesh.options.first_frame.min(mesh.options.connect_timeout), &mesh.options);
    let mut connection = Connection::new(stream);
    let first = timeout(limit, connection.hear()).await.map_err(|_| NotHeard::Silent(limit))??;
    voice.speak();
    let answer = greet::answer(connection, first, mesh.id(), options.secret.as_ref());
    Ok(timeout(options.connect_timeout, answer).await.map_err(|_| NotHeard::Slow)??)
}

/// Says why somebody got no link.
fn complain(mesh: &Mesh, why: impl fmt::Display, address: SocketAddr) {
    if let Some(left_out) = mesh.refused.admit(&address.ip()) {
        tracing::warn!(server = %mesh.id(), %address, left_out, "{why}");
    }
}
