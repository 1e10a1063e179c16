//! etcd servers, which end with the test.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long an etcd may take to listen, and to elect a leader.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// One member of an etcd cluster.
pub struct EtcdServer {
    name: String,
    pub port: u16,
    peer_port: u16,
    /// All members, as etcd wants to hear of them.
    cluster: String,
    more: Vec<String>,
    scheme: &'static str,
    dir: TempDir,
    child: Option<Child>,
}

impl EtcdServer {
    /// Starts one that is a cluster by itself.
    pub async fn start() -> Self {
        let mut server = Self::prepare();
        server.run().await;
        server
    }

    /// One that does not run yet.
    pub fn prepare() -> Self {
        let (port, peer_port) = (free_port(), free_port());
        Self::member("only", port, peer_port, format!("only=http://127.0.0.1:{peer_port}"))
    }

    /// One that takes clients by TLS alone, with those arguments.
    pub async fn start_with_tls(more: Vec<String>) -> Self {
        let mut server = Self::prepare();
        (server.scheme, server.more) = ("https", more);
        server.run().await;
        server
    }

    /// Starts so many that are one cluster.
    pub async fn cluster(count: usize) -> Vec<Self> {
        let ports: Vec<_> = (0..count).map(|_| (free_port(), free_port())).collect();
        let peers = ports.iter().enumerate();
        let peers: Vec<_> = peers.map(|(n, (_, peer))| format!("m{n}=http://127.0.0.1:{peer}")).collect();
        let member = |(n, (port, peer)): (usize, (u16, u16))| {
            Self::member(&format!("m{n}"), port, peer, peers.join(","))
        };
        let mut members: Vec<_> = ports.into_iter().enumerate().map(member).collect();
        // Each listens only when it has heard of enough others.
        members.iter_mut().for_each(Self::spawn);
        for member in &mut members {
            member.until_it_listens().await;
        }
        members
    }

    fn member(name: &str, port: u16, peer_port: u16, cluster: String) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let name = name.to_owned();
        Self { name, port, peer_port, cluster, more: vec![], scheme: "http", dir, child: None }
    }

    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    /// Starts the process, and waits until it listens.
    pub async fn run(&mut self) {
        self.spawn();
        self.until_it_listens().await;
    }

    fn spawn(&mut self) {
        let log = std::fs::File::create(self.dir.path().join("etcd.log")).expect("a log");
        let peer = format!("http://127.0.0.1:{}", self.peer_port);
        let child = Command::new(program())
            .args(["--name", &self.name, "--data-dir"])
            .arg(self.dir.path().join("data"))
            .args(["--listen-client-urls", &self.url(), "--advertise-client-urls", &self.url()])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &self.cluster, "--logger", "zap"])
            .args(&self.more)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn();
        self.child = Some(child.expect("etcd starts"));
    }

    async fn until_it_listens(&mut self) {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let child = self.child.as_mut().expect("it was started");
            if let Ok(Some(status)) = child.try_wait() {
                panic!("etcd ended with {status}: {}", self.log());
            }
            assert!(began.elapsed() < START_TIMEOUT, "etcd never listens: {}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("etcd.log")).unwrap_or_default()
    }

    /// Sends its process a signal, by name.
    pub fn signal(&self, name: &str) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
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

    /// How many connections of clients it has now, by what the system says.
    pub fn connections(&self) -> usize {
        let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux has it");
        let local = format!(":{:04X}", self.port);
        let is_one = |line: &&str| {
            let mut fields = line.split_whitespace().skip(1);
            let (own, _, state) = (fields.next(), fields.next(), fields.next());
            own.is_some_and(|own| own.ends_with(&local)) && state == Some("01")
        };
        table.lines().filter(is_one).count()
    }
}

impl Drop for EtcdServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The program, which these tests can't do without. `POMELO_ETCD` names another one.
fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("POMELO_ETCD") {
        return program.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/bin".into(), "/usr/local/bin".into()]);
    let found = places.map(|dir| dir.join("etcd")).find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("these tests need etcd: apt-get install etcd-server"))
}

/// A port that nobody has now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}
