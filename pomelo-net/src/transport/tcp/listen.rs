//! Accepting links.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pomelo_core::error::{Error, ErrorKind, Result};
use pomelo_core::host;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::greet::{self, Caller};
use super::hub::Hub;
use super::wire::Control;
use crate::address::{Interface, Listener};
use crate::port::Port;

/// How many connections may be in their handshake at once; more are closed. Far above the servers of any cluster that
/// come back at once, and strangers can't make the server hold more.
const MAX_GREETINGS: usize = 1024;

/// How long to wait before accepting again when that fails: it does when there are no file descriptors left.
const BREATHER: Duration = Duration::from_millis(50);

/// Listens on the server's `port`, if it has one.
pub(super) async fn start(hub: &Arc<Hub>) -> Result<()> {
    let info = hub.own().info;
    if hub.options.secret.is_none() {
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
    })?;
    let (port, closed) = Port::new(listener);
    hub.set_listening(closed);
    let (accepting, greetings) = (hub.clone(), Arc::new(Semaphore::new(MAX_GREETINGS)));
    hub.tasks.spawn("accept links", move || accept(accepting.clone(), port.clone(), greetings.clone()));
    Ok(())
}

async fn accept(hub: Arc<Hub>, port: Arc<Port>, greetings: Arc<Semaphore>) {
    loop {
        let (stream, address) = match port.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(server = %hub.id(), %error, "a link can't be accepted");
                tokio::time::sleep(BREATHER).await;
                continue;
            }
        };
        if !hub.options.admits(address.ip()) {
            tracing::warn!(server = %hub.id(), %address, "closed unread: the address is not on the whitelist");
            continue;
        }
        match greetings.clone().try_acquire_owned() {
            Ok(permit) => drop(tokio::spawn(greet(hub.clone(), stream, address, permit))),
            Err(_) => tracing::warn!(server = %hub.id(), %address, "closed: too many handshakes at once"),
        }
    }
}

async fn greet(hub: Arc<Hub>, stream: TcpStream, address: SocketAddr, _permit: OwnedSemaphorePermit) {
    // Without it a link is slower, not wrong.
    let _ = stream.set_nodelay(true);
    let answer = greet::answer(stream, hub.id(), hub.options.secret.as_ref());
    match timeout(hub.options.connect_timeout, answer).await {
        Ok(Ok(Caller::Link(greeted))) => {
            let peer = greeted.member.info.id.clone();
            if let Err(refusal) = hub.install(greeted, None).await {
                complain(&hub, format_args!("no link to {peer}: {refusal}"), address);
            }
        }
        Ok(Ok(Caller::Nudge(id, incarnation, mut connection))) => {
            let answer = match hub.peer(&id) {
                Some(peer) if hub.dials(&peer.info()) => {
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
        Ok(Err(error)) => complain(&hub, format_args!("no link: {error}"), address),
        Err(_) => complain(&hub, format_args!("no link: the handshake took too long"), address),
    }
}

/// Says why somebody got no link; the same once a second at most.
fn complain(hub: &Hub, why: fmt::Arguments<'_>, address: SocketAddr) {
    let why = why.to_string();
    if let Some(kept_back) = hub.complaints.is_due(&why) {
        tracing::warn!(server = %hub.id(), %address, kept_back, "{why}");
    }
}
