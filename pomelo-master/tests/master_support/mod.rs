//! An application in a directory of its own, and servers that only do what a master sees of them.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::BTreeSet;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pomelo_core::cluster::{Control, Discovery, Member, MembershipEvents, Refused, Registration};
use pomelo_core::metrics::Report;
use pomelo_core::value::config::Config;
use pomelo_core::value::{Incarnation, ServerId, ServerInfo};
use pomelo_master::{Admin, Master, MasterDiscovery, MasterSetup, ServerState, ServerStatus};
use pomelo_net::link::secret::Secret;
use serde_json::{Value, json};
use tokio::sync::watch;

/// What should happen, happens within this; it only ends a test that is broken.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it should have happened by now")
}

/// A port that nobody listens on, and that nobody is given meanwhile: neither by this function, nor by the system, which
/// takes those from 32768 on for who asks for any and for outgoing connections.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(97);
    let ports = std::iter::repeat_with(|| 10_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000);
    let mut ports = ports.map(|port| port as u16);
    ports.find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

/// The directory of an application; it is gone when the test is over, and so are the processes that noted their pid in its
/// file `pids`.
pub struct Home {
    dir: PathBuf,
    /// Not of one that another process made.
    is_own: bool,
}

impl Home {
    /// With a master on any port, and these servers.
    pub fn new(servers: Value) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("pomelo-master-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(dir.join("config")).unwrap();
        let home = Self { dir, is_own: true };
        home.write("config/servers.json", &servers.to_string());
        home.master_port(0);
        home
    }

    /// One that another process made.
    pub fn at(dir: &str) -> Self {
        Self { dir: dir.into(), is_own: false }
    }

