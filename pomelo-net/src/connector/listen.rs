//! Listening, and accepting who comes.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use pomelo_core::error::{Error, ErrorKind, Result};
use pomelo_core::server::ServerInfo;
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};

use super::driver::Driver;
use super::error::OptionError;
use super::options::Options;
use super::port::Port;

/// How many clients may wait for being accepted: a restart brings all of them back at once.
const BACKLOG: u32 = 1024;

/// How much of what a client has still to be sent the system may hold, in bytes.
///
/// Left alone it holds megabytes for one that has stopped reading: memory that no limit of ours counts, that is taken from all
/// other connections, and that is in the way of a kick. What a client on a fast line takes in a millisecond fits.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 * 1024;

/// How long to wait before accepting again when that fails: it does when there are no file descriptors left.
const BREATHER: Duration = Duration::from_millis(50);

/// Listens where the options say, or else where servers.json does.
pub(super) async fn listen(server: &ServerInfo, options: &Options) -> Result<TcpListener> {
    let (port, origin) = match (options.port, server.client_port) {
        (Some(port), _) => (port, "Hybrid::port"),
        (None, Some(port)) => (port, "clientPort"),
        (None, None) => return Err(Error::of(ErrorKind::Config, OptionError::NoPort).context(&server.id)),
    };
    let host = options.host.map_or_else(|| default_host(server).to_owned(), |host| host.to_string());
    bind(&host, port).await.map_err(|error| {
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let id = &server.id;
        Error::of(ErrorKind::Config, format_args!("{id} cannot listen on {host}:{port} ({origin}): {error}"))
    })
}

/// The server's `host` if that is loopback or `distinctHost` asks for it, else every interface of IPv4.
fn default_host(server: &ServerInfo) -> &str {
    let is_loopback =
        server.host == "localhost" || server.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    let is_distinct = server.setting("distinctHost").is_some_and(|value| value == true || value == "true");
    if is_loopback || is_distinct { &server.host } else { "0.0.0.0" }
}

async fn bind(host: &str, port: u16) -> io::Result<TcpListener> {
    let address = lookup_host((host, port)).await?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A server that is started again takes its port back at once; on Windows the option would mean something else.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    // Accepted sockets have it from the one that listens.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket2::SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts clients until it is aborted; each gets a task of its own. Those that wait are the listener's, so they are there also
/// for the next run.
pub(super) async fn accept(listener: Arc<TcpListener>, port: Arc<Port>) {
    let mut was_fine = true;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                was_fine = true;
                welcome(&port, stream, peer);
            }
            Err(error) => {
                if std::mem::take(&mut was_fine) {
                    tracing::warn!(server = %port.frontend.server().id, %error, "cannot accept clients");
                }
                tokio::time::sleep(BREATHER).await;
            }
        }
    }
}

/// Over a limit of connections, the socket is closed at once.
fn welcome(port: &Arc<Port>, stream: TcpStream, peer: SocketAddr) {
    let Some(seat) = port.take_seat(peer.ip()) else { return };
    if port.options.no_delay {
        // It fails only on a connection that is gone already, as the first read will show.
        let _ = stream.set_nodelay(true);
    }
    tokio::spawn(Driver::new(port.clone(), seat, stream, peer).run());
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn server(more: Value) -> ServerInfo {
        let mut entry = json!({ "id": "connector-1" });
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(entry).unwrap()
    }

    #[test]
    fn a_server_that_is_not_on_loopback_listens_everywhere() {
        for (entry, host) in [
            (json!({}), "127.0.0.1"),
            (json!({ "host": "localhost" }), "localhost"),
            (json!({ "host": "::1" }), "::1"),
            (json!({ "host": "10.0.0.7" }), "0.0.0.0"),
            (json!({ "host": "10.0.0.7", "distinctHost": true }), "10.0.0.7"),
        ] {
            assert_eq!(default_host(&server(entry)), host);
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
