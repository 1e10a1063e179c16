//! A master, its servers and its operators. The servers are in this process.

#[path = "../../tests/support/log.rs"]
#[allow(unreachable_pub, reason = "it is seen in these tests only")]
mod log;
mod master_support;

use log::Log;
use master_support::{Home, Nature, Serving, Told, admin, all_up, info, member, soon, states, until_listed};
use pomelo_core::cluster::Refused;
use pomelo_core::value::ErrorKind;
use pomelo_master::{Admin, AdminError, Master, ServerState, Which, troubles};
use pomelo_net::link::secret::Secret;
use serde_json::{Map, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn chats() -> Home {
    Home::new(json!({ "chat": [{ "id": "chat-1", "port": 1 }, { "id": "chat-2", "port": 2 }] }))
}

#[tokio::test]
async fn servers_that_register_are_listed_and_told_whom_to_expect() {
    let home = chats();
    let master = home.master().await;
    let monitor = home.monitor(master.address());
    let one = Serving::start(&monitor, home.info("chat-1")).await.unwrap();
    assert_eq!(one.watcher.told().expected, ["chat-1", "chat-2"]);
    let admin = admin(&master).await;
    let expected = [("chat-1".to_owned(), ServerState::Up), ("chat-2".to_owned(), ServerState::Down)];
    assert_eq!(states(&admin).await, expected);

    let list = admin.list().await.unwrap();
    assert_eq!((list[0].id.as_str(), &*list[0].server_type), ("master-server-1", "master"));
    assert_eq!((list[1].port, list[1].pid), (Some(1), Some(std::process::id())));
    assert_eq!((list[1].connections, list[1].uptime_ms), (Some(7), Some(5)));
    assert!(list[1].rss_bytes.is_some() || !cfg!(target_os = "linux"));
    assert_eq!(list[2].pid, None);
    assert_eq!(admin.report("chat-1").await.unwrap().sessions, 7);

    let newcomer = Serving::start(&monitor, info("chat-9", "chat")).await.unwrap();
    assert_eq!(newcomer.watcher.told().expected, ["chat-1", "chat-2", "chat-9"]);
    one.watcher.until_expecting(&["chat-1", "chat-2", "chat-9"]).await;
}

#[tokio::test]
async fn a_server_that_is_stopped_is_gone_and_no_longer_expected() {
    let home = chats();
    let master = home.master().await;
    let monitor = home.monitor(master.address());
    let one = Serving::start(&monitor, home.info("chat-1")).await.unwrap();
    let two = Serving::start(&monitor, home.info("chat-2")).await.unwrap();
    let admin = admin(&master).await;

    let outcomes = soon(admin.stop(&["chat-1".into()])).await.unwrap();
    assert!(outcomes.len() == 1 && outcomes[0].ok, "{outcomes:?}");
    assert!(one.watcher.told().stop && !two.watcher.told().stop);
    two.watcher.until_expecting(&["chat-2"]).await;
    two.watcher.until(|told| told.gone == [("chat-1".into(), one.member.incarnation)]).await;
    assert_eq!(states(&admin).await, [("chat-2".to_owned(), ServerState::Up)], "it is in no list");
}

#[tokio::test]
async fn a_stop_of_all_ends_frontends_first_and_tells_of_each() {
    let home = Home::new(json!({
        "chat": [{ "id": "chat-1", "port": 1 }],
        "gate": [{ "id": "gate-1", "frontend": true }, { "id": "gate-2", "frontend": true }],
    }));
    let master = home.master().await;
    let monitor = home.monitor(master.address());
    let chat = Serving::start(&monitor, home.info("chat-1")).await.unwrap();
    let gate = Serving::start(&monitor, home.info("gate-1")).await.unwrap();
    let outcomes = soon(admin(&master).await.stop(&[])).await.unwrap();
    let ids: Vec<_> = outcomes.iter().map(|outcome| outcome.id.as_str()).collect();
    assert_eq!(ids, ["gate-1", "gate-2", "chat-1", "master-server-1"]);
    assert!(outcomes.iter().all(|outcome| outcome.ok), "{outcomes:?}");
    assert!(chat.watcher.told().gone.contains(&("gate-1".into(), gate.member.incarnation)));
}

#[tokio::test]
async fn a_process_that_does_not_answer_loses_its_place_and_a_late_goodbye_of_it_removes_nobody() {
    let home = chats();
    let master = home.master().await;
    let monitor = home.monitor(master.address());
    let two = Serving::start(&monitor, home.info("chat-2")).await.unwrap();
    let old = Serving::start(&monitor, home.info("chat-1")).await.unwrap();
    old.watcher.change(|nature| nature.is_mute = true);
    let new = Serving::start(&monitor, home.info("chat-1")).await.unwrap();
    two.watcher.until(|told| !told.gone.is_empty()).await;
    // It is told, so that it ends if it is there after all.
    old.watcher.until(|told| told.refused == [Refused::Superseded(new.member.incarnation)]).await;
    soon(old.place.leave()).await;
    drop(old.place);
    assert_eq!(two.watcher.told().gone, [("chat-1".into(), old.member.incarnation)]);
    assert_eq!(states(&admin(&master).await).await[0].1, ServerState::Up);
    soon(new.place.leave()).await;
    two.watcher.until(|told| told.gone.last() == Some(&("chat-1".into(), new.member.incarnation))).await;
}

#[tokio::test]
async fn a_second_process_of_an_id_is_refused_while_the_first_answers_and_nobody_notices() {
    let (log, home) = (Log::start(), chats());
    let master = home.master().await;
    let monitor = home.monitor(master.address());
    let first = Serving::start(&monitor, home.info("chat-1")).await.unwrap();
    let two = Serving::start(&monitor, home.info("chat-2")).await.unwrap();
    let told = (first.watcher.told(), two.watcher.told());
    let pid = std::process::id();
    for _ in 0..3 {
        let refused = Serving::start(&monitor, home.info("chat-1")).await.err().unwrap();
        let why = format!("chat-1 runs on 127.0.0.1 already, as the process {pid}");
        assert!(refused.kind() == ErrorKind::Refused && refused.message().ends_with(&why), "{refused}");
    }
    assert_eq!(log.with(&["WARN", "refused", "chat-1"]).len(), 1, "the log has it once");
    let admin = admin(&master).await;
    assert_eq!(states(&admin).await[0], ("chat-1".to_owned(), ServerState::Up));
    let now = (first.watcher.told(), two.watcher.told());
    assert_eq!(format!("{now:?}"), format!("{told:?}"));

    let waits = Nature { is_patient: true, ..Nature::default() };
    let second = Serving::start_with(&monitor, member(home.info("chat-1")), waits);
    let leaving = async {
        until_said(&log, 4).await;
        soon(first.place.leave()).await;
    };
    let (second, ()) = tokio::join!(second, leaving);
    let refused = second.unwrap().watcher.told().refused;
    let incarnation = first.member.incarnation;
    assert_eq!(refused[0], Refused::Occupied { host: "127.0.0.1".into(), pid, incarnation });
}

/// Waits until servers have said so often that the master refuses them.
async fn until_said(log: &Log, times: usize) {
    soon(async {
        while log.with(&["the master refuses this server", "chat-1"]).len() < times {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_whose_clock_was_set_back_begins_after_the_one_before() {
    let home = chats();
    let master = home.master().await;
    let monitor = home.monitor(master.address());
    let starts = Nature { is_patient: true, ..Nature::default() };
    let early = member(home.info("chat-1"));
    let before = Serving::start(&monitor, home.info("chat-1")).await.unwrap();
    soon(before.place.leave()).await;
    let again = Serving::start_with(&monitor, early.clone(), starts).await.unwrap();
    assert_eq!(again.watcher.told().refused, [Refused::Superseded(before.member.incarnation)]);
    assert_eq!(states(&admin(&master).await).await[0].1, ServerState::Up);
    // One that is in the middle of its work can't.
    let refused = Serving::start_as(&monitor, early).await.err().unwrap();
    assert!(refused.message().contains("a later process of chat-1 is registered"), "{refused}");
}

#[tokio::test]
async fn a_server_whose_talk_with_its_master_panics_talks_with_it_again() {
    let home = chats();
    let master = home.master().await;
    let monitor = home.monitor(master.address());
    let one = Serving::start(&monitor, home.info("chat-1")).await.unwrap();
    one.watcher.change(|nature| nature.panics = true);
    let _nine = Serving::start(&monitor, info("chat-9", "chat")).await.unwrap();
    one.watcher.until_expecting(&["chat-1", "chat-2", "chat-9"]).await;
    let admin = admin(&master).await;
    let outcomes = soon(admin.stop(&["chat-1".into()])).await.unwrap();
    assert!(outcomes[0].ok && one.watcher.told().stop, "{outcomes:?}");
}

#[tokio::test]
async fn a_server_that_no_other_reaches_is_not_up_and_moves_no_room_until_it_is() {
    let home = chats();
    let master = home.master().await;
    let monitor = home.monitor(master.address());
    let admin = admin(&master).await;
    let one = Serving::start(&monitor, home.info("chat-1")).await.unwrap();
    assert_eq!(states(&admin).await[1].1, ServerState::Down, "nobody misses one that is down");
    let apart = Nature { missing_links: vec!["chat-1".into(), "chat-2".into()], ..Nature::default() };
    let nine = Serving::start_with(&monitor, member(info("chat-9", "chat")), apart).await.unwrap();
    let list = admin.list().await.unwrap();
    let states: Vec<_> = list.iter().map(|server| server.state_text()).collect();
    assert_eq!(states, ["up", "up", "down", "unreachable"], "that is not the fault of chat-1");
    assert_eq!(list[3].missing_links, ["chat-1"]);
    assert_eq!(admin.report("chat-9").await.unwrap().missing_links, ["chat-1"]);
    assert!(list[1].missing_links.is_empty() && list[1].is_well() && !list[3].is_well());
    assert_eq!(troubles(&list), ["chat-9 has no link to any other server for 0 s"]);

    nine.watcher.change(|nature| nature.missing_links.clear());
    one.watcher.until_expecting(&["chat-1", "chat-2", "chat-9"]).await;
    until_listed(&admin, |list| list[3].state == ServerState::Up).await;
    // Both were up by now, and nobody can tell which of the two is cut off.
    one.watcher.change(|nature| nature.missing_links.push("chat-9".into()));
    let list = until_listed(&admin, |list| list[3].state == ServerState::Unreachable).await;
    assert_eq!(list[1].state, ServerState::Unreachable);
    assert_eq!(list[3].missing_links, ["chat-1"]);
    assert_eq!(admin.report("chat-1").await.unwrap().missing_links, ["chat-9"]);
    let two = Serving::start(&monitor, home.info("chat-2")).await.unwrap();
    let list = until_listed(&admin, |list| list[2].state == ServerState::Up).await;
    assert_eq!([list[1].state, list[3].state], [ServerState::PartlyLinked; 2]);
    two.watcher.change(|nature| nature.missing_links.push("chat-9".into()));
    let list = until_listed(&admin, |list| list[3].state == ServerState::Unreachable).await;
    assert_eq!([list[1].state, list[2].state], [ServerState::Up; 2]);
    one.watcher.until_expecting(&["chat-1", "chat-2", "chat-9"]).await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_lost() {
    let home = chats();
    let master = home.master().await;
    let two = Serving::start(&home.monitor(master.address()), home.info("chat-2")).await.unwrap();
    two.watcher.change(|nature| nature.is_mute = true);
    let list = soon(admin(&master).await.list()).await.unwrap();
    assert_eq!(list[2].state_text(), "lost");
    assert!(!list[2].is_well());
}

#[tokio::test]
async fn a_server_that_begins_another_life_is_still_up() {
    let home = chats();
    let master = home.master().await;
    let monitor = home.monitor(master.address());
    let one = Serving::start(&monitor, home.info("chat-1")).await.unwrap();
    let two = Serving::start(&monitor, home.info("chat-2")).await.unwrap();
    one.place.update(member(home.info("chat-1")));
    two.watcher.until(|told| told.gone == [("chat-1".into(), one.member.incarnation)]).await;
    assert_eq!(states(&admin(&master).await).await[0].1, ServerState::Up);
}

#[tokio::test]
async fn servers_without_a_port_are_told_of_each_other_and_others_see_them_by_their_links() {
    let home = Home::new(json!({
        "chat": [{ "id": "chat-1", "port": 1 }],
        "gate": [{ "id": "gate-1" }, { "id": "gate-2" }],
    }));
    let master = home.master().await;
    let monitor = home.monitor(master.address());
    let chat = Serving::start(&monitor, home.info("chat-1")).await.unwrap();
    let one = Serving::start(&monitor, home.info("gate-1")).await.unwrap();
    let two = Serving::start(&monitor, home.info("gate-2")).await.unwrap();
    let lives = |told: &Told| -> Vec<_> { told.up.iter().map(|m| (m.incarnation, m.leaving)).collect() };
    one.watcher.until(|told| lives(told) == [(two.member.incarnation, false)]).await;
    two.watcher.until(|told| lives(told) == [(one.member.incarnation, false)]).await;

    let later = member(home.info("gate-1"));
    one.place.update(later.clone());
    two.watcher.until(|told| lives(told).last() == Some(&(later.incarnation, false))).await;
    one.crash().await;
    two.watcher.until(|told| lives(told).last() == Some(&(later.incarnation, true))).await;
    chat.watcher.until(|told| !told.gone.is_empty()).await;
    assert!(chat.watcher.told().up.is_empty());
}

#[tokio::test]
async fn a_server_without_the_token_of_its_type_is_refused_each_time_that_it_comes() {
    let home = chats();
    home.write("config/adminServer.json", r#"[{"type":"chat","token":"right"}]"#);
    let master = home.master().await;
    let monitor = home.monitor(master.address());
    let wrong = monitor.clone().token("chat", Secret::new("wrong").unwrap());
    for _ in 0..2 {
        for (monitor, info) in [
            (&monitor, home.info("chat-1")),
            (&wrong, home.info("chat-1")),
            // A type that has no token.
            (&wrong.clone().token("gate", Secret::new("right").unwrap()), info("gate-1", "gate")),
        ] {
            let refused = Serving::start(monitor, info).await.err().unwrap();
            assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
        }
    }
    let admin = admin(&master).await;
    assert!(states(&admin).await.iter().all(|(_, state)| *state == ServerState::Down));

    let right = monitor.token("chat", Secret::new("right").unwrap());
    Serving::start(&right, home.info("chat-1")).await.unwrap();
    // With the token of its own type it can't take the place of a server of another.
    let as_gate = Serving::start(&right, info("chat-2", "gate")).await.err().unwrap();
    assert_eq!(as_gate.kind(), ErrorKind::Refused);
}

#[tokio::test]
async fn an_operator_of_level_2_may_look_and_nothing_else() {
    let home = chats();
    let users = r#"[{"id":"1","username":"boss","password":"b","level":1},
                    {"id":"2","username":"guest","password":"g","level":2}]"#;
    home.write("config/adminUser.json", users);
    let master = home.master().await;
    let one = Serving::start(&home.monitor(master.address()), home.info("chat-1")).await.unwrap();
    std::fs::create_dir_all(home.path().join("logs")).unwrap();
    home.write("logs/chat-1.log", "first\nsecond\n");

    let address = master.address().to_string();
    let guest = soon(Admin::connect(&address, "guest", "g")).await.unwrap();
    let id = || vec!["chat-1".to_owned()];
    let denied = [
        soon(guest.stop(&id())).await,
        soon(guest.stop(&[])).await,
        soon(guest.kill()).await,
        soon(guest.restart(Which::Ids(id()))).await,
        soon(guest.restart(Which::Type("chat".into()))).await,
        soon(guest.add(Map::new())).await,
    ];
    for denied in denied {
        assert!(matches!(denied, Err(AdminError::Denied { needed: 1 })), "{denied:?}");
    }
    assert_eq!(states(&guest).await[0], ("chat-1".to_owned(), ServerState::Up));
    assert_eq!(guest.report("chat-1").await.unwrap().id, "chat-1");
    assert_eq!(guest.log("chat-1", 1).await.unwrap(), ["second"]);
    assert!(!one.watcher.told().stop);

    let boss = soon(Admin::connect(&address, "boss", "b")).await.unwrap();
    assert!(soon(boss.stop(&id())).await.unwrap()[0].ok);
    // The one that everybody knows is none of these.
    let admin = soon(Admin::connect(&address, "admin", "admin")).await.err().unwrap();
    assert!(matches!(admin, AdminError::Refused { .. }), "{admin}");
}

#[tokio::test]
async fn what_an_operator_gets_wrong_is_named() {
    let home = chats();
    let master = home.master().await;
    let address = master.address().to_string();
    let refused = soon(Admin::connect(&address, "admin", "guess")).await.err().unwrap();
    let expected = format!("the master on {address} refused the user `admin`: ");
    assert!(refused.to_string().starts_with(&expected), "{refused}");

    let admin = admin(&master).await;
    let unknown = soon(admin.stop(&["chat-1".into(), "chat-7".into()])).await.unwrap_err();
    assert_eq!(unknown.to_string(), "there is no server `chat-7`");
    assert_eq!(soon(admin.report("../x")).await.unwrap_err().to_string(), "there is no server `../x`");
    assert_eq!(soon(admin.log("../x", 1)).await.unwrap_err().to_string(), "there is no server `../x`");
    assert_eq!(soon(admin.report("chat-1")).await.unwrap_err().to_string(), "chat-1 is down");
    let none = soon(admin.restart(Which::Type("area".into()))).await.unwrap_err();
    assert_eq!(none.to_string(), "there is no server of type `area`; there are chat");
    for (entry, problem) in [
        (json!({}), "`serverType` is missing"),
        (json!({ "serverType": "chat", "host": "h", "port": 1 }), "`id` is missing"),
        (json!({ "serverType": "chat", "host": "h", "id": "c" }), "`port` is missing"),
        (json!({ "serverType": "chat", "port": 1, "clusterCount": 2 }), "`host` is missing"),
        (
            json!({ "serverType": "chat", "host": "h", "id": "chat-1", "port": 1 }),
            "there is a server `chat-1` already",
        ),
    ] {
        let wrong = soon(admin.add(entry.as_object().unwrap().clone())).await.unwrap_err();
        assert_eq!(wrong.to_string(), format!("the server to add: {problem}"));
    }

    master.close().await;
    let closed = soon(admin.list()).await.unwrap_err();
    assert!(matches!(closed, AdminError::Closed { .. }), "{closed}");
    let nobody = soon(Admin::connect(&address, "admin", "admin")).await.err().unwrap();
    assert!(nobody.to_string().starts_with(&format!("cannot reach a master on {address}: ")), "{nobody}");
}

#[tokio::test]
async fn a_server_starts_without_a_master_says_so_and_finds_it_later() {
    let (log, home) = (Log::start(), chats());
    let master = home.master().await;
    let address = master.address();
    master.close().await;
    let monitor = home.monitor(address);
    let one = Serving::start(&monitor, home.info("chat-1")).await.unwrap();
    assert_eq!(one.watcher.told().expected, ["chat-1", "chat-2"]);
    let said = ["WARN", "no master; going on without it", "server=chat-1", &address.to_string()];
    assert_eq!(log.with(&said).len(), 1);
    assert!(!log.has(&["the master is back"]));

    home.master_port(address.port());
    let master = home.master().await;
    let admin = admin(&master).await;
    until_listed(&admin, |list| list[1].state == ServerState::Up).await;
    assert_eq!(log.with(&said).len(), 1, "once, however often it tried");
    assert_eq!(log.with(&["INFO", "the master is back", "server=chat-1"]).len(), 1);
}

/// The seats of strangers are all taken, and nobody goes by itself as long as the test takes.
#[tokio::test]
async fn operators_and_servers_get_in_however_many_sockets_idle_at_the_masters_port() {
    let (log, home) = (Log::start(), chats());
    let mut setup = home.setup();
    (setup.limits.strangers, setup.limits.strangers_per_address) = (20, 10);
    setup.limits.first_frame = std::time::Duration::from_secs(300);
    let master = Master::start(&setup).await.unwrap();
    let mut idle = Vec::new();
    for _ in 0..60 {
        idle.push(TcpStream::connect(master.address()).await.unwrap());
    }
    let _one = Serving::start(&home.monitor(master.address()), home.info("chat-1")).await.unwrap();
    assert_eq!(states(&admin(&master).await).await[0].1, ServerState::Up);
    let mut rest = Vec::new();
    soon(idle[0].read_to_end(&mut rest)).await.unwrap();
    assert!(log.with(&["WARN", "not let in", "peer=127.0.0.1"]).len() < 20, "one line a second");
}

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_are_refused_with_the_same_words() {
    let home = chats();
    home.write("config/adminUser.json", r#"[{"id":"1","username":"ann","password":"secret","level":1}]"#);
    let master = home.master().await;
    let address = master.address().to_string();
    let mut reasons = Vec::new();
    for (user, password) in [("ann", "wrong"), ("bob", "secret"), ("", "x")] {
        match soon(Admin::connect(&address, user, password)).await.err().unwrap() {
            AdminError::Refused { reason, .. } => reasons.push(reason),
            other => panic!("{other}"),
        }
    }
    assert!(reasons.iter().all(|reason| *reason == reasons[0]), "{reasons:?}");
    assert!(soon(Admin::connect(&address, "ann", "secret")).await.is_ok());
}

#[tokio::test]
async fn a_master_that_lets_in_whoever_is_on_its_host_says_so() {
    let (log, home) = (Log::start(), chats());
    let said = ["there is no adminUser.json", "there is no adminServer.json"];
    home.master().await.close().await;
    assert_eq!(log.with(&["WARN", said[0], "this host only"]).len(), 1);
    assert_eq!(log.with(&["INFO", said[1], "that this master starts"]).len(), 1);

    home.write("config/adminUser.json", r#"[{"id":"1","username":"ann","password":"secret","level":1}]"#);
    home.write("config/adminServer.json", r#"[{"type":"chat","token":"right"}]"#);
    home.master().await.close().await;
    assert!(said.iter().all(|what| log.with(&[what]).len() == 1));
}

#[tokio::test]
async fn a_new_master_learns_from_the_servers_what_the_old_one_knew() {
    let home = chats();
    let master = home.master().await;
    let address = master.address();
    let monitor = home.monitor(address);
    let mut servers = Vec::new();
    for info in [home.info("chat-1"), home.info("chat-2"), info("chat-9", "chat")] {
        servers.push(Serving::start(&monitor, info).await.unwrap());
    }
    let all = ["chat-1", "chat-2", "chat-9"];
    for server in &servers {
        server.watcher.until_expecting(&all).await;
    }
    master.close().await;
    // It went away for ever, and was not in servers.json: only the others can tell of it.
    let added = servers.pop().unwrap();
    soon(added.place.leave()).await;

    home.master_port(address.port());
    let master = home.master().await;
    let admin = admin(&master).await;
    let list = until_listed(&admin, |list| {
        list.iter().filter(|server| server.state == ServerState::Up).count() == 3
    })
    .await;
    assert_eq!(list[3].id, "chat-9");
    assert_eq!(list[3].state, ServerState::Down);
    for server in &servers {
        server.watcher.until_expecting(&all).await;
        assert_eq!(server.watcher.told().gone, []);
    }
}

#[tokio::test]
async fn a_server_of_which_nothing_is_heard_is_lost_until_it_is_back() {
    let home = chats();
    let master = home.master().await;
    let admin = admin(&master).await;
    let one = Serving::start(&home.monitor(master.address()), home.info("chat-1")).await.unwrap();
    let again = one.member.clone();
    // Its connection breaks with no goodbye. The port of chat-1 refuses, so the master finds that it is gone.
    one.crash().await;
    let list = until_listed(&admin, |list| list[1].state != ServerState::Up).await;
    assert!(matches!(list[1].state, ServerState::Lost | ServerState::Down));
    until_listed(&admin, |list| list[1].state == ServerState::Down).await;
    // It was there all the time.
    let _one = Serving::start_as(&home.monitor(master.address()), again).await.unwrap();
    assert_eq!(states(&admin).await[0].1, ServerState::Up);
}

#[tokio::test]
async fn hostile_bytes_do_not_hurt_a_master() {
    let home = chats();
    let master = home.master().await;
    let one = Serving::start(&home.monitor(master.address()), home.info("chat-1")).await.unwrap();
    let hello = br#"{"version":1,"who":{"Operator":{"user":"admin"}},"nonce":["#;
    let nested = [b"[".repeat(2000), b"]".repeat(2000)].concat();
    let framed = |body: &[u8]| [&u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat();
    let mut open = Vec::new();
    for bytes in [
        vec![],
        vec![0],
        vec![0, 0, 0],
        vec![0xff; 4],
        vec![0x7f, 0xff, 0xff, 0xff, 1],
        framed(b""),
        framed(b"null"),
        framed(b"\xff\xfe"),
        framed(hello),
        framed(&nested),
        framed(&[b' '; 4097]),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        [framed(br#"{"version":7}"#), vec![1; 100_000]].concat(),
    ] {
        let mut stream = soon(TcpStream::connect(master.address())).await.unwrap();
        // The master may have closed already, having read enough.
        let _ = stream.write_all(&bytes).await;
        open.push(stream);
    }
    assert_eq!(states(&admin(&master).await).await[0].1, ServerState::Up);
    for mut stream in open {
        let _ = stream.shutdown().await;
        let mut rest = Vec::new();
        // However it ends, it ends.
        let _ = soon(stream.read_to_end(&mut rest)).await;
    }
    assert_eq!(states(&admin(&master).await).await[0].1, ServerState::Up);
    assert_eq!(one.watcher.told().gone, []);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let home = chats();
    let first = home.master().await;
    home.master_port(first.address().port());
    let second = Master::start(&home.setup()).await.err().unwrap();
    let expected = format!("master-server-1 cannot listen on {} (master.json): ", first.address());
    assert!(second.message().starts_with(&expected), "{second}");
    assert!(second.message().ends_with("Is the application running already?"), "{second}");
    #[cfg(target_os = "linux")]
    assert!(
        second.message().contains(&format!("it is taken by the process {} (`", std::process::id())),
        "{second}"
    );
}

#[tokio::test]
async fn a_master_on_an_address_of_another_machine_says_what_to_do() {
    let home = chats();
    home.write("config/master.json", r#"{ "id": "master-server-1", "host": "198.51.100.7", "port": 3005 }"#);
    let refused = Master::start(&home.setup()).await.err().unwrap();
    for part in [
        "198.51.100.7:3005 (master.json)",
        "no address of this machine is `host` there",
        "start the application on",
    ] {
        assert!(refused.message().contains(part), "{refused}");
    }
}

#[tokio::test]
async fn a_master_serves_whatever_its_machine_is_called() {
    let mut hosts = vec!["localhost", "127.0.0.1"];
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        hosts.extend(["::1", "[::1]"]);
    }
    for host in hosts {
        let home = chats();
        let master = json!({ "id": "master-server-1", "host": host, "port": 0 }).to_string();
        home.write("config/master.json", &master);
        let master = home.master().await;
        let bare = host.trim_matches(['[', ']']);
        let address = pomelo_core::value::host::with_port(bare, master.address().port());
        let _one = Serving::start(&home.monitor(&address), home.info("chat-1")).await.unwrap();
        let admin = soon(Admin::connect(&address, "admin", "admin")).await.unwrap();
        assert_eq!(states(&admin).await[0], ("chat-1".to_owned(), ServerState::Up), "{host}");
    }
}

#[tokio::test]
async fn a_process_that_the_master_did_not_start_is_refused_with_what_to_do() {
    let home = chats();
    let master = home.master().await;
    let stranger = home.strange_monitor(master.address());
    for monitor in [stranger.clone(), stranger.token("chat", Secret::new("guessed").unwrap())] {
        let refused = Serving::start(&monitor, home.info("chat-1")).await.err().unwrap();
        let file = home.path().join("config/adminServer.json");
        let entry = format!("let {} be [{{\"type\":\"chat\",\"token\":\"", file.display());
        for part in ["`pomelo start -i chat-1`", &entry] {
            assert!(refused.message().contains(part), "{refused}");
        }
    }
    let token = || std::fs::read_to_string(home.path().join("logs/master-server-1.token")).unwrap();
    let before = token();
    drop(master);
    home.master_port(0);
    let next = home.master().await;
    let again = home.monitor(next.address());
    assert_eq!(token(), before, "servers that go on know it");
    assert!(Serving::start(&again, home.info("chat-1")).await.is_ok());
}

#[tokio::test]
async fn a_master_without_servers_lists_itself() {
    let home = Home::new(json!({}));
    let master = home.master().await;
    assert!(all_up(&soon(admin(&master).await.list()).await.unwrap()));
}
