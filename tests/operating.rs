//! The `pomelo` tool and a master: what operators see of an application whose servers are all down.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pomelo::app::Running;
use pomelo::config::Config;
use pomelo::master::{Master, MasterDiscovery, MasterSetup};
use pomelo::net::link::secret::Secret;
use pomelo::net::transport::{Tcp, TcpOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

pomelo::servers! {
    chat: {},
}

/// A master on a port of its own, with two servers that nobody has started and a program for them that isn't there.
struct Application {
    dir: TempDir,
    master: Master,
}

impl Application {
    async fn start() -> Self {
        Self::start_with(json!({ "chat": [{ "id": "chat-1", "port": 1 }, { "id": "chat-2", "port": 2 }] }))
            .await
    }

    async fn start_with(servers: Value) -> Self {
        let dir = TempDir::new().unwrap();
        let files = [
            ("servers.json", servers),
            ("adminServer.json", json!([{ "type": "chat", "token": "a token" }])),
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

/// The tool in a directory, as people run it.
async fn run_in(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo"));
    command.args(arguments).env("POMELO_PASSWORD", "open-sesame").env_remove("POMELO_ENV");
    command.env_remove("POMELO_CONFIG").stdin(Stdio::null()).current_dir(directory);
    tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_is_found_by_the_files_of_the_project() {
    let application = Application::start().await;
    let project = application.dir.path();
    let master = json!({
        "development": { "id": "master-1", "host": "localhost", "port": application.master.address().port() },
        "production": { "id": "master-1", "host": "127.0.0.1", "port": 1 },
    });
    fs::write(project.join("config/master.json"), master.to_string()).unwrap();
    fs::create_dir(project.join("src")).unwrap();
    for directory in [project.to_owned(), project.join("config"), project.join("src")] {
        let output = run_in(&directory, &["list"]).await;
        assert_eq!(output.status.code(), Some(0), "{}: {output:?}", directory.display());
    }
    let elsewhere = TempDir::new().unwrap();
    let output = run_in(elsewhere.path(), &["list", "-d", project.to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let output = run_in(project, &["list", "-e", "production"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let file = project.join("config/master.json");
    let where_from = format!("{} says for the environment production", file.display());
    for part in ["127.0.0.1:1", &where_from] {
        assert!(stderr(&output).contains(part), "{output:?}");
    }
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

/// Ports that are free, and that no outgoing connection takes meanwhile: systems take those from 32768 on. Each is given once.
fn free_ports<const N: usize>() -> [u16; N] {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(83);
    let mut ports = std::iter::repeat_with(|| GIVEN.fetch_add(1, Ordering::Relaxed))
        .take(20_000)
        .map(|n| 10_000 + (start.wrapping_add(n) % 20_000) as u16);
    std::array::from_fn(|_| ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap())
}

/// Runs a server of a cluster whose links need that secret.
async fn serve(application: &Application, id: &str, secret: &str) -> Running<Rpc> {
    let mut options = TcpOptions::default();
    options.secret = Some(Secret::new(secret).unwrap());
    let config = Config::read(application.dir.path().join("config"), "development").unwrap();
    let monitor =
        MasterDiscovery::new(application.master.address().to_string(), config.servers.iter().cloned());
    let monitor = monitor.token("chat", Secret::new("a token").unwrap());
    let builder = App::builder().config_dir(application.dir.path().join("config"));
    let builder = builder.transport(Arc::new(Tcp::new(options))).discovery(Arc::new(monitor));
    builder.start_server(id, None).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn list_and_show_say_which_links_are_missing_and_why_and_fail() {
    let [one, two, three] = free_ports();
    let chat = |id: &str, port: u16| json!({ "id": id, "port": port });
    let chats = json!({ "chat": [chat("chat-1", one), chat("chat-2", two), chat("chat-3", three)] });
    let application = Application::start_with(chats).await;
    let _well = (serve(&application, "chat-1", "ours").await, serve(&application, "chat-2", "ours").await);
    let other = serve(&application, "chat-3", "another").await;

    let list = application.run(&["list"]).await;
    let said = stdout(&list);
    let states: Vec<_> =
        said.lines().skip(1).take(4).map(|line| line.split_whitespace().last().unwrap()).collect();
    assert_eq!(states, ["up", "up", "up", "unreachable"], "{said}");
    let trouble = said.lines().nth(6).unwrap();
    assert!(trouble.starts_with("chat-3 has no link to any other server for "), "{said}");
    assert!(trouble.contains("secret") && list.status.code() == Some(1), "{said}");
    let json: Value = serde_json::from_slice(&application.run(&["list", "--json"]).await.stdout).unwrap();
    let missing = |link: usize| {
        (&json[3]["missingLinks"][link]["server"], json[3]["missingLinks"][link]["forMs"].is_u64())
    };
    assert_eq!([missing(0), missing(1)], [(&json!("chat-1"), true), (&json!("chat-2"), true)]);

    let show = application.run(&["show", "chat-3"]).await;
    assert_eq!((show.status.code(), stdout(&show).matches("no link to  ").count()), (Some(1), 2), "{show:?}");
    assert_eq!(application.run(&["show", "chat-1"]).await.status.code(), Some(0), "that isn't its fault");
    other.stop().await;
    assert_eq!(application.run(&["list"]).await.status.code(), Some(0), "nobody misses one that has stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_answer_what_is_asked_through_the_master() {
    let [one, two] = free_ports();
    let chats = json!({ "chat": [{ "id": "chat-1", "port": one }, { "id": "chat-2", "port": two }] });
    let application = Application::start_with(chats).await;
    let server = serve(&application, "chat-1", "ours").await;
    let asked = application.run(&["ask", "identity", "chat-1", "--json"]).await;
    let replies: Value = serde_json::from_slice(&asked.stdout).unwrap();
    assert_eq!(
        (&replies[0]["id"], &replies[0]["answer"]["pid"]),
        (&json!("chat-1"), &json!(std::process::id()))
    );
    let all = application.run(&["ask", "set", "--body", "{\"open\": true}"]).await;
    assert_eq!(all.status.code(), Some(1), "one of them is down: {all:?}");
    for part in ["chat-1:\n{\n  \"open\": null\n}\n", "chat-2: chat-2 is down\n"] {
        assert!(stdout(&all).contains(part), "{all:?}");
    }
    assert_eq!(server.app("chat-1").unwrap().get::<bool>("open"), Some(true));
    let unknown = application.run(&["ask", "identiy", "-t", "chat"]).await;
    let said = "pomelo: there is no admin module `identiy`, did you mean `identity`?\nThere are identity, ";
    assert!(stderr(&unknown).starts_with(said), "{unknown:?}");
    let denied = application.run_as("monitor", "monitor", &["ask", "stop", "chat-1"]).await;
    assert!(stderr(&denied).contains("needs a user of level 1"), "{denied:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stopped_or_killed_by_its_id_leaves_the_list_and_can_be_started_again() {
    let application = Application::start().await;
    for command in [["stop", "chat-1"], ["kill", "chat-2"]] {
        let output = application.run(&command).await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let ids = |output: &Output| {
        stdout(output)
            .lines()
            .skip(1)
            .map(|line| line.split_whitespace().next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&application.run(&["list"]).await), ["master-1"]);
    let output = application.run(&["restart", "chat-1"]).await;
    assert!(stdout(&output).contains("no-such-program"), "it was tried: {output:?}");
    let list = application.run(&["list"]).await;
    assert_eq!(list.status.code(), Some(1));
    assert!(stdout(&list).contains("chat-1 is down: cannot run"), "{list:?}");
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
