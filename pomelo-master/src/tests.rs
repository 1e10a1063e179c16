//! The tasks that a master needs, each made to panic with work under way.

use std::sync::Arc;
use std::time::Duration;

use pomelo_core::value::config::Config;
use serde_json::{Value, json};

use crate::process::Process;
use crate::temp_dir::TempDir;
use crate::{Admin, Master, MasterSetup, keeper};

/// A master of one server, chat-1, whose process waits and never registers.
struct Waiting {
    _dir: TempDir,
    master: Master,
}

impl Waiting {
    async fn start(entry: Value) -> Self {
        let dir = TempDir::new();
        dir.write("servers.json", &json!({ "chat": [entry] }).to_string());
        dir.write("master.json", &json!({ "id": "master-1", "host": "127.0.0.1", "port": 0 }).to_string());
        let mut setup = MasterSetup::new(Arc::new(Config::read(dir.path(), "development").unwrap())).unwrap();
        setup.exe = "/bin/sh".into();
        setup.args = vec!["-c".into(), "exec sleep 60".into()];
        setup.base_dir = dir.path().into();
        setup.log_dir = dir.path().join("logs");
        Self { master: Master::start(&setup).await.unwrap(), _dir: dir }
    }

    async fn admin(&self) -> Admin {
        soon(Admin::connect(&self.master.address().to_string(), "admin", "admin")).await.unwrap()
    }

    /// Its process, once there is one that is not `before`.
    async fn process(&self, before: Option<&Process>) -> Process {
        let process = self.master.hub.until(|registry| {
            registry.get("chat-1")?.process().filter(|process| Some(*process) != before).cloned()
        });
        soon(process).await
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.master.hub.let_go();
        let process = self.master.hub.look(|registry| registry.get("chat-1")?.process().cloned());
        if let Some(process) = process {
            process.kill();
        }
    }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("this takes too long")
}

#[tokio::test]
async fn a_master_whose_port_panics_lets_in_again_and_keeps_who_is_in() {
    let waiting = Waiting::start(json!({ "id": "chat-1" })).await;
    let before = waiting.admin().await;
    assert_eq!(waiting.master.hub.tasks.trip("accept"), 1);
    let after = waiting.admin().await;
    for admin in [before, after] {
        assert_eq!(soon(admin.list()).await.unwrap().len(), 2);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_whose_keeper_panics_when_it_ends_is_started_again() {
    let waiting = Waiting::start(json!({ "id": "chat-1", "auto-restart": "true" })).await;
    let hub = &waiting.master.hub;
    keeper::keep(hub, &"chat-1".into());
    let process = waiting.process(None).await;
    assert_eq!((hub.tasks.trip("keeper"), hub.tasks.trip("watch")), (1, 1));
    process.kill();
    waiting.process(Some(&process)).await;
}
