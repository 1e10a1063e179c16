//! A master and the processes of its servers. A server's process is this test's program again, running `a_server`.
#![cfg(unix)]

mod master_support;

use std::sync::Arc;
use std::time::Duration;

use master_support::{
    Fake, Home, Nature, Serving, admin, all_up, free_port, info, member, soon, states, until_listed,
};
use pomelo_core::cluster::Discovery;
use pomelo_core::value::ServerInfo;
use pomelo_master::{
    Admin, AdminError, Master, MasterDiscovery, MasterSetup, Only, Outcome, ServerState, ServerStatus, Which,
    run,
};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

/// A server's process, when a master starts it: it registers, and leaves when it is told to or gets SIGTERM. What
/// happens it writes to `events`.
#[tokio::test]
#[ignore = "it is started by the other tests"]
async fn a_server() {
    let Ok(id) = std::env::var("TEST_SERVER_ID") else { return };
    let home = std::env::var("TEST_HOME").unwrap();
    let config = pomelo_core::value::config::Config::read(format!("{home}/config"), "development").unwrap();
    let info: Arc<ServerInfo> = match std::env::var("TEST_SERVER_INFO") {
        Ok(entry) if !entry.is_empty() => Arc::new(serde_json::from_str(&entry).unwrap()),
        _ => config.servers.iter().find(|info| info.id == *id).unwrap().clone(),
    };
    let mode = info.setting("mode").and_then(Value::as_str).unwrap_or_default().to_owned();
    assert_ne!(mode, "broken", "this server can't start");
    let events = |what: &str| {
        use std::io::Write;
        let file = std::fs::OpenOptions::new().append(true).create(true).open(format!("{home}/events"));
        // In one write: others write there too.
        file.unwrap().write_all(format!("{what} {id}\n").as_bytes()).unwrap();
    };
    let _port = info.port.map(|port| std::net::TcpListener::bind(("127.0.0.1", port)).unwrap());
    events("start");
    println!("{id} is here");
    let missing = info.setting("missing").and_then(Value::as_str).map(str::to_owned);
    let nature = Nature { missing_links: missing.into_iter().collect(), ..Nature::default() };
    let member = member(info);
    let watcher = Fake::with(member.clone(), nature);
    let place = MasterDiscovery::from_config(&config)
        .unwrap()
        .register_controlled(member, watcher.clone(), watcher.clone())
        .await
        .unwrap();
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    tokio::select! {
        _ = terminate.recv() => {}
        () = watcher.until_stop() => {}
    }
    match &*mode {
        "stubborn" => std::future::pending::<()>().await,
        "slow" => tokio::time::sleep(Duration::from_secs(1)).await,
        _ => {}
    }
    events("stop");
    place.leave().await;
    std::process::exit(0);
}

/// The master's process, when it is started in the background.
#[tokio::test]
#[ignore = "it is started by the other tests"]
async fn a_master() {
    let Ok(home) = std::env::var("TEST_HOME") else { return };
    run(Home::at(&home).setup_with_game()).await.unwrap();
    std::process::exit(0);
}

/// An application on free ports whose program is the one above.
fn application(servers: Value) -> (Home, MasterSetup) {
    let home = Home::new(servers);
    home.master_port(free_port());
    let program = std::env::current_exe().unwrap();
    let script = format!(
        "export TEST_HOME='{0}' TEST_SERVER_ID=\"$2\"\n\
         echo $$ >> \"$TEST_HOME/pids\"\n\
         test \"$5\" = --server-info && export TEST_SERVER_INFO=\"$6\"\n\
         test \"$1\" = start && exec '{1}' a_master --exact --ignored --nocapture\n\
         exec '{1}' a_server \"$2\" --exact --ignored --nocapture\n",
        home.path().display(),
        program.display()
    );
    home.write("game", &script);
    let setup = home.setup_with_game();
    (home, setup)
}

