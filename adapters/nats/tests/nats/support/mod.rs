//! What the tests start: NATS servers of their own, on loopback and free ports, and an application on them.
#![allow(dead_code, reason = "each file of tests uses a part")]

pub mod account;
pub mod app;
pub mod certificates;
pub mod load;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// How long anything may take before it is said to hang: far longer than any machine needs.
const HANG_TIMEOUT: Duration = Duration::from_secs(60);

/// How often to look whether something has happened.
const POLL: Duration = Duration::from_millis(5);

/// Waits until `condition` holds.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !condition().await {
            sleep(POLL).await;
        }
    };
    assert!(timeout(HANG_TIMEOUT, waiting).await.is_ok(), "this never came: {what}");
}

/// A NATS server, which ends with the test.
pub struct NatsServer {
    pub port: u16,
    monitor: u16,
    dir: TempDir,
    child: Option<Child>,
}

impl NatsServer {
    /// Starts one that is configured as by default.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// Starts one with more lines in its configuration.
    pub async fn start_with(more: &str) -> Self {
        let mut server = Self::prepare(more);
        server.run().await;
        server
    }

    /// One that does not run yet.
    pub fn prepare(more: &str) -> Self {
        let (port, monitor) = (free_port(), free_port());
        let dir = tempfile::tempdir().expect("a directory");
        let config = format!("host: 127.0.0.1\nport: {port}\nhttp: \"127.0.0.1:{monitor}\"\n{more}\n");
        std::fs::write(dir.path().join("nats.conf"), config).expect("the configuration is written");
        Self { port, monitor, dir, child: None }
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Starts the process, and waits until it listens.
    pub async fn run(&mut self) {
        let log = std::fs::File::create(self.dir.path().join("nats.log")).expect("a log");
        let child = Command::new(program())
            .arg("-c")
            .arg(self.dir.path().join("nats.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn();
        self.child = Some(child.expect("nats-server starts"));
        let began = Instant::now();
        let listens = |port| TcpStream::connect(("127.0.0.1", port)).is_ok();
        while !listens(self.port) || !listens(self.monitor) {
            let child = self.child.as_mut().expect("it was started");
            if let Ok(Some(status)) = child.try_wait() {
                panic!("nats-server ended with {status}: {}", self.log());
            }
            assert!(began.elapsed() < HANG_TIMEOUT, "nats-server never listens: {}", self.log());
            sleep(POLL).await;
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("nats.log")).unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Sends its process a signal, by name.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &pid]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Ends its process at once.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// How many clients it has now.
    pub fn connections(&self) -> u64 {
        self.number("/connz", "num_connections")
    }

    /// How many messages clients have published so far.
    pub fn messages(&self) -> u64 {
        self.number("/varz", "in_msgs")
    }

    /// Whether another NATS server of its cluster is there.
    pub fn has_peer(&self) -> bool {
        self.number("/routez", "num_routes") > 0
    }

    /// A number of what its monitor says.
    fn number(&self, path: &str, name: &str) -> u64 {
        let body = self.ask(path);
        let number =
            body.split(&format!("\"{name}\":")).nth(1).and_then(|rest| rest.split([',', '\n']).next());
        number.and_then(|number| number.trim().parse().ok()).unwrap_or_else(|| panic!("no {name} in {body}"))
    }

    fn ask(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.monitor)).expect("its monitor listens");
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).expect("it is asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What makes a NATS server part of a cluster of two: the ports for each other.
pub fn cluster(own: u16, peer: u16) -> String {
    format!("cluster {{ name: test, listen: \"127.0.0.1:{own}\", routes: [\"nats://127.0.0.1:{peer}\"] }}")
}

/// The program, which these tests can't do without.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places =
        std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/bin")]);
    let found = places.map(|dir| dir.join("nats-server")).find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("these tests need a NATS server: apt-get install nats-server"))
}

/// A port that nobody has now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}
