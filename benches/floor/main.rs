//! The floor that the regression gate measures against: one thread that does only what the wire demands of the chat
//! service. No sessions, no queues, no framework: a request in, one write(2) for each delivery out.
//!
//! `floor PORT` is gate, connector and chat server in one, for websocket and raw tcp, on 127.0.0.1. It trusts its clients,
//! and uses nothing of pomelo, so that a change there can't move it.

mod connection;
mod frames;
mod service;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};

use connection::Connection;
use service::Service;

const LISTENER: Token = Token(usize::MAX);

fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok());
    let port = port.ok_or_else(|| io::Error::other("usage: floor PORT"))?;
    let mut listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(4096);
    let mut service = Service::new(port);
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &poll, &mut service)?;
            } else {
                service.ready(event.token().0, event.is_writable());
            }
        }
    }
}

fn accept(listener: &TcpListener, poll: &Poll, service: &mut Service) -> io::Result<()> {
    while let Ok((mut socket, _)) = listener.accept() {
        socket.set_nodelay(true)?;
        let token = Token(service.connections.len());
        poll.registry().register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        service.connections.push(Some(Connection::new(socket)));
    }
    Ok(())
}
