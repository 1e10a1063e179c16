//! Checks of what the tool does by one of the servers.

use std::panic::catch_unwind;
use std::process::Output;
use std::thread;

use serde_json::json;

use super::cluster::Cluster;

const CHECKS: &[(&str, fn())] = &[
    ("one_server_shows_them_all", one_server_shows_them_all),
    ("each_refusal_is_one_clear_error", each_refusal_is_one_clear_error),
    (
        "a_server_that_does_not_answer_is_named_and_the_others_are_shown",
        a_server_that_does_not_answer_is_named_and_the_others_are_shown,
    ),
    ("a_stop_is_a_success_and_the_list_says_who_is_down", a_stop_is_a_success_and_the_list_says_who_is_down),
    ("a_restart_is_for_whoever_supervises_the_process", a_restart_is_for_whoever_supervises_the_process),
    ("a_stop_of_all_ends_the_server_that_was_asked_last", a_stop_of_all_ends_the_server_that_was_asked_last),
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

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

/// What the tool complains of, without what to do about it.
fn complaint(output: &Output) -> &str {
    let said = std::str::from_utf8(&output.stderr).unwrap();
    said.lines().find(|line| line.starts_with("pomelo: ")).unwrap_or(said)
}

fn one_server_shows_them_all() {
    let cluster = Cluster::start();
    let list = cluster.json(&["list"]);
    let facts = [0, 1].map(|n| (list[n]["id"].clone(), list[n]["state"].clone(), list[n]["pid"].is_u64()));
    assert_eq!(facts, ["chat-1", "chat-2"].map(|id| (json!(id), json!("up"), true)));
    let show = cluster.json(&["show", "chat-2"]);
    assert_eq!((&show["id"], &show["peers"]), (&json!("chat-2"), &json!(["chat-1"])));
    let log = cluster.run(&["log", "chat-2", "-n", "1000"]);
    assert!(stdout(&log).lines().any(|line| line.contains("chat-2")), "{log:?}");

    let open = cluster.run(&["ask", "open", "chat-2", "--body", "\"r1\""]);
    assert_eq!((open.status.code(), stdout(&open)), (Some(0), "chat-2  ok\n"), "{open:?}");
    let rooms = cluster.run(&["ask", "rooms", "-t", "chat"]);
    assert_eq!((rooms.status.code(), stdout(&rooms)), (Some(0), "chat-1  0\nchat-2  1\n"), "{rooms:?}");
}

fn each_refusal_is_one_clear_error() {
    let cluster = Cluster::start();
    let to = &cluster.to;
    let refused = [
        (cluster.run_as("admin", "guessed", &["list"]), format!("pomelo: {to} refused the user `admin`")),
        (cluster.run(&["show", "chat-9"]), "pomelo: there is no server `chat-9`".to_owned()),
        (
            cluster.run(&["ask", "romos"]),
            "pomelo: there is no admin module `romos`, did you mean `rooms`?".to_owned(),
        ),
        (cluster.tool("", &["start"]), "pomelo: there is no master here to start servers".to_owned()),
        (cluster.run(&["kill"]), "pomelo: there is no master here to kill servers".to_owned()),
        (
            cluster.run(&["add", "id=chat-3", "serverType=chat", "host=127.0.0.1", "port=1"]),
            "pomelo: there is no master here to add servers".to_owned(),
        ),
        (
            cluster.run(&["list", "-P", "1"]),
            "pomelo: --to names a server, -h and -P name a master: not both".to_owned(),
        ),
    ];
    for (output, wanted) in refused {
        assert!(!output.status.success() && complaint(&output).starts_with(&wanted), "{wanted}: {output:?}");
    }
    for command in [&["stop"][..], &["restart", "chat-2"], &["ask", "open"], &["ask", "stop"]] {
        let denied = cluster.run_as("monitor", "look-only", command);
        let wanted = "pomelo: permission denied: that needs a user of level 1";
        assert_eq!((denied.status.code(), complaint(&denied)), (Some(1), wanted), "{command:?}: {denied:?}");
    }
    assert!(cluster.run_as("monitor", "look-only", &["list"]).status.success());
}

fn a_server_that_does_not_answer_is_named_and_the_others_are_shown() {
    let cluster = Cluster::start();
    cluster.signal("chat-2", "-STOP");
    let list = cluster.run(&["list"]);
    let asked = cluster.run(&["ask", "rooms", "--timeout", "1"]);
    let log = cluster.run(&["log", "chat-2"]);
    cluster.signal("chat-2", "-CONT");
    assert_eq!(list.status.code(), Some(1), "{list:?}");
    let state = |line: usize| stdout(&list).lines().nth(line).and_then(|line| line.split_whitespace().last());
    assert_eq!(state(1), Some("up"), "{list:?}");
    // Its link is given up after some seconds of silence.
    assert!(matches!(state(2), Some("lost" | "down")), "{list:?}");
    assert!(stdout(&list).lines().any(|line| line.starts_with("chat-2 is ")), "{list:?}");
    assert_eq!(asked.status.code(), Some(1), "{asked:?}");
    assert!(stdout(&asked).contains("chat-1  0\n") && stdout(&asked).contains("chat-2  "), "{asked:?}");
    assert!(complaint(&log).starts_with("pomelo: chat-2 "), "{log:?}");
    cluster.until_up();
}

fn a_stop_is_a_success_and_the_list_says_who_is_down() {
    let mut cluster = Cluster::start();
    let ending = cluster.take("chat-2");
    let stopped = cluster.run(&["stop", "chat-2"]);
    assert_eq!(
        (stopped.status.code(), stdout(&stopped)),
        (Some(0), "ok  chat-2  stopped\nStopped.\n"),
        "{stopped:?}"
    );
    assert_eq!(ending.wait().code(), Some(0), "{}", cluster.logs());
    let list = cluster.run(&["list"]);
    assert_eq!(list.status.code(), Some(1), "{list:?}");
    assert!(stdout(&list).lines().any(|line| line.starts_with("chat-2 is down: ")), "{list:?}");
    let show = cluster.run(&["show", "chat-2"]);
    assert_eq!(complaint(&show), "pomelo: chat-2 could not be asked: chat-2 is down", "{show:?}");
    let again = cluster.run(&["stop", "chat-2"]);
    assert!(stdout(&again).starts_with("ok  chat-2  was down\n"), "{again:?}");
}

fn a_restart_is_for_whoever_supervises_the_process() {
    let mut cluster = Cluster::start();
    let (one, two) = (cluster.take("chat-1"), cluster.take("chat-2"));
    let restarted = thread::scope(|scope| {
        let asking = scope.spawn(|| cluster.run(&["restart", "chat-2"]));
        assert_eq!(two.wait().code(), Some(1), "{}", cluster.logs());
        // What a supervisor does.
        let again = cluster.spawn("chat-2");
        let restarted = asking.join().unwrap();
        (again, restarted)
    });
    let (again, restarted) = restarted;
    cluster.adopt("chat-2", again);
    let said = "ok  chat-2  restarted\nSuccessfully restart server.\n";
    assert_eq!((restarted.status.code(), stdout(&restarted)), (Some(0), said), "{restarted:?}");
    let own = cluster.run(&["restart", "chat-1"]);
    assert!(stdout(&own).starts_with("ok  chat-1  restarts now\n"), "{own:?}");
    assert_eq!(one.wait().code(), Some(1), "{}", cluster.logs());
    assert!(cluster.logs().contains("an operator wants a restart"), "{}", cluster.logs());
    let gone = cluster.run(&["list"]);
    let wanted = format!("pomelo: cannot reach a server on {}: ", cluster.to);
    assert!(complaint(&gone).starts_with(&wanted), "{gone:?}");
    let again = cluster.spawn("chat-1");
    cluster.adopt("chat-1", again);
    cluster.until_up();
}

fn a_stop_of_all_ends_the_server_that_was_asked_last() {
    let mut cluster = Cluster::start();
    let (one, two) = (cluster.take("chat-1"), cluster.take("chat-2"));
    let stopped = cluster.run(&["stop"]);
    let wanted = "ok  chat-2  stopped\nok  chat-1  stops now\nStopped.\n";
    assert_eq!((stopped.status.code(), stdout(&stopped)), (Some(0), wanted), "{stopped:?}");
    assert_eq!([two.wait().code(), one.wait().code()], [Some(0), Some(0)], "{}", cluster.logs());
}
