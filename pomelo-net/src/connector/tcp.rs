//! Tcp: its sockets, and listening where a connector is told to.
//!
//! What is queued in the system for a client can't be taken back, so it is kept short ([`UNSENT`]): a kick is
//! then the next that a slow client gets, and what is behind it is counted and bounded here.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pomelo_core::value::{Error, ErrorKind, Result, ServerInfo, host};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::{TcpSocket, TcpStream};

use super::error::OptionError;
use super::options::Options;
use super::socket::{Listener, Socket};
use crate::address::{self, Interface};

/// How much of what a client has still to be sent the system may hold, in bytes.
///
/// Left alone it holds megabytes for one that has stopped reading: memory that no limit of ours counts, that is taken from all
/// other connections, and that is in the way of a kick. What a client on a fast line takes in a millisecond fits.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 * 1024;

/// Whether a read that doesn't fill its buffer has left nothing, which the system will tell of again: so it is where readiness comes
/// by edges.
const SHORT_READ_DRAINS: bool =
    cfg!(any(target_os = "linux", target_os = "android", target_vendor = "apple"));

impl Socket for TcpStream {
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_read_ready(cx))?;
            match read_ready(self, buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read),
            }
        }
    }

    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*SockRef::from(self)).read(buffer)
    }

    fn try_write(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match pieces {
            [piece] => self.try_write(piece),
            pieces => self.try_write_vectored(pieces),
        }
    }

    fn write_now(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*SockRef::from(self)).write_vectored(pieces)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_ready(cx)
    }

    async fn failed(&self) -> io::Error {
        loop {
            match self.ready(Interest::ERROR).await {
                Err(error) => return error,
                Ok(ready) if ready.is_error() => return io::ErrorKind::ConnectionReset.into(),
                Ok(_) => tokio::task::yield_now().await,
            }
        }
    }

    fn shutdown(&self) {
        // It fails only on a connection that is gone already.
        let _ = SockRef::from(self).shutdown(Shutdown::Write);
    }

    fn abort(&self) {
        let socket = SockRef::from(self);
        // Without this the system would hold for minutes what nobody reads. Both fail only on a connection that is gone already.
        let _ = socket.set_linger(Some(Duration::ZERO));
        let _ = socket.shutdown(Shutdown::Both);
    }
}

/// Reads, and after a read that has left nothing tells tokio so: then no call is wasted on finding out.
fn read_ready(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let mut drained = None;
    let read = stream.try_io(Interest::READABLE, || {
        let count = (&*SockRef::from(stream)).read(buffer)?;
        if SHORT_READ_DRAINS && (1..buffer.len()).contains(&count) {
            drained = Some(count);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(count)
    });
    drained.map_or(read, Ok)
}

impl Listener for tokio::net::TcpListener {
    type Socket = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Option<SocketAddr>)> {
        let (stream, peer) = self.accept().await?;
        Ok((stream, Some(peer)))
    }
}

/// A port that takes clients by IPv6 and IPv4.
#[derive(Debug)]
pub(super) struct TcpPort {
    /// At one address, or at several.
    listener: address::Listener,
    /// For each socket that is accepted.
    no_delay: bool,
}

impl TcpPort {
    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Listener for TcpPort {
    type Socket = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Option<SocketAddr>)> {
        let (stream, peer) = self.listener.accept().await?;
        if self.no_delay {
            // It fails only on a connection that is gone already, as the first read will show.
            let _ = stream.set_nodelay(true);
        }
        Ok((stream, Some(peer)))
    }
}

/// Listens where the options say, or else where servers.json does.
pub(super) async fn listen(server: &ServerInfo, options: &Options) -> Result<TcpPort> {
    let (port, origin) = match (options.port, server.client_port) {
        (Some(port), _) => (port, "Hybrid::port"),
        (None, Some(port)) => (port, "clientPort"),
        (None, None) => return Err(Error::of(ErrorKind::Config, OptionError::NoPort).context(&server.id)),
    };
    let own = options.host.map(|host| host.to_string());
    let interface = match &own {
        Some(host) if host == "::" => Interface::Every,
        Some(host) => Interface::Of(host),
        None => default_interface(server),
    };
    let listener = address::Listener::bind(interface, port, keep_little).await.map_err(|error| {
        let (id, address) = (&server.id, host::with_port(interface.host(), port));
        Error::of(ErrorKind::Config, format_args!("{id} cannot listen on {address} ({origin}): {error}"))
            .with_source(error)
    })?;
    Ok(TcpPort { listener, no_delay: options.no_delay })
}

/// The server's `host` if that is loopback or `distinctHost` asks for it, else every interface.
fn default_interface(server: &ServerInfo) -> Interface<'_> {
    let is_distinct = server.setting("distinctHost").is_some_and(|value| value == true || value == "true");
    if is_distinct { Interface::Of(&server.host) } else { Interface::for_host(&server.host) }
}

/// Accepted sockets have it from the one that listens.
fn keep_little(socket: &TcpSocket) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    SockRef::from(socket).set_tcp_notsent_lowat(UNSENT)?;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = socket;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use serde_json::{Value, json};

    use super::*;

    fn server(more: Value) -> ServerInfo {
        let mut entry = json!({ "id": "connector-1" });
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(entry).unwrap()
    }

    #[test]
    fn a_server_that_is_not_on_loopback_listens_everywhere() {
        for (entry, interface) in [
            (json!({}), Interface::Of("127.0.0.1")),
            (json!({ "host": "localhost" }), Interface::Of("localhost")),
            (json!({ "host": "[::1]" }), Interface::Of("::1")),
            (json!({ "host": "10.0.0.7" }), Interface::Every),
            (json!({ "host": "2001:db8::1" }), Interface::Every),
            (json!({ "host": "10.0.0.7", "distinctHost": true }), Interface::Of("10.0.0.7")),
        ] {
            assert_eq!(default_interface(&server(entry)), interface);
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[tokio::test]
    async fn the_system_queues_little_for_a_client() {
        let options = Options { port: Some(0), ..Options::default() };
        let listener = listen(&server(json!({})), &options).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (accepted, _client) = tokio::join!(listener.accept(), client);
        let unsent = socket2::SockRef::from(&accepted.unwrap().0).tcp_notsent_lowat().unwrap();
        assert_eq!(unsent, UNSENT);
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let refused = listen(&server(json!({ "clientPort": port })), &Options::default()).await.unwrap_err();
        let expected =
            format!("connector-1 cannot listen on 127.0.0.1:{port} (clientPort): Address already in use");
        assert!(refused.message().starts_with(&expected), "{refused}");
        let options =
            Options { host: Some(IpAddr::from([127, 0, 0, 1])), port: Some(port), ..Options::default() };
        let refused = listen(&server(json!({})), &options).await.unwrap_err();
        assert!(refused.message().contains("(Hybrid::port)"), "{refused}");
    }

    #[tokio::test]
    async fn a_port_that_nobody_gives_is_missed() {
        let refused = listen(&server(json!({})), &Options::default()).await.unwrap_err();
        assert!(
            refused.message().starts_with("connector-1: servers.json gives it no clientPort"),
            "{refused}"
        );
    }
}
