//! The cluster under test: its directory, its processes, and the tool.

use std::fs::{self, File};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::program::CONFIG;
use super::support::{PATIENCE, free_ports};

/// Two servers, each a process of its own; operators are let in at the first.
pub(super) struct Cluster {
    dir: TempDir,
    /// Where operators are let in.
    pub(super) to: String,
    servers: Vec<(&'static str, Option<Child>)>,
}

impl Cluster {
    /// Starts both, and waits until the tool sees them up.
    pub(super) fn start() -> Self {
        let dir = TempDir::new().unwrap();
        let [one, two, operators] = free_ports();
        let servers = json!({ "chat": [
            { "id": "chat-1", "port": one, "operatorPort": operators },
            { "id": "chat-2", "port": two },
        ] });
        let users = json!([
            { "username": "admin", "password": "open-sesame", "level": 1 },
            { "username": "monitor", "password": "look-only", "level": 2 },
        ]);
        for (name, value) in [("servers.json", servers), ("adminUser.json", users)] {
            fs::write(dir.path().join(name), value.to_string()).unwrap();
        }
        let to = format!("127.0.0.1:{operators}");
        let mut cluster = Self { dir, to, servers: vec![] };
        for id in ["chat-1", "chat-2"] {
            let child = cluster.spawn(id);
            cluster.adopt(id, child);
        }
        cluster.until_up();
        cluster
    }

    /// The process of a server, whose output goes into `<id>.log`.
    pub(super) fn spawn(&self, id: &str) -> Child {
        let log = File::options().create(true).append(true).open(self.dir.path().join(format!("{id}.log")));
        let log = log.unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--server-id", id]).env(CONFIG, self.dir.path()).stdin(Stdio::null());
        command.env_remove("POMELO_CONFIG").stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
    }

    /// That process is the server from now on.
    pub(super) fn adopt(&mut self, id: &'static str, child: Child) {
        self.servers.push((id, Some(child)));
    }

    /// Waits until the tool says that all is well.
    pub(super) fn until_up(&self) {
        let since = Instant::now();
        loop {
            let output = self.run(&["list"]);
            if output.status.success() {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "never up: {output:?}\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What the servers said.
    pub(super) fn logs(&self) -> String {
        let read =
            |id: &&str| fs::read_to_string(self.dir.path().join(format!("{id}.log"))).unwrap_or_default();
        ["chat-1", "chat-2"].iter().map(read).collect()
    }

    /// The tool as that user.
    pub(super) fn run_as(&self, user: &str, password: &str, arguments: &[&str]) -> Output {
        // Behind the command: these are its own flags.
        self.tool(password, &[arguments, &["-u", user]].concat())
    }

    /// The tool with these arguments alone.
    pub(super) fn tool(&self, password: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo"));
        command.args(["--to", &self.to]).args(arguments);
        command.env("POMELO_PASSWORD", password).env_remove("POMELO_ENV");
        command.stdin(Stdio::null()).current_dir(self.dir.path()).output().unwrap()
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Output {
        self.run_as("admin", "open-sesame", arguments)
    }

    /// What a command prints as JSON.
    pub(super) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }

    /// Signals the process of a server.
    pub(super) fn signal(&self, id: &str, signal: &str) {
        let (_, child) = self.servers.iter().rev().find(|(server, _)| *server == id).unwrap();
        let pid = child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Takes the process of a server, to wait for its end.
    pub(super) fn take(&mut self, id: &str) -> Ending {
        let (_, child) = self.servers.iter_mut().rev().find(|(server, _)| *server == id).unwrap();
        Ending(child.take().unwrap())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (_, child) in &mut self.servers {
            if let Some(child) = child {
                // It may have ended.
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// A process that is to end by itself. It is killed if it doesn't.
pub(super) struct Ending(Child);

impl Ending {
    pub(super) fn wait(mut self) -> ExitStatus {
        let since = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(since.elapsed() < PATIENCE, "the process never ends");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
