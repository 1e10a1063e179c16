//! Addresses of hosts: finding them, listening on it, connecting to it, and whether somebody is on this machine.
//!
//! Everything here takes a host as configuration has it: an address of either family, or a name with one address or several.

mod origin;

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use pomelo_core::value::host;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

pub use self::origin::Origin;

/// How many connections may wait for being accepted: a restart brings all of a server's clients and peers back at once.
const BACKLOG_CONNECTIONS: u32 = 1024;

/// Whether who is connected with `stream` is on this machine: it comes from loopback, or from the very address that it came to.
pub fn is_from_here(stream: &TcpStream) -> io::Result<bool> {
    let (peer, own) = (stream.peer_addr()?.ip().to_canonical(), stream.local_addr()?.ip().to_canonical());
    Ok(peer.is_loopback() || peer == own)
}

/// Whether a host is this machine: one of its addresses is loopback, every interface, or an address of ours.
///
/// # Cancel safety
/// Nothing is left of it when it is dropped.
pub async fn is_here(host: &str) -> bool {
    resolve(host, 0).await.is_ok_and(|addresses| addresses.iter().any(|address| is_ours(address.ip())))
}

/// Only a machine's own addresses can be bound. Nothing is sent.
fn is_ours(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || UdpSocket::bind((ip, 0)).is_ok()
}

/// Whether a host, as it is written, is loopback.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// The addresses of a host, each once, in the system's order; at least one.
async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in lookup_host((host, port)).await? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    match addresses.is_empty() {
        true => Err(io::Error::new(io::ErrorKind::NotFound, "the host has no address")),
        false => Ok(addresses),
    }
}

/// Connects to a host within `limit`: each of its addresses in turn gets an equal share of what is left of it.
///
/// # Errors
/// `ConnectionRefused` only if all addresses refuse; else why the first of the others can't be connected to.
///
/// # Cancel safety
/// Nothing is left of it when it is dropped.
pub async fn connect(host: &str, port: u16, limit: Duration) -> io::Result<TcpStream> {
    let deadline = Instant::now() + limit;
    let resolved = timeout(limit, resolve(host, port)).await;
    let addresses = resolved.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    let mut problem: Option<io::Error> = None;
    for (tried, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let connected = timeout(share, TcpStream::connect(address)).await;
        match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => return Ok(stream),
            Err(error) if problem.as_ref().is_none_or(is_refusal) => problem = Some(error),
            Err(_) => {}
        }
    }
    Err(problem.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
}

/// As [`connect`], to an address like `host:port`.
///
/// # Errors
/// As [`connect`]; `InvalidInput` if the address is none.
///
/// # Cancel safety
/// As [`connect`].
pub async fn connect_to(address: &str, limit: Duration) -> io::Result<TcpStream> {
    let (host, port) =
        host::split_port(address).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    connect(host, port, limit).await
}

fn is_refusal(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionRefused
}

/// Where to listen.
///
/// ```
/// use pomelo_net::address::Interface;
///
/// assert_eq!(Interface::for_host("127.0.0.1"), Interface::Of("127.0.0.1"));
/// // How others reach the machine, which may be no address of its own.
/// assert_eq!(Interface::for_host("game.example.com"), Interface::Every);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interface<'a> {
    /// Every interface, by IPv6 and IPv4, as Node listens where no host is named; by IPv4 alone where the system has no IPv6.
    Every,
    /// Those addresses of this host that are this machine's.
    Of(&'a str),
}

impl<'a> Interface<'a> {
    /// The interface for whoever is to come to a server's host: that of loopback for loopback, and every one for another, since a
    /// host is how others reach the machine, and may be none of its own addresses.
    pub fn for_host(host: &'a str) -> Self {
        if is_loopback(host) { Self::Of(host) } else { Self::Every }
    }

    /// As an address, for errors.
    pub fn host(self) -> &'a str {
        match self {
            Self::Every => "::",
            Self::Of(host) => host,
        }
    }
}

/// A port that is listened on, at one address or several.
///
/// ```
/// use pomelo_net::address::{Interface, Listener};
///
/// # #[tokio::main]
/// # async fn main() -> std::io::Result<()> {
/// let listener = Listener::bind(Interface::Of("localhost"), 0, |_| Ok(())).await?;
/// assert!(listener.local_addr()?.ip().is_loopback());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Listener {
    /// One for each address.
    sockets: Vec<TcpListener>,
    /// Whose turn it is, so that none keeps the others waiting.
    turn: AtomicUsize,
}

impl Listener {
    /// Listens; `prepare` sets what sockets that are accepted get from the one that listens. Port 0 lets the system choose, one
    /// for all addresses.
    ///
    /// # Errors
    /// Why it can't listen on the first of the addresses; none of the others has to work, but a port that somebody has there is
    /// an error, too.
    ///
    /// # Cancel safety
    /// No port is taken when it is dropped.
    pub async fn bind(
        interface: Interface<'_>,
        port: u16,
        prepare: impl Fn(&TcpSocket) -> io::Result<()>,
    ) -> io::Result<Self> {
        let sockets = match interface {
            Interface::Every => vec![bind_everywhere(port, &prepare)?],
            Interface::Of(host) => bind_all(&resolve(host, port).await?, &prepare)?,
        };
        Ok(Self { sockets, turn: AtomicUsize::new(0) })
    }

