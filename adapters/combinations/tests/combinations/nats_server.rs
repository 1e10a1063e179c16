//! A NATS server, which ends with the test.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::etcd_server::free_port;

/// How long it may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The process.
pub struct NatsServer {
    port: u16,
    child: Child,
}

impl NatsServer {
    /// Starts it, and waits until it listens.
    pub async fn start() -> Self {
        let port = free_port();
        let child = Command::new(program())
            .args(["-a", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut server = Self { port, child: child.expect("nats-server starts") };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(server.child.try_wait().expect("its status").is_none(), "nats-server has ended");
            assert!(began.elapsed() < START_TIMEOUT, "nats-server never listens");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, which these tests can't do without.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places =
        std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/bin")]);
    let found = places.map(|dir| dir.join("nats-server")).find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("these tests need a NATS server: apt-get install nats-server"))
}
