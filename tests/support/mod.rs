//! Support for tests: clients of the test kit at real ports, and waiting.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "every test binary uses another part")]

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pomelo::client::{Connection, ConnectionOptions, Wire};
pub use pomelo::testing::{Client, PATIENCE};
use tokio::net::{TcpSocket, TcpStream};

/// Ports that are free, and that no outgoing connection takes meanwhile: systems take those from 32768 on. Each is given once.
pub fn free_ports<const N: usize>() -> [u16; N] {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(83);
    let mut ports = std::iter::repeat_with(|| GIVEN.fetch_add(1, Ordering::Relaxed))
        .take(20_000)
        .map(|n| 10_000 + (start.wrapping_add(n) % 20_000) as u16);
    std::array::from_fn(|_| ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap())
}

/// What a future gives, unless it takes too long.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("this takes too long")
}

/// Waits until `condition` holds.
pub async fn until(mut condition: impl FnMut() -> bool) {
    soon(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// As [`until`], with a name for what doesn't come.
pub async fn eventually(what: &str, holds: impl FnMut() -> bool) {
    let waiting = tokio::time::timeout(PATIENCE, until(holds));
    waiting.await.unwrap_or_else(|_| panic!("never came: {what}"));
}

/// A client over tcp, once somebody listens.
pub async fn connect(address: SocketAddr) -> Client {
    connect_from(address).await.0
}

/// As [`connect`], with the client's own address.
pub async fn connect_from(address: SocketAddr) -> (Client, SocketAddr) {
    let stream = soon(async {
        loop {
            match TcpStream::connect(address).await {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                connected => return connected.unwrap(),
            }
        }
    });
    let stream = stream.await;
    let own = stream.local_addr().unwrap();
    (greet(stream).await, own)
}

/// A client that reads only while the test waits for something, and for which the system keeps little.
pub async fn narrow(address: SocketAddr) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    let client = greet(soon(socket.connect(address)).await.unwrap()).await;
    client.set_lazy(true);
    client
}

async fn greet(stream: TcpStream) -> Client {
    stream.set_nodelay(true).unwrap();
    let connection = Connection::over(Wire::raw(stream), &ConnectionOptions::new()).await;
    Client::over(connection.expect("an answer to the handshake"))
}