    pub fn path(&self) -> &Path {
        &self.dir
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir.join(name), text).unwrap();
    }

    pub fn master_port(&self, port: u16) {
        let master = json!({ "id": "master-server-1", "host": "127.0.0.1", "port": port });
        self.write("config/master.json", &master.to_string());
    }

    pub fn config(&self) -> Arc<Config> {
        Arc::new(Config::read(self.dir.join("config"), "development").unwrap())
    }

    pub fn setup(&self) -> MasterSetup {
        let mut setup = MasterSetup::new(self.config()).unwrap();
        setup.base_dir = self.dir.clone();
        setup.log_dir = self.dir.join("logs");
        setup
    }

    /// With the shell script `game` of that directory as its program. Its shell is what is executed: a file that was
    /// just written can't be while another thread starts a process.
    pub fn setup_with_game(&self) -> MasterSetup {
        let mut setup = self.setup();
        setup.exe = "/bin/sh".into();
        setup.args = vec![self.dir.join("game").display().to_string()];
        setup
    }

    pub async fn master(&self) -> Master {
        Master::start(&self.setup()).await.unwrap()
    }

    /// The entry of a server.
    pub fn info(&self, id: &str) -> Arc<ServerInfo> {
        let config = self.config();
        config.servers.iter().find(|info| info.id == *id).unwrap().clone()
    }

    /// A monitor for a master that listens there, as of a server that it started.
    pub fn monitor(&self, address: impl ToString) -> MasterDiscovery {
        let monitor = self.strange_monitor(address);
        match std::fs::read_to_string(self.dir.join("logs/master-server-1.token")) {
            Ok(token) => monitor.token("*", Secret::new(token.trim()).unwrap()),
            Err(_) => monitor,
        }
    }

    /// A monitor for a master that listens there, as of a process that no master has started.
    pub fn strange_monitor(&self, address: impl ToString) -> MasterDiscovery {
        MasterDiscovery::new(address.to_string(), self.config().servers.clone())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.is_own {
            self.kill_processes();
            // What is left in the system's directory for such things does no harm.
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

impl Home {
    /// A test that fails leaves what it started, and a server goes on without its master.
    fn kill_processes(&self) {
        let pids = std::fs::read_to_string(self.dir.join("pids")).unwrap_or_default();
        for pid in pids.lines().filter(|pid| self.is_of(pid)) {
            // It may have ended by itself meanwhile.
            let _ = std::process::Command::new("kill").args(["-KILL", pid]).stderr(Stdio::null()).status();
        }
    }

    /// Whether the process of that pid is one of this application's. One that ended may have left its pid to a stranger.
    fn is_of(&self, pid: &str) -> bool {
        let dir = self.dir.as_os_str().as_encoded_bytes();
        ["environ", "cmdline"].iter().any(|file| {
            let text = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            text.windows(dir.len()).any(|part| part == dir)
        })
    }
}

pub fn info(id: &str, server_type: &str) -> Arc<ServerInfo> {
    Arc::new(serde_json::from_value(json!({ "id": id, "serverType": server_type })).unwrap())
}

pub fn member(info: Arc<ServerInfo>) -> Member {
    let incarnation = Incarnation::begin(&info.id);
    let member = json!({ "info": info, "incarnation": incarnation, "methods": {}, "encodings": [] });
    serde_json::from_value(member).unwrap()
}

/// What a server was told.
#[derive(Debug, Clone, Default)]
pub struct Told {
    pub expected: Vec<String>,
    /// Everybody who was ever expected.
    pub ever_expected: BTreeSet<String>,
    pub up: Vec<Member>,
    pub gone: Vec<(ServerId, Incarnation)>,
    pub refused: Vec<Refused>,
    pub stop: bool,
}

/// What a server does.
#[derive(Debug, Clone, Default)]
pub struct Nature {
    /// It answers no question.
    pub is_mute: bool,
    /// When it is refused it tries again: a server that starts, and begins after whatever it must.
    pub is_patient: bool,
    /// Servers that it should be linked with and isn't.
    pub missing_links: Vec<String>,
    /// It panics the next time that it is told whom to expect.
    pub panics: bool,
}

/// Remembers what it is told.
pub struct Fake {
    member: Member,
    told: watch::Sender<Told>,
    nature: Mutex<Nature>,
}

impl Fake {
    pub fn new(member: Member) -> Arc<Self> {
        Self::with(member, Nature::default())
    }

    pub fn with(member: Member, nature: Nature) -> Arc<Self> {
        Arc::new(Self { member, told: watch::Sender::new(Told::default()), nature: Mutex::new(nature) })
    }

    /// Changes what it does from now on.
    pub fn change(&self, change: impl FnOnce(&mut Nature)) {
        change(&mut self.nature.lock().unwrap());
    }

    fn nature(&self) -> Nature {
        self.nature.lock().unwrap().clone()
    }

    pub fn told(&self) -> Told {
        self.told.borrow().clone()
    }

    pub async fn until(&self, is_so: impl FnMut(&Told) -> bool) {
        soon(self.told.subscribe().wait_for(is_so)).await.unwrap();
    }

    /// For as long as it takes.
    pub async fn until_stop(&self) {
        self.told.subscribe().wait_for(|told| told.stop).await.unwrap();
    }

    pub async fn until_expecting(&self, ids: &[&str]) {
        self.until(|told| told.expected == ids).await;
    }
}

impl MembershipEvents for Fake {
    fn expect(&self, servers: Vec<Arc<ServerInfo>>) {
        let ids: Vec<_> = servers.iter().map(|info| info.id.to_string()).collect();
        let panics = std::mem::take(&mut self.nature.lock().unwrap().panics);
        assert!(!panics, "as it must");
        self.told.send_modify(|told| {
            told.ever_expected.extend(ids.iter().cloned());
            told.expected = ids;
        });
    }

    fn up(&self, server: Member) {
        self.told.send_modify(|told| told.up.push(server));
    }

    fn gone(&self, server: &ServerId, incarnation: Incarnation) {
        self.told.send_modify(|told| told.gone.push((server.clone(), incarnation)));
    }

    fn refused(&self, why: Refused) -> Option<Member> {
        self.told.send_modify(|told| told.refused.push(why.clone()));
        let incarnation = match why {
            Refused::Superseded(later) => Incarnation::begin_after(&self.member.info.id, later),
            _ => self.member.incarnation,
        };
        self.nature().is_patient.then(|| Member { incarnation, ..self.member.clone() })
    }
}

impl Control for Fake {
    fn stop(&self) {
        self.told.send_modify(|told| told.stop = true);
    }

    fn report(&self) -> Option<Report> {
        let nature = self.nature();
        let report = json!({
            "id": self.member.info.id, "incarnation": self.member.incarnation, "uptimeMs": 5, "sessions": 7,
            "boundSessions": 0, "channels": 0, "channelMembers": 0, "outboxBytes": 0, "linkBytes": 0,
            "pendingCalls": 0, "dropped": {}, "routes": [], "peers": [],
            "missingLinks": nature.missing_links
        });
        (!nature.is_mute).then(|| serde_json::from_value(report).unwrap())
    }
}

/// A server of this process: it stops when it is told to.
pub struct Serving {
    pub watcher: Arc<Fake>,
    pub member: Member,
    pub place: Arc<dyn Registration>,
    leaver: tokio::task::JoinHandle<()>,
}

impl Serving {
    pub async fn start(monitor: &MasterDiscovery, info: Arc<ServerInfo>) -> pomelo_core::value::Result<Self> {
        Self::start_as(monitor, member(info)).await
    }

    pub async fn start_as(monitor: &MasterDiscovery, member: Member) -> pomelo_core::value::Result<Self> {
        Self::start_with(monitor, member, Nature::default()).await
    }

    pub async fn start_with(
        monitor: &MasterDiscovery,
        member: Member,
        nature: Nature,
    ) -> pomelo_core::value::Result<Self> {
        let watcher = Fake::with(member.clone(), nature);
        let place =
            soon(monitor.register_controlled(member.clone(), watcher.clone(), watcher.clone())).await?;
        let (until_stop, leaver) = (watcher.clone(), place.clone());
        let leaver = tokio::spawn(async move {
            if until_stop.told.subscribe().wait_for(|told| told.stop).await.is_ok() {
                leaver.leave().await;
            }
        });
        Ok(Self { watcher, member, place, leaver })
    }

    /// Breaks its connection with no goodbye.
    pub async fn crash(self) {
        self.leaver.abort();
        let _ = self.leaver.await;
    }
}

pub async fn admin(master: &Master) -> Admin {
    soon(Admin::connect(&master.address().to_string(), "admin", "admin")).await.unwrap()
}

/// Id and state of all servers but the master.
pub async fn states(admin: &Admin) -> Vec<(String, ServerState)> {
    let list = soon(admin.list()).await.unwrap();
    list.into_iter().skip(1).map(|server| (server.id.to_string(), server.state)).collect()
}

/// Asks for the list until it is as wanted.
pub async fn until_listed(
    admin: &Admin,
    mut is_so: impl FnMut(&[ServerStatus]) -> bool,
) -> Vec<ServerStatus> {
    soon(async {
        loop {
            let list = admin.list().await.unwrap();
            if is_so(&list) {
                return list;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

pub fn all_up(list: &[ServerStatus]) -> bool {
    list.iter().all(|server| server.state == ServerState::Up)
}
