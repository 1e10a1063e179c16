//! Checks of the program's output.

use std::fs::OpenOptions;
use std::net::{SocketAddr, TcpListener};
use std::panic::catch_unwind;
use std::process::{Child, Command, Output, Stdio};

use serde_json::json;

use super::support::{connect, soon};

/// What makes a container of a process; its parent takes it along when it is killed.
const CONTAINER: [&str; 4] = ["--pid", "--fork", "--mount-proc", "--kill-child"];

const CHECKS: &[(&str, fn())] = &[
    ("a_stop_in_time_is_a_success", a_stop_in_time_is_a_success),
    ("a_stop_before_all_has_started_is_a_success", a_stop_before_all_has_started_is_a_success),
    (
        "a_stop_whose_threads_are_all_blocked_ends_the_process",
        a_stop_whose_threads_are_all_blocked_ends_the_process,
    ),
    ("a_stop_that_is_too_slow_says_what_it_waited_for", a_stop_that_is_too_slow_says_what_it_waited_for),
    ("a_server_that_fails_ends_its_process_and_says_why", a_server_that_fails_ends_its_process_and_says_why),
    ("a_full_log_stops_nothing", a_full_log_stops_nothing),
    (
        "as_the_first_process_of_a_container_it_buries_orphans_and_stops_on_sigterm",
        as_the_first_process_of_a_container_it_buries_orphans_and_stops_on_sigterm,
    ),
];

/// Runs those whose name has the first argument in it, as a test harness does.
pub(super) fn run() {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    let wanted = CHECKS.iter().filter(|(name, _)| name.contains(&filter));
    let failed: Vec<_> = wanted.filter(|(name, check)| !passes(name, *check)).map(|(name, _)| name).collect();
    assert!(failed.is_empty(), "failed: {failed:?}");
}

fn passes(name: &str, check: fn()) -> bool {
    let ok = catch_unwind(check).is_ok();
    println!("test {name} ... {}", if ok { "ok" } else { "FAILED" });
    ok
}

/// A process of the program, and where its frontend listens. It is killed if a check fails.
struct Program {
    child: Option<Child>,
    address: SocketAddr,
}

impl Program {
    fn start(out: impl Fn() -> Stdio) -> Self {
        Self::start_by(Command::new(std::env::current_exe().unwrap()), out)
    }

    /// As the first process of a container.
    fn start_first() -> Self {
        let mut command = Command::new("unshare");
        command.args(CONTAINER).arg(std::env::current_exe().unwrap());
        Self::start_by(command, Stdio::piped)
    }