    /// The first address that is listened on.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.sockets.first().ok_or(io::ErrorKind::NotConnected)?.local_addr()
    }

    /// The next who comes. An IPv4 address that came by IPv6 is told as what it is.
    ///
    /// # Cancel safety
    /// Nobody is lost who has not been returned. Only one task may wait here at a time.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = poll_fn(|context| {
            let first = self.turn.fetch_add(1, Ordering::Relaxed);
            for nth in 0..self.sockets.len() {
                let socket = &self.sockets[(first.wrapping_add(nth)) % self.sockets.len()];
                if let Poll::Ready(accepted) = socket.poll_accept(context) {
                    return Poll::Ready(accepted);
                }
            }
            Poll::Pending
        })
        .await?;
        Ok((stream, SocketAddr::new(peer.ip().to_canonical(), peer.port())))
    }
}

fn bind_everywhere(port: u16, prepare: &impl Fn(&TcpSocket) -> io::Result<()>) -> io::Result<TcpListener> {
    match bind_one((Ipv6Addr::UNSPECIFIED, port).into(), prepare) {
        // Whoever has the port of either family has it.
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            bind_one((Ipv4Addr::UNSPECIFIED, port).into(), prepare)
        }
        bound => bound,
    }
}

fn bind_all(
    addresses: &[SocketAddr],
    prepare: &impl Fn(&TcpSocket) -> io::Result<()>,
) -> io::Result<Vec<TcpListener>> {
    let mut sockets: Vec<TcpListener> = Vec::new();
    let mut problem: Option<io::Error> = None;
    for mut address in addresses.iter().copied() {
        if let Some(first) = sockets.first() {
            address.set_port(first.local_addr()?.port());
        }
        match bind_one(address, prepare) {
            Ok(socket) => sockets.push(socket),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            // Such as an address of another family than the system has, or of another machine.
            Err(error) => problem = problem.or(Some(error)),
        }
    }
    match problem {
        Some(problem) if sockets.is_empty() => Err(problem),
        _ => Ok(sockets),
    }
}

fn bind_one(address: SocketAddr, prepare: &impl Fn(&TcpSocket) -> io::Result<()>) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        SockRef::from(&socket).set_only_v6(false)?;
    }
    // A server that is started again takes its port back at once; on Windows the option would mean something else.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    prepare(&socket)?;
    socket.bind(address)?;
    socket.listen(BACKLOG_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(60);

    async fn listen(interface: Interface<'_>) -> (Listener, u16) {
        let listener = Listener::bind(interface, 0, |_| Ok(())).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    /// Whether this machine has IPv6, which a container may lack.
    fn has_ipv6() -> bool {
        std::net::TcpListener::bind("[::1]:0").is_ok()
    }

    #[tokio::test]
    async fn every_interface_is_of_both_families_and_an_ipv4_address_is_told_as_one() {
        let (listener, port) = listen(Interface::Every).await;
        let hosts: &[&str] = if has_ipv6() { &["127.0.0.1", "::1", "127.0.0.2"] } else { &["127.0.0.1"] };
        for host in hosts {
            let _connected = connect(host, port, SOON).await.unwrap();
            let (accepted, peer) = listener.accept().await.unwrap();
            assert_eq!(peer.is_ipv4(), host.parse::<IpAddr>().unwrap().is_ipv4(), "{peer}");
            assert!(is_from_here(&accepted).unwrap());
        }
    }

    #[tokio::test]
    async fn a_name_is_listened_on_at_each_of_its_addresses() {
        let (listener, port) = listen(Interface::Of("localhost")).await;
        for address in resolve("localhost", port).await.unwrap() {
            // A family that the system has no address of is left out.
            if let Ok(_connected) = TcpStream::connect(address).await {
                let (_accepted, peer) = listener.accept().await.unwrap();
                assert_eq!(peer.is_ipv4(), address.is_ipv4());
            }
        }
    }

    #[tokio::test]
    async fn a_port_that_somebody_has_at_one_address_is_taken() {
        let (_listener, port) = listen(Interface::Every).await;
        for interface in [Interface::Every, Interface::Of("127.0.0.1"), Interface::Of("localhost")] {
            let error = Listener::bind(interface, port, |_| Ok(())).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{interface:?}");
        }
    }

    #[tokio::test]
    async fn each_address_of_a_host_is_tried() {
        // What listens there has one of its addresses only.
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = other.local_addr().unwrap().port();
        assert!(connect("localhost", port, SOON).await.is_ok());
        drop(other);
        assert!(is_refusal(&connect("localhost", port, SOON).await.unwrap_err()), "all refuse");
    }

    #[tokio::test]
    async fn this_machine_is_told_from_others() {
        for here in ["127.0.0.1", "127.0.0.2", "localhost", "0.0.0.0", "::1", "::"] {
            assert!(is_here(here).await, "{here}");
        }
        // Reserved for documentation (RFC 5737, RFC 3849): nobody has them.
        for other in ["192.0.2.1", "2001:db8::1"] {
            assert!(!is_here(other).await, "{other}");
        }
    }
}
