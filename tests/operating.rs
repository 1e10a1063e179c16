//! The `pomelo` tool and a master: what operators see of an application whose servers are all down.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use pomelo::core::config::Config;
use pomelo::net::cluster::master::{Master, MasterSetup};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A master on a port of its own, with two servers that nobody has started and a program for them that isn't there.
struct Application {
    dir: TempDir,
    master: Master,
}

impl Application {
    async fn start() -> Self {
        let dir = TempDir::new().unwrap();
        let files = [
            (
                "servers.json",
                json!({ "chat": [{ "id": "chat-1", "port": 1 }, { "id": "chat-2", "port": 1 }] }),
            ),
            ("master.json", json!({ "id": "master-1", "host": "127.0.0.1", "port": 0 })),
            (
                "adminUser.json",
                json!([
                    { "id": "1", "username": "admin", "password": "open-sesame", "level": 1 },
                    { "id": "2", "username": "monitor", "password": "monitor", "level": 2 },
                ]),
            ),
        ];
        let config = dir.path().join("config");
        fs::create_dir(&config).unwrap();
        for (name, value) in files {
            fs::write(config.join(name), value.to_string()).unwrap();
        }
        let config = Arc::new(Config::read(&config, "development").unwrap());
        let mut setup = MasterSetup::new(config).unwrap();
        setup.exe = dir.path().join("no-such-program");
        setup.log_dir = dir.path().join("logs");
        let master = Master::start(&setup).await.unwrap();
        Self { dir, master }
    }

    /// Runs the tool as that user.
    async fn run_as(&self, user: &str, password: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo"));
        let port = self.master.address().port().to_string();
        command.args(arguments).args(["-u", user, "-P", &port]).env("POMELO_PASSWORD", password);
        command.stdin(Stdio::null()).current_dir(self.dir.path());
        tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        self.run_as("admin", "open-sesame", arguments).await
    }
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn list_shows_the_master_and_what_should_run() {
    let application = Application::start().await;
    let output = application.run(&["list"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let first_words: Vec<_> =
        stdout(&output).lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(first_words, ["ID", "master-1", "chat-1", "chat-2"]);
    let output = application.run(&["list", "--json"]).await;
    let servers: Value = serde_json::from_slice(&output.stdout).unwrap();
    let facts =
        json!([servers[0]["serverType"], servers[0]["state"], servers[0]["pid"], servers[1]["state"]]);
    assert_eq!(facts, json!(["master", "up", std::process::id(), "down"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn show_and_log_name_a_server_that_is_unknown_or_down() {
    let application = Application::start().await;
    for command in ["show", "log"] {
        let output = application.run(&[command, "chat-9"]).await;
        assert_eq!(output.status.code(), Some(1));
        assert!(
            stderr(&output).contains("`chat-9`") && stderr(&output).contains("`pomelo list`"),
            "{output:?}"
        );
    }
    let output = application.run(&["show", "chat-1"]).await;
    assert!(stderr(&output).contains("chat-1 is down"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn log_shows_as_many_lines_as_are_wanted() {
    let application = Application::start().await;
    let logs = application.dir.path().join("logs");
    fs::create_dir_all(&logs).unwrap();
    fs::write(logs.join("chat-1.log"), "one\ntwo\nthree\n").unwrap();
    let output = application.run(&["log", "chat-1", "-n", "2"]).await;
    assert_eq!(stdout(&output), "two\nthree\n", "{output:?}");
    let output = application.run(&["log", "chat-1", "--json"]).await;
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), json!(["one", "two", "three"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_look_changes_nothing() {
    let application = Application::start().await;
    let entry = ["add", "id=chat-3", "serverType=chat", "host=127.0.0.1", "port=1"];
    for command in [&["stop"][..], &["stop", "chat-1"], &["kill"], &["restart"], &entry] {
        let output = application.run_as("monitor", "monitor", command).await;
        assert_eq!(output.status.code(), Some(1), "{command:?}: {output:?}");
        assert!(stderr(&output).contains("needs a user of level 1"), "{command:?}: {output:?}");
    }
    let output = application.run_as("monitor", "monitor", &["list"]).await;
    assert_eq!(stdout(&output).lines().count(), 4, "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused_and_not_repeated() {
    let application = Application::start().await;
    let output = application.run_as("admin", "guessed", &["list"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("refused the user `admin`"), "{output:?}");
    assert!(stderr(&output).contains("adminUser.json"), "{output:?}");
    assert!(!stderr(&output).contains("guessed"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_start_is_a_failure() {
    let application = Application::start().await;
    for command in [
        &["restart", "chat-1"][..],
        &["restart", "-t", "chat"],
        &["add", "id=chat-3", "serverType=chat", "host=127.0.0.1", "port=1"],
    ] {
        let output = application.run(command).await;
        assert_eq!(output.status.code(), Some(1), "{command:?}: {output:?}");
        assert!(stdout(&output).starts_with("failed  chat-"), "{command:?}: {output:?}");
        let json = application.run(&[command, &["--json"]].concat()).await;
        if command[0] == "restart" {
            let outcomes: Value = serde_json::from_slice(&json.stdout).unwrap();
            assert_eq!((&outcomes[0]["id"], &outcomes[0]["ok"]), (&json!("chat-1"), &json!(false)));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_tells_of_each_server() {
    let application = Application::start().await;
    let output = application.run(&["stop"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(stderr(&output), "Closing the application......\nPlease wait......\n");
    for part in ["ok  chat-1", "ok  chat-2", "ok  master-1", "Stopped.\n"] {
        assert!(stdout(&output).contains(part), "{output:?}");
    }
}