fn chats(more: Value) -> (Home, MasterSetup) {
    let chat = |id: &str| {
        let mut entry = json!({ "id": id, "port": free_port() });
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    application(json!({ "chat": [chat("chat-1"), chat("chat-2")] }))
}

fn events(home: &Home) -> Vec<String> {
    let text = std::fs::read_to_string(home.path().join("events")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The command `start`, in this process.
struct Started {
    running: tokio::task::JoinHandle<pomelo_core::value::Result<()>>,
    admin: Admin,
    address: String,
}

impl Started {
    async fn new(home: &Home, setup: &MasterSetup) -> Self {
        let running = tokio::spawn(run(setup.clone()));
        let config = pomelo_master::MasterConfig::read(&home.config()).unwrap();
        let admin = soon(async {
            loop {
                match Admin::connect(&config.address(), "admin", "admin").await {
                    Ok(admin) => return admin,
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        });
        Self { running, admin: admin.await, address: config.address() }
    }

    async fn all_up(&self) -> Vec<u32> {
        let list = until_listed(&self.admin, all_up).await;
        list.iter().skip(1).map(|server| server.pid.unwrap()).collect()
    }

    async fn stop(self) -> Vec<Outcome> {
        let outcomes = soon(self.admin.stop(&[])).await.unwrap();
        soon(self.running).await.unwrap().unwrap();
        outcomes
    }
}

fn entry(more: Value) -> serde_json::Map<String, Value> {
    let mut entry = json!({ "serverType": "chat", "id": "chat-9", "host": "127.0.0.1", "port": free_port() });
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    entry.as_object().unwrap().clone()
}

fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some((_, fields)) = stat.rsplit_once(") ") else { return false };
    let fields: Vec<_> = fields.split(' ').collect();
    // One that was killed has its ports until the last of its threads has ended.
    !(fields[0] == "Z" && fields[17] == "1")
}

fn signal_to(pid: u32, name: &str) {
    let sent = std::process::Command::new("kill").args([name, &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}

#[tokio::test]
async fn an_application_starts_and_stops_with_its_master() {
    let (home, setup) = chats(json!({}));
    let started = Started::new(&home, &setup).await;
    let pids = started.all_up().await;
    assert_ne!(pids[0], pids[1]);
    let outcomes = started.stop().await;
    let said: Vec<_> = outcomes.iter().map(|outcome| (outcome.id.as_str(), &*outcome.message)).collect();
    assert_eq!(said, [("chat-1", "stopped"), ("chat-2", "stopped"), ("master-server-1", "stops now")]);
    assert!(pids.into_iter().all(|pid| !is_running(pid)));
    let mut events = events(&home);
    events.sort();
    assert_eq!(events, ["start chat-1", "start chat-2", "stop chat-1", "stop chat-2"]);
    let log = std::fs::read_to_string(home.path().join("logs/chat-1.log")).unwrap();
    assert!(log.contains("chat-1 is here"), "{log}");
}

#[tokio::test]
async fn only_what_is_wanted_is_started() {
    let servers = json!({ "chat": [{ "id": "chat-1" }], "area": [{ "id": "area-1" }, { "id": "area-2" }] });
    let (home, mut setup) = application(servers);
    setup.only = Only::Id("area-2".into());
    let started = Started::new(&home, &setup).await;
    until_listed(&started.admin, |list| list[2].state == ServerState::Up).await;
    started.stop().await;
    assert_eq!(events(&home), ["start area-2", "stop area-2"]);

    for (only, missing) in
        [(Only::Id("area-7".into()), "server `area-7`"), (Only::Type("gate".into()), "server of type `gate`")]
    {
        setup.only = only;
        let refused = soon(run(setup.clone())).await.unwrap_err();
        let missing = format!("servers.json: there is no {missing} in the environment `development`");
        assert!(refused.message().ends_with(&missing), "{refused}");
    }
}

#[tokio::test]
async fn a_restart_has_each_server_up_before_the_next_is_stopped() {
    let (home, setup) = chats(json!({}));
    let started = Started::new(&home, &setup).await;
    let before = started.all_up().await;
    let outcomes = soon(started.admin.restart(Which::Type("chat".into()))).await.unwrap();
    assert!(outcomes.len() == 2 && outcomes.iter().all(|outcome| outcome.ok), "{outcomes:?}");
    let restarted = ["stop chat-1", "start chat-1", "stop chat-2", "start chat-2"];
    assert_eq!(events(&home)[2..], restarted);
    let after = started.all_up().await;
    assert!(before.iter().all(|pid| !after.contains(pid)));
    soon(started.admin.stop(&["chat-2".into()])).await.unwrap();
    let outcomes = soon(started.admin.restart(Which::Ids(vec!["chat-2".into()]))).await.unwrap();
    assert!(outcomes[0].ok, "one that was stopped is started: {outcomes:?}");
    started.stop().await;
}

#[tokio::test]
async fn a_server_that_is_added_gets_its_entry_and_is_known_to_all() {
    let (home, setup) = chats(json!({}));
    let started = Started::new(&home, &setup).await;
    started.all_up().await;
    let entry = json!({ "serverType": "chat", "id": "chat-3", "host": "127.0.0.1", "port": free_port() });
    let outcomes = soon(started.admin.add(entry.as_object().unwrap().clone())).await.unwrap();
    assert!(outcomes.len() == 1 && outcomes[0].ok, "{outcomes:?}");
    let entry =
        json!({ "serverType": "area", "clusterCount": 2, "host": "127.0.0.1", "clientPort": "", "port": "" });
    let wrong = soon(started.admin.add(entry.as_object().unwrap().clone())).await.unwrap_err();
    assert!(wrong.to_string().contains(r#"area[0].port: found "", expected a port"#), "{wrong}");
    let ids = ["chat-1", "chat-2", "chat-3"];
    let list = until_listed(&started.admin, all_up).await;
    assert!(list.iter().skip(1).map(|server| server.id.as_str()).eq(ids));
    started.stop().await;
    assert_eq!(events(&home).iter().filter(|event| *event == "stop chat-3").count(), 1);
}

#[tokio::test]
async fn a_server_that_was_only_added_and_is_down_is_started_by_its_id() {
    let (home, setup) = chats(json!({}));
    let started = Started::new(&home, &setup).await;
    started.all_up().await;
    let entry = json!({ "serverType": "chat", "id": "chat-3", "host": "127.0.0.1", "port": free_port() });
    soon(started.admin.add(entry.as_object().unwrap().clone())).await.unwrap();
    let only = || MasterSetup { only: Only::Id("chat-3".into()), config: home.config(), ..setup.clone() };
    let list = until_listed(&started.admin, all_up).await;
    soon(run(only())).await.unwrap();
    let again = until_listed(&started.admin, all_up).await;
    let pid = |list: &[ServerStatus]| {
        list.iter().find(|server| server.id == *"chat-3").and_then(|server| server.pid)
    };
    assert_eq!(pid(&again), pid(&list), "one that is up is left alone");

    let killed =
        std::process::Command::new("kill").args(["-9", &pid(&list).unwrap().to_string()]).status().unwrap();
    assert!(killed.success());
    until_listed(&started.admin, |list| list.iter().any(|server| server.state == ServerState::Down)).await;
    soon(run(only())).await.unwrap();
    let after = until_listed(&started.admin, all_up).await;
    assert!(pid(&after).is_some() && pid(&after) != pid(&list), "{after:?}");
    started.stop().await;
}

#[tokio::test]
async fn an_add_that_fails_moves_no_room_and_leaves_nothing_in_the_way() {
    let (home, mut setup) = chats(json!({}));
    setup.limits.adopt = Duration::from_millis(300);
    setup.limits.start = Duration::from_secs(3);
    let started = Started::new(&home, &setup).await;
    started.all_up().await;
    let config = pomelo_master::MasterConfig::read(&home.config()).unwrap();
    let witness = Serving::start(&home.monitor(config.address()), info("area-1", "area")).await.unwrap();
    let stranger = std::net::TcpListener::bind(("127.0.0.1", free_port())).unwrap();
    let taken = stranger.local_addr().unwrap().port();
    for (wrong, why) in [
        (json!({ "port": taken }), format!("the `port` {taken} of chat-9 is taken on 127.0.0.1")),
        (json!({ "mode": "broken" }), "it ended (exit status: 101)".to_owned()),
        // Whoever runs it, and whatever its restart is, it was never up.
        (json!({ "mode": "broken", "auto-restart": true }), "it ended (exit status: 101)".to_owned()),
        (json!({ "host": "no-such-host.invalid" }), "it ended (exit status: ".to_owned()),
        (json!({ "missing": "chat-1" }), "partly linked, no link to chat-1 for ".to_owned()),
    ] {
        let outcomes = soon(started.admin.add(entry(wrong.clone()))).await.unwrap();
        assert!(!outcomes[0].ok && outcomes[0].message.starts_with(&why), "{wrong}: {outcomes:?}");
        assert!(outcomes[0].message.ends_with("; it is not added"), "{wrong}: {outcomes:?}");
        let ids: Vec<_> = states(&started.admin).await.into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, ["area-1", "chat-1", "chat-2"], "{wrong}");
        let log = started.admin.log("chat-9", 1).await;
        assert!(!matches!(log, Err(AdminError::UnknownServer(_))), "its log may be of use: {log:?}");
    }
    assert!(!witness.watcher.told().ever_expected.contains("chat-9"));

    // A new master knows no more of it.
    started.running.abort();
    let _ = started.running.await;
    let started = Started::new(&home, &setup).await;
    until_listed(&started.admin, |list| all_up(list) && list.len() == 4).await;
    assert!(!witness.watcher.told().ever_expected.contains("chat-9"));
    assert!(soon(started.admin.add(entry(json!({})))).await.unwrap()[0].ok);
    let all = ["area-1", "chat-1", "chat-2", "chat-9"];
    witness.watcher.until_expecting(&all).await;
    let again = soon(started.admin.add(entry(json!({})))).await.unwrap_err();
    assert_eq!(again.to_string(), "the server to add: there is a server `chat-9` already");

    // What was up stays expected when it dies, and not when it is stopped for good.
    let pid = until_listed(&started.admin, all_up).await[4].pid.unwrap();
    signal_to(pid, "-KILL");
    let list = until_listed(&started.admin, |list| list[4].state == ServerState::Down).await;
    assert!(list[4].trouble.as_ref().unwrap().starts_with("it ended (signal: 9 (SIGKILL)"), "{list:?}");
    assert_eq!(witness.watcher.told().expected, all);
    let again = soon(started.admin.add(entry(json!({})))).await.unwrap_err();
    assert!(
        again.to_string().contains("`restart chat-9` starts it, and `stop chat-9` frees its id"),
        "{again}"
    );
    soon(started.admin.stop(&["chat-9".into()])).await.unwrap();
    witness.watcher.until_expecting(&all[..3]).await;
    assert!(soon(started.admin.add(entry(json!({})))).await.unwrap()[0].ok, "its id is free");
    assert!(soon(started.admin.kill_these(&["chat-9".into()])).await.unwrap()[0].ok);
    witness.watcher.until_expecting(&all[..3]).await;
    soon(witness.place.leave()).await;
    started.stop().await;
}

#[tokio::test]
async fn of_a_cluster_that_is_added_those_that_fail_leave_their_numbers() {
    let (home, mut setup) = chats(json!({}));
    setup.limits.adopt = Duration::from_millis(300);
    let started = Started::new(&home, &setup).await;
    started.all_up().await;
    let ports: Vec<_> = std::iter::repeat_with(free_port).take(200).collect();
    let first = ports.iter().find(|port| (1..3).all(|n| ports.contains(&(**port + n)))).copied().unwrap();
    let stranger = std::net::TcpListener::bind(("127.0.0.1", first + 1)).unwrap();
    let cluster = |count, port: u16| {
        let entry = json!({ "serverType": "chat", "clusterCount": count, "host": "127.0.0.1", "port": format!("{port}++") });
        entry.as_object().unwrap().clone()
    };
    let outcomes = soon(started.admin.add(cluster(3, first))).await.unwrap();
    let ok: Vec<_> = outcomes.iter().map(|outcome| (&*outcome.id, outcome.ok)).collect();
    let ids = ["cluster-server-chat-1", "cluster-server-chat-2", "cluster-server-chat-3"];
    assert_eq!(ok, [(ids[0], true), (ids[1], false), (ids[2], true)], "{outcomes:?}");
    drop(stranger);
    let outcomes = soon(started.admin.add(cluster(1, first + 1))).await.unwrap();
    assert!(outcomes[0].ok && outcomes[0].id == ids[1], "{outcomes:?}");
    started.all_up().await;
    started.stop().await;
}

#[tokio::test]
async fn a_server_of_the_configuration_that_cannot_start_is_expected_by_nobody_and_can_be_replaced() {
    let (home, setup) = application(json!({
        "chat": [{ "id": "chat-1", "port": free_port() }, { "id": "chat-9", "port": free_port(), "mode": "broken" }]
    }));
    let started = Started::new(&home, &setup).await;
    soon(started.admin.started()).await.unwrap();
    let config = pomelo_master::MasterConfig::read(&home.config()).unwrap();
    let witness = Serving::start(&home.monitor(config.address()), info("area-1", "area")).await.unwrap();
    witness.watcher.until_expecting(&["area-1", "chat-1"]).await;
    // Neither does a new master expect it that has nobody start anything.
    started.running.abort();
    let _ = started.running.await;
    let master = Master::start(&setup).await.unwrap();
    let admin = admin(&master).await;
    until_listed(&admin, |list| list[1].state == ServerState::Up && list[2].state == ServerState::Up).await;
    assert_eq!(witness.watcher.told().expected, ["area-1", "chat-1"]);
    assert!(soon(admin.add(entry(json!({})))).await.unwrap()[0].ok, "the entry is corrected");
    witness.watcher.until_expecting(&["area-1", "chat-1", "chat-9"]).await;
    let outcomes = soon(admin.restart(Which::Ids(vec!["chat-9".into()]))).await.unwrap();
    assert!(outcomes[0].ok, "as it was corrected: {outcomes:?}");
    soon(witness.place.leave()).await;
    soon(admin.kill()).await.unwrap();
}

/// Gives an order and is gone before it is carried out.
async fn order_and_leave(
    started: &Started,
    order: impl AsyncFnOnce(Admin),
    is_begun: impl Fn(&[ServerState]) -> bool,
) {
    let operator = Admin::connect(&started.address, "admin", "admin").await.unwrap();
    let states =
        |list: &[ServerStatus]| is_begun(&list.iter().map(|server| server.state).collect::<Vec<_>>());
    tokio::select! {
        () = order(operator) => panic!("it was carried out too soon for this test"),
        _ = until_listed(&started.admin, states) => {}
    }
}

#[tokio::test]
async fn a_stop_or_kill_whose_operator_goes_away_is_carried_out_to_the_end_of_the_master() {
    for kill in [false, true] {
        let (home, setup) = chats(json!({ "mode": "slow" }));
        let started = Started::new(&home, &setup).await;
        let pids = started.all_up().await;
        let order = async move |admin: Admin| {
            let _ = if kill { admin.kill().await } else { admin.stop(&[]).await };
        };
        order_and_leave(&started, order, |states| states.contains(&ServerState::Stopping)).await;
        soon(started.running).await.unwrap().unwrap();
        assert!(pids.into_iter().all(|pid| !is_running(pid)));
    }
}

#[tokio::test]
async fn a_restart_or_add_whose_operator_goes_away_is_carried_out() {
    let (home, setup) = chats(json!({ "mode": "slow" }));
    let started = Started::new(&home, &setup).await;
    let before = started.all_up().await;
    let order = async |admin: Admin| drop(admin.restart(Which::Type("chat".into())).await);
    order_and_leave(&started, order, |states| states.contains(&ServerState::Stopping)).await;
    let are_others = |list: &[ServerStatus]| {
        list.iter().skip(1).all(|server| server.pid.is_some_and(|pid| !before.contains(&pid)))
    };
    until_listed(&started.admin, |list| all_up(list) && are_others(list)).await;

    let entry =
        json!({ "serverType": "chat", "clusterCount": 2, "host": "127.0.0.1", "clientPort": free_port() });
    let order = async move |admin: Admin| drop(admin.add(entry.as_object().unwrap().clone()).await);
    order_and_leave(&started, order, |states| states.len() == 5).await;
    until_listed(&started.admin, |list| list[3..].iter().all(|server| server.state == ServerState::Up)).await;
    started.stop().await;
}

#[tokio::test]
async fn a_stop_of_all_during_a_restart_is_the_last_word() {
    let (home, setup) = chats(json!({ "mode": "slow" }));
    let started = Started::new(&home, &setup).await;
    started.all_up().await;
    let restarting = {
        let admin = Admin::connect(&started.address, "admin", "admin").await.unwrap();
        tokio::spawn(async move { admin.restart(Which::Type("chat".into())).await })
    };
    until_listed(&started.admin, |list| list[1].state == ServerState::Stopping).await;
    started.stop().await;
    // It fails, or the master was gone before it could say so.
    let _ = soon(restarting).await.unwrap();
    let starts = events(&home).iter().filter(|event| event.starts_with("start")).count();
    assert_eq!(starts, 2, "none was started again");
}

#[tokio::test]
async fn a_start_of_some_beside_a_master_that_runs_is_done_by_that_one() {
    let (home, setup) = chats(json!({}));
    let started = Started::new(&home, &setup).await;
    let before = started.all_up().await;
    soon(started.admin.stop(&["chat-2".into()])).await.unwrap();
    let only = |only: Only| {
        let config = home.config();
        MasterSetup { only, config, ..setup.clone() }
    };
    soon(run(only(Only::Id("chat-2".into())))).await.unwrap();
    let after = started.all_up().await;
    assert!(after[0] == before[0] && after[1] != before[1], "{before:?} {after:?}");
    for of_type in [Only::Type("chat".into()), Only::Id("chat-1".into())] {
        soon(run(only(of_type))).await.unwrap();
    }
    assert_eq!(started.all_up().await, after, "those that are up are left alone");

    // servers.json has grown since the master began.
    let servers: Vec<_> =
        home.config().servers.iter().map(|info| serde_json::to_value(info).unwrap()).collect();
    let grown = |more: Value| json!({ "chat": servers, "area": [more] }).to_string();
    home.write(
        "config/servers.json",
        &grown(json!({ "id": "area-1", "port": free_port(), "mode": "broken" })),
    );
    let failed = soon(run(only(Only::Id("area-1".into())))).await.unwrap_err();
    assert_eq!(failed.message(), "1 of 1 servers failed");
    home.write("config/servers.json", &grown(json!({ "id": "area-1", "port": free_port() })));
    soon(run(only(Only::Type("area".into())))).await.unwrap();
    assert_eq!(states(&started.admin).await[0], ("area-1".to_owned(), ServerState::Up));
    let unknown = soon(run(only(Only::Id("area-7".into())))).await.unwrap_err();
    let expected = "servers.json: there is no server `area-7` in the environment `development`";
    assert!(unknown.message().ends_with(expected), "{unknown}");
    started.stop().await;
}

#[tokio::test]
async fn a_start_waits_for_the_links_of_servers_and_says_which_are_missing() {
    let chat = json!([{ "id": "chat-1", "port": free_port() }, { "id": "chat-2", "port": free_port(), "missing": "chat-1" }]);
    let (home, mut setup) = application(json!({ "chat": chat }));
    setup.limits.start = Duration::from_secs(2);
    setup.daemon = true;
    let master = Master::start(&MasterSetup { daemon: false, ..setup.clone() }).await.unwrap();
    let admin = admin(&master).await;
    for id in ["chat-1", "chat-2"] {
        let outcomes = soon(admin.restart(Which::Ids(vec![id.into()]))).await.unwrap();
        let log = home.path().join(format!("logs/{id}.log"));
        match id {
            "chat-1" => assert!(outcomes[0].ok, "{outcomes:?}"),
            _ => {
                let said = outcomes[0].message.replace("for 2 s", "for 1 s");
                let wanted =
                    format!("unreachable, no link to chat-1 for 1 s after 2s; its log is {}", log.display());
                assert_eq!((outcomes[0].ok, said), (false, wanted));
            }
        }
    }
    soon(admin.kill()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_dies_is_started_again_where_it_should_be() {
    let (home, setup) = chats(json!({ "auto-restart": "true" }));
    let started = Started::new(&home, &setup).await;
    let before = started.all_up().await;
    signal_to(before[0], "-KILL");
    let list = until_listed(&started.admin, |list| all_up(list) && list[1].pid != Some(before[0])).await;
    assert_eq!(list[2].pid, Some(before[1]));
    started.stop().await;
    assert_eq!(events(&home).iter().filter(|event| *event == "start chat-1").count(), 2);
}

#[tokio::test]
async fn a_server_that_dies_stays_down_where_it_should_not_be_started_again() {
    let (home, setup) = chats(json!({}));
    let started = Started::new(&home, &setup).await;
    let before = started.all_up().await;
    let config = pomelo_master::MasterConfig::read(&home.config()).unwrap();
    let witness = Serving::start(&home.monitor(config.address()), info("area-1", "area")).await.unwrap();
    signal_to(before[0], "-KILL");
    witness.watcher.until(|told| told.gone.iter().any(|(id, _)| *id == *"chat-1")).await;
    assert!(witness.watcher.told().expected.contains(&"chat-1".to_owned()), "it is expected all the same");
    let list = started.admin.list().await.unwrap();
    assert_eq!((list[2].id.as_str(), list[2].state), ("chat-1", ServerState::Down));
    started.stop().await;
}

#[tokio::test]
async fn a_new_master_adopts_the_servers_of_one_that_was_killed() {
    let (home, setup) = chats(json!({}));
    let started = Started::new(&home, &setup).await;
    let before = started.all_up().await;
    // As by SIGKILL: nothing of it runs any more, and nobody was told.
    started.running.abort();
    let _ = started.running.await;

    let started = Started::new(&home, &setup).await;
    assert_eq!(started.all_up().await, before);
    let outcomes = started.stop().await;
    assert!(outcomes.iter().all(|outcome| outcome.ok), "{outcomes:?}");
    assert!(before.into_iter().all(|pid| !is_running(pid)));
    assert_eq!(events(&home).iter().filter(|event| event.starts_with("start")).count(), 2);
}

#[tokio::test]
async fn what_cannot_be_started_is_said_with_its_log_and_last_words() {
    let (home, setup) = application(json!({ "chat": [{ "id": "chat-1", "mode": "broken" }] }));
    let master = Master::start(&setup).await.unwrap();
    let failed = soon(admin(&master).await.restart(Which::Ids(vec!["chat-1".into()]))).await.unwrap();
    let log = home.path().join("logs/chat-1.log");
    assert!(!failed[0].ok);
    assert!(failed[0].message.starts_with("it ended (exit status: 101), last saying `"), "{failed:?}");
    assert!(failed[0].message.ends_with(&format!("; its log is {}", log.display())), "{failed:?}");
    let lines = admin(&master).await.log("chat-1", 100).await.unwrap();
    assert!(lines.iter().any(|line| line.contains("this server can't start")), "{lines:?}");
}

#[tokio::test]
async fn a_port_that_a_stranger_has_is_said_and_the_rest_of_a_restart_left_alone() {
    let (home, mut setup) = chats(json!({}));
    setup.limits.adopt = Duration::from_millis(300);
    let port = home.info("chat-1").port.unwrap();
    let stranger = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let master = Master::start(&setup).await.unwrap();
    let admin = admin(&master).await;
    let outcomes = soon(admin.restart(Which::Type("chat".into()))).await.unwrap();
    let expected = format!("the `port` {port} of chat-1 is taken on 127.0.0.1 by ");
    assert!(outcomes[0].message.starts_with(&expected), "{outcomes:?}");
    assert_eq!((outcomes.len(), &*outcomes[1].message), (2, "left as it was, since chat-1 failed"));
    drop(stranger);
    assert!(soon(admin.restart(Which::Ids(vec!["chat-1".into()]))).await.unwrap()[0].ok);
    soon(admin.kill()).await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn where_somebody_has_a_port_nothing_is_started_and_who_has_it_is_told() {
    let (home, setup) = chats(json!({}));
    let port = home.info("chat-2").port.unwrap();
    let _stranger = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    for daemon in [false, true] {
        let refused = soon(run(MasterSetup { daemon, ..setup.clone() })).await.unwrap_err();
        let expected = format!(
            "the `port` {port} of chat-2 is taken on 127.0.0.1 by the process {} (`",
            std::process::id()
        );
        assert!(refused.message().starts_with(&expected), "{refused}");
    }
    assert_eq!(events(&home), [""; 0]);
}

#[tokio::test]
async fn where_a_type_has_no_token_nothing_is_started_and_the_entry_that_is_missing_is_told() {
    let (home, setup) = application(json!({
        "chat": [{ "id": "chat-1", "port": free_port() }],
        "area": [{ "id": "area-1", "port": free_port() }],
    }));
    home.write("config/adminServer.json", r#"[{"type":"chat","token":"one"}]"#);
    let refused = soon(run(setup.clone())).await.unwrap_err();
    assert!(refused.message().contains("no token for servers of type `area`"), "{refused}");
    assert!(refused.message().contains(&home.path().join("config/adminServer.json").display().to_string()));
    assert_eq!(events(&home), [""; 0]);
    let entry = refused.message().lines().find(|line| line.trim().starts_with('{')).unwrap().trim();
    for entries in
        [format!(r#"[{{"type":"chat","token":"one"}},{entry}]"#), r#"[{"type":"*","token":"one"}]"#.into()]
    {
        home.write("config/adminServer.json", &entries);
        let started = Started::new(&home, &setup).await;
        started.all_up().await;
        started.stop().await;
    }
}

#[tokio::test]
async fn a_server_that_does_not_stop_is_killed() {
    let (home, mut setup) = application(json!({ "chat": [{ "id": "chat-1", "mode": "stubborn" }] }));
    setup.limits.drain = Duration::from_millis(300);
    let started = Started::new(&home, &setup).await;
    let pid = started.all_up().await[0];
    let outcomes = soon(started.admin.stop(&["chat-1".into()])).await.unwrap();
    assert_eq!(outcomes[0].message, "killed, since it had not stopped after 300ms");
    assert!(outcomes[0].ok && !is_running(pid));
    started.stop().await;
}

#[tokio::test]
async fn a_server_that_hangs_is_killed_and_started_again_by_restart_force() {
    let (home, mut setup) = chats(json!({ "restart-force": true }));
    setup.limits.adopt = Duration::from_millis(300);
    let started = Started::new(&home, &setup).await;
    let before = started.all_up().await;
    signal_to(before[0], "-STOP");
    let list = until_listed(&started.admin, |list| all_up(list) && list[1].pid != Some(before[0])).await;
    assert_eq!(list[2].pid, Some(before[1]));
    assert!(!is_running(before[0]));
    started.stop().await;
}

#[tokio::test]
async fn a_kill_ends_all_and_the_master() {
    let (home, setup) = chats(json!({ "mode": "stubborn" }));
    let started = Started::new(&home, &setup).await;
    let pids = started.all_up().await;
    let outcomes = soon(started.admin.kill()).await.unwrap();
    assert!(outcomes.len() == 3 && outcomes.iter().all(|outcome| outcome.ok), "{outcomes:?}");
    soon(started.running).await.unwrap().unwrap();
    assert!(pids.into_iter().all(|pid| !is_running(pid)));
}

#[tokio::test]
async fn a_master_in_the_background_answers_when_its_start_returns_and_is_followed_by_another() {
    let (home, mut setup) = chats(json!({}));
    setup.daemon = true;
    soon(run(setup.clone())).await.unwrap();
    let address = pomelo_master::MasterConfig::read(&home.config()).unwrap().address();
    let first = soon(Admin::connect(&address, "admin", "admin")).await.unwrap();
    let before: Vec<_> =
        until_listed(&first, all_up).await.iter().map(|server| server.pid.unwrap()).collect();
    let refused = soon(run(setup.clone())).await.unwrap_err();
    assert!(refused.message().starts_with(&format!("something listens on {address} already")), "{refused}");

    signal_to(before[0], "-KILL");
    until_gone(before[0]).await;
    soon(run(setup)).await.unwrap();
    let second = soon(Admin::connect(&address, "admin", "admin")).await.unwrap();
    let after: Vec<_> =
        until_listed(&second, all_up).await.iter().map(|server| server.pid.unwrap()).collect();
    assert_eq!(after[1..], before[1..]);
    assert_ne!(after[0], before[0]);
    let log = second.log("master-server-1", 1000).await.unwrap();
    assert_eq!(log.iter().filter(|line| line.contains("starting 2 servers")).count(), 2, "{log:?}");
    assert!(soon(second.stop(&[])).await.unwrap().iter().all(|outcome| outcome.ok));
    until_gone(after[0]).await;
    assert!(after.into_iter().all(|pid| !is_running(pid)));
}

#[tokio::test]
async fn a_start_in_the_background_waits_for_the_servers_and_tells_how_many_failed() {
    let servers = json!([{ "id": "chat-1", "port": free_port() }, { "id": "chat-2", "mode": "broken" }]);
    let (home, mut setup) = application(json!({ "chat": servers }));
    setup.daemon = true;
    let started = soon(run(setup)).await;
    let address = pomelo_master::MasterConfig::read(&home.config()).unwrap().address();
    let admin = soon(Admin::connect(&address, "admin", "admin")).await.unwrap();
    let list = soon(admin.list()).await.unwrap();
    let outcomes = soon(admin.started()).await.unwrap();
    soon(admin.stop(&[])).await.unwrap();
    until_gone(list[0].pid.unwrap()).await;
    assert_eq!(started.unwrap_err().message(), "1 of 2 servers failed");
    assert_eq!([list[1].state, list[2].state], [ServerState::Up, ServerState::Down]);
    let of_chat_2 = outcomes.iter().find(|outcome| outcome.id == *"chat-2").unwrap();
    assert!(of_chat_2.message.contains("its log is"), "{outcomes:?}");
}

#[tokio::test]
async fn a_master_that_can_not_start_in_the_background_is_told_with_its_last_words() {
    let (home, mut setup) = chats(json!({}));
    home.write("config/adminUser.json", r#"[{"username":"ann","password":"a","level":3}]"#);
    setup.daemon = true;
    let refused = soon(run(setup)).await.unwrap_err();
    assert!(refused.message().starts_with("the master ended (exit status: "), "{refused}");
    let log = home.path().join("logs/master.log");
    assert!(refused.message().ends_with(&format!("; its log is {}", log.display())), "{refused}");
}

async fn until_gone(pid: u32) {
    soon(async {
        while is_running(pid) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
