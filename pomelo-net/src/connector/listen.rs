//! Listening, and accepting who comes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pomelo_core::value::{Error, ErrorKind, Result, ServerInfo, host};
use tokio::net::{TcpSocket, TcpStream};

use super::driver::Driver;
use super::error::OptionError;
use super::options::Options;
use super::port::Port;
use crate::address::{Interface, Listener};

/// How much of what a client has still to be sent the system may hold, in bytes.
///
/// Left alone it holds megabytes for one that has stopped reading: memory that no limit of ours counts, that is taken from all
/// other connections, and that is in the way of a kick. What a client on a fast line takes in a millisecond fits.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 * 1024;

/// How long to wait before accepting again when that fails: it does when there are no file descriptors left.
const BREATHER: Duration = Duration::from_millis(50);

/// Listens where the options say, or else where servers.json does.
pub(super) async fn listen(server: &ServerInfo, options: &Options) -> Result<Listener> {
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
    Listener::bind(interface, port, keep_little).await.map_err(|error| {
        let (id, address) = (&server.id, host::with_port(interface.host(), port));
        Error::of(ErrorKind::Config, format_args!("{id} cannot listen on {address} ({origin}): {error}"))
    })
}

/// The server's `host` if that is loopback or `distinctHost` asks for it, else every interface.
fn default_interface(server: &ServerInfo) -> Interface<'_> {
    let is_distinct = server.setting("distinctHost").is_some_and(|value| value == true || value == "true");
    if is_distinct { Interface::Of(&server.host) } else { Interface::for_host(&server.host) }
}

/// Accepted sockets have it from the one that listens.
fn keep_little(socket: &TcpSocket) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket2::SockRef::from(socket).set_tcp_notsent_lowat(UNSENT)?;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = socket;
    Ok(())
}

/// Accepts clients until it is aborted; each gets a task of its own. Those that wait are the listener's, so they are there also
/// for the next run.
pub(super) async fn accept(listener: Arc<Listener>, port: Arc<Port>) {
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
