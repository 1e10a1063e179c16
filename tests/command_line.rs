//! The `pomelo` command-line tool, run as people run it.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The tool, with these arguments and none of the caller's settings.
fn pomelo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo"));
    command.args(arguments).stdin(Stdio::null());
    for variable in ["POMELO_PASSWORD", "POMELO_ENV", "POMELO_CONFIG", "CARGO_TARGET_DIR"] {
        command.env_remove(variable);
    }
    command
}

fn run(arguments: &[&str]) -> Output {
    pomelo(arguments).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// A port on which nothing listens: it was free a moment ago.
fn unused_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

#[test]
fn without_a_master_every_command_says_where_it_looked_and_what_to_do() {
    let port = unused_port();
    for command in [
        &["list"][..],
        &["show", "chat-1"],
        &["stop"],
        &["kill"],
        &["restart"],
        &["log", "chat-1"],
        &["add", "id=a", "serverType=chat", "host=127.0.0.1", "port=1"],
    ] {
        let output = run(&[command, &["-P", &port]].concat());
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert_eq!(stdout(&output), "", "{command:?}");
        let said = stderr(&output);
        assert!(said.contains(&format!("127.0.0.1:{port}")), "{said}");
        assert!(said.contains("Is the application running? Start it with `pomelo start`"), "{said}");
    }
}

#[test]
fn the_password_is_in_no_output() {
    let port = unused_port();
    let mut command = pomelo(&["list", "-P", &port]);
    let by_variable = command.env("POMELO_PASSWORD", "open-sesame").output().unwrap();
    let help = pomelo(&["list", "--help"]).env("POMELO_PASSWORD", "open-sesame").output().unwrap();
    for output in [by_variable, help, run(&["list", "-P", &port, "-p", "open-sesame"])] {
        assert!(!stdout(&output).contains("open-sesame"), "{output:?}");
        assert!(!stderr(&output).contains("open-sesame"), "{output:?}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in
        [&["lsit"][..], &[], &["show"], &["add", "id=a"], &["add", "nonsense"], &["list", "-P", "x"]]
    {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    }
    let output = run(&["add", "id=a", "host=127.0.0.1", "port=1"]);
    assert_eq!(stderr(&output), "pomelo: Miss necessary server parameters. These are missing: serverType\n");
}

#[test]
fn what_people_type_at_pomelo_is_understood() {
    let version = run(&["version"]);
    assert_eq!(stdout(&version), stdout(&run(&["--version"])));
    let port = unused_port();
    for arguments in
        [&["stop", "--force"][..], &["stop", "-f", "chat-1"], &["kill", "--force"], &["kill", "-f"]]
    {
        let output = run(&[arguments, &["-P", &port]].concat());
        assert!(stderr(&output).contains("Is the application running?"), "{arguments:?}: {output:?}");
    }
    for arguments in [&["masterha"][..], &["masterha", "-d", "."]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1));
        for part in ["no `masterha` here", "Servers go on when the master dies", "Restart=on-failure"] {
            assert!(stderr(&output).contains(part), "{output:?}");
        }
    }
    let refused = run(&["start", "production", "-e", "development"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
}

#[test]
fn init_makes_a_project_in_an_empty_directory_only() {
    let dir = TempDir::new().unwrap();
    let project = dir.path().join("Hello World");
    let path = project.to_str().unwrap();
    let output = run(&["init", path]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(stdout(&output).contains("cargo run"), "{output:?}");
    let manifest = fs::read_to_string(project.join("game-server/Cargo.toml")).unwrap();
    let manifest: toml::Table = toml::from_str(&manifest).unwrap();
    assert_eq!(manifest["package"]["name"].as_str(), Some("hello-world"));
    let page = fs::read_to_string(project.join("web-server/public/index.html")).unwrap();
    assert!(page.contains("<strong>hello-world</strong>"));

    let changed = project.join("game-server/src/main.rs");
    fs::write(&changed, "mine").unwrap();
    let output = run(&["init", path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("is not empty"), "{output:?}");
    assert!(stderr(&output).contains("--force"), "{output:?}");
    assert_eq!(fs::read_to_string(&changed).unwrap(), "mine");

    let output = run(&["init", path, "--force", "--connector", "tcp", "--name", "other"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(fs::read_to_string(&changed).unwrap().contains("Hybrid"));
}

#[test]
fn init_takes_pomelo_from_where_it_is_told() {
    let dir = TempDir::new().unwrap();
    for (index, (arguments, wanted)) in [
        (["--pomelo-path", env!("CARGO_MANIFEST_DIR")], format!("path = \"{}\"", env!("CARGO_MANIFEST_DIR"))),
        (["--pomelo-git", "https://example.org/p.git"], "git = \"https://example.org/p.git\"".to_owned()),
        (["--pomelo-version", "0.1"], "version = \"0.1\"".to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        let project = dir.path().join(index.to_string());
        let output = run(&[&["init", project.to_str().unwrap()][..], &arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let manifest = fs::read_to_string(project.join("game-server/Cargo.toml")).unwrap();
        assert!(manifest.contains(&wanted), "{manifest}");
    }
    let output = run(&["init", "x", "--pomelo-path", dir.path().to_str().unwrap()]);
    assert!(stderr(&output).contains("has no Cargo.toml of pomelo-rs"), "{output:?}");
}

#[test]
fn start_without_a_binary_says_where_it_looked() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("Cargo.toml"), "[package]\nname = \"arena\"\n").unwrap();
    let output = run(&["start", "-d", dir.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    for part in ["target/release/arena", "target/debug/arena", "bin/arena", "cargo build", "--bin PATH"] {
        assert!(said.contains(part), "{said}");
    }
}

/// The application is a shell that is called by another name: `start` is a script to it, which lies in its directory.
#[cfg(unix)]
#[test]
fn start_runs_the_binary_in_its_directory_and_ends_as_it_ends() {
    let dir = TempDir::new().unwrap();
    let place = fs::canonicalize(dir.path()).unwrap();
    let release = place.join("target/release");
    fs::create_dir_all(&release).unwrap();
    fs::write(place.join("Cargo.toml"), "[package]\nname = \"arena\"\n").unwrap();
    fs::write(place.join("start"), "pwd -P\necho \"$@\"\nexit 7\n").unwrap();
    std::os::unix::fs::symlink("/bin/sh", release.join("arena")).unwrap();
    let directory = place.to_str().unwrap();
    for given in [&[][..], &["--bin", "/bin/sh"]] {
        let output = run(&[&["start", "-d", directory, "production", "-t", "chat", "-D"], given].concat());
        assert_eq!(stdout(&output), format!("{directory}\n--env production --type chat --daemon\n"));
        assert_eq!(output.status.code(), Some(7));
    }
}