    fn start_by(mut command: Command, out: impl Fn() -> Stdio) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        command.env("PROGRAM_PORT", port.to_string()).stdin(Stdio::null()).stdout(out()).stderr(out());
        Self { child: Some(command.spawn().unwrap()), address: ([127, 0, 0, 1], port).into() }
    }

    fn terminate(&self) {
        self.terminate_pid(&self.child.as_ref().unwrap().id().to_string());
    }

    /// The program itself, where what was started is its parent.
    fn terminate_child(&self) {
        let id = self.child.as_ref().unwrap().id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        self.terminate_pid(children.trim());
    }

    fn terminate_pid(&self, id: &str) {
        assert!(Command::new("kill").args(["-TERM", id]).status().unwrap().success());
    }

    /// What it said and how it ended, by itself.
    async fn end(mut self) -> Output {
        let child = self.child.take().unwrap();
        let (id, ended) = (child.id(), tokio::task::spawn_blocking(|| child.wait_with_output()));
        let output = tokio::time::timeout(std::time::Duration::from_secs(60), ended).await;
        if output.is_err() {
            // Else the thread that waits for it would keep this process.
            let _ = Command::new("kill").args(["-KILL", &id.to_string()]).status();
        }
        output.expect("the process to end").unwrap().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn block_on(check: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(check);
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn a_stop_in_time_is_a_success() {
    block_on(async {
        let program = Program::start(Stdio::piped);
        let client = connect(program.address).await;
        assert_eq!(client.request("connector.entryHandler.ping", json!({})).await, json!("pong"));
        program.terminate();
        assert_eq!(client.end().await, None);
        let output = program.end().await;
        assert!(output.status.success(), "{output:?}");
    });
}

fn a_stop_before_all_has_started_is_a_success() {
    block_on(async {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(super::program::NEVER_STARTED, "1");
        let program = Program::start_by(command, Stdio::piped);
        let client = connect(program.address).await;
        assert_eq!(client.request("connector.entryHandler.ping", json!({})).await, json!("pong"));
        program.terminate();
        assert_eq!(client.end().await, None);
        let output = program.end().await;
        assert!(output.status.success(), "{output:?}");
    });
}

fn a_stop_whose_threads_are_all_blocked_ends_the_process() {
    block_on(async {
        let program = Program::start(Stdio::piped);
        let client = connect(program.address).await;
        // Two come in one read, so that the only thread is blocked when the answer to the first is there.
        let ids = client
            .send_all([
                ("connector.entryHandler.ping", json!({})),
                ("connector.entryHandler.block", json!({})),
            ])
            .await;
        // The answer may never be written.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), client.response(ids[0])).await;
        program.terminate();
        let output = program.end().await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(said(&output).contains("all threads of the program were blocked for 1s"), "{output:?}");
    });
}

fn a_stop_that_is_too_slow_says_what_it_waited_for() {
    block_on(async {
        let program = Program::start(Stdio::piped);
        let client = connect(program.address).await;
        client.request("connector.entryHandler.hook", json!({})).await;
        client.send("connector.entryHandler.stick", json!({})).await;
        // Another session is served meanwhile, so the messages before have begun.
        let other = connect(program.address).await;
        assert_eq!(other.request("connector.entryHandler.ping", json!({})).await, json!("pong"));
        program.terminate();
        let output = program.end().await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = said(&output);
        for part in ["connector-1 stopped too slowly", "message connector.entryHandler.stick of session"] {
            assert!(said.contains(part), "{part}: {output:?}");
        }
    });
}

fn a_server_that_fails_ends_its_process_and_says_why() {
    block_on(async {
        let program = Program::start(Stdio::piped);
        let client = connect(program.address).await;
        client.send("connector.entryHandler.fail", json!({})).await;
        soon(client.end()).await;
        let output = program.end().await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(said(&output).contains("the world is lost"), "{output:?}");
    });
}

/// Where a full disk is both stdout and stderr, as in a container or under a master.
fn a_full_log_stops_nothing() {
    block_on(async {
        let program = Program::start(|| OpenOptions::new().write(true).open("/dev/full").unwrap().into());
        for _ in 0..3 {
            let client = connect(program.address).await;
            for _ in 0..3 {
                assert_eq!(client.request("connector.entryHandler.ping", json!({})).await, json!("pong"));
            }
            client.close().await;
        }
        program.terminate();
        assert!(program.end().await.status.success());
    });
}

fn as_the_first_process_of_a_container_it_buries_orphans_and_stops_on_sigterm() {
    let tried = Command::new("unshare").args(CONTAINER).arg("true").output();
    if !tried.as_ref().is_ok_and(|output| output.status.success()) {
        println!("skipped: this machine makes no container here: {tried:?}");
        return;
    }
    block_on(async {
        let program = Program::start_first();
        let client = connect(program.address).await;
        let orphan = client.request("connector.entryHandler.orphan", json!({})).await;
        soon(async {
            while client.request("connector.entryHandler.isThere", json!({ "pid": orphan })).await
                == json!(true)
            {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        })
        .await;
        program.terminate_child();
        assert_eq!(client.end().await, None);
        let output = program.end().await;
        assert!(output.status.success(), "{output:?}");
    });
}
