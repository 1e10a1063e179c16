//! Operators at a server's own port: what servers answer them, who may ask what, and what becomes of an ask whose server goes.

mod support;

use std::fs;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use pomelo::admin::Level;
use pomelo::app::{Builder, Running};
use pomelo::config::Config;
use pomelo::error::StartError;
use pomelo::master::{Admin, AdminError, Outcome, Replied, Reply, ServerState, Which};
use pomelo::net::cluster::StaticDiscovery;
use pomelo::net::transport::{Tcp, TcpOptions};
use pomelo::{Hybrid, Result, Session, handler};
use serde_json::{Value, json};
use tempfile::TempDir;

use support::{connect_from, free_ports, soon, until};

pomelo::servers! {
    gate: {},
    connector: { handlers: [EntryHandler] },
    chat: {},
}

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn enter(session: &Session, name: String) -> Result<()> {
        session.bind(name.as_str()).await
    }
}

/// How long a server has to answer that doesn't: the test waits for it.
const SHORT: Duration = Duration::from_millis(300);
/// The channel that a server makes when it is asked what it doesn't answer.
const ASKED: &str = "asked";
/// How long one has that does: far more than it needs.
const LONG: Duration = Duration::from_secs(30);

/// A directory of configuration, with an operator of each level.
fn project(servers: &Value) -> TempDir {
    let dir = TempDir::new().unwrap();
    let users = json!([
        { "username": "admin", "password": "open-sesame", "level": 1 },
        { "username": "monitor", "password": "look-only", "level": 2 },
    ]);
    for (name, value) in [("servers.json", servers), ("adminUser.json", &users)] {
        fs::write(dir.path().join(name), value.to_string()).unwrap();
    }
    dir
}

fn application(dir: &TempDir) -> Builder<Rpc> {
    App::builder().config_dir(dir.path()).configure("all", "chat", |app| {
        app.admin("name", Level::Look, |app, _| async move { Ok(app.server_id().clone()) });
        app.admin("twice", Level::Everything, |_, ask| async move { Ok(2 * ask.body::<u64>()?) });
        app.admin("panic", Level::Look, |_, _| async { if true { panic!("oh no") } else { Ok(()) } });
        if app.server().id == "chat-2" {
            app.admin("slow", Level::Look, |app, _| async move {
                app.channels().create(ASKED);
                pending::<Result<()>>().await
            });
        } else {
            app.admin("slow", Level::Look, |_, _| async { Ok("not at all") });
        }
    })
}

/// Three servers in this process, the first of which lets operators in.
async fn three() -> (TempDir, Running<Rpc>) {
    let dir = project(&json!({
        "gate": [{ "id": "gate-1" }],
        "chat": [{ "id": "chat-1", "operatorPort": 0 }, { "id": "chat-2" }],
    }));
    let running = application(&dir).start().await.unwrap();
    (dir, running)
}

async fn enter(running: &Running<Rpc>, user: &str, password: &str) -> std::result::Result<Admin, AdminError> {
    let address = running.operators("chat-1").expect("a port for operators").to_string();
    soon(Admin::connect(&address, user, password)).await
}

async fn admin(running: &Running<Rpc>) -> Admin {
    enter(running, "admin", "open-sesame").await.unwrap()
}

/// Who answered what.
fn said(replies: &[Reply]) -> Vec<(&str, std::result::Result<&Value, &str>)> {
    let of = replies.iter().map(|reply| {
        let said = match &reply.replied {
            Replied::Answer(answer) => Ok(answer),
            Replied::Error(why) => Err(&**why),
        };
        (&*reply.id, said)
    });
    of.collect()
}

#[tokio::test]
async fn each_server_answers_for_itself() {
    let (_dir, running) = three().await;
    let admin = admin(&running).await;
    let replies = admin.ask_module(None, "name", Value::Null, LONG).await.unwrap();
    assert_eq!(said(&replies), [("chat-1", Ok(&json!("chat-1"))), ("chat-2", Ok(&json!("chat-2")))]);
    let one = Some(Which::Ids(vec!["chat-2".into()]));
    let replies = admin.ask_module(one, "twice", json!(21), LONG).await.unwrap();
    assert_eq!(said(&replies), [("chat-2", Ok(&json!(42)))]);
    running.stop().await;
}

#[tokio::test]
async fn one_that_does_not_answer_is_named_beside_the_answers_of_others() {
    let (_dir, running) = three().await;
    let admin = admin(&running).await;
    let replies = soon(admin.ask_module(None, "slow", Value::Null, SHORT)).await.unwrap();
    let said = said(&replies);
    assert_eq!(said[0], ("chat-1", Ok(&json!("not at all"))));
    assert!(
        matches!(said[1], ("chat-2", Err(why)) if why.contains("`slow` of chat-2 took longer")),
        "{said:?}"
    );
    running.stop().await;
}

#[tokio::test]
async fn a_module_that_nobody_has_is_one_error_with_those_that_there_are() {
    let (_dir, running) = three().await;
    let admin = admin(&running).await;
    let Err(AdminError::NoSuchModule { known, .. }) = admin.ask_module(None, "nmae", json!(1), LONG).await
    else {
        panic!("nobody has it");
    };
    let of_every_server =
        ["identity", "log", "nodeInfo", "restart", "set", "settings", "status", "stop", "systemInfo"];
    let own = ["name", "panic", "slow", "twice"];
    let mut wanted = [&of_every_server[..], &own].concat();
    wanted.sort_unstable();
    assert_eq!(known, wanted);
    let gate = Some(Which::Type("gate".into()));
    let error = admin.ask_module(gate, "name", Value::Null, LONG).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no admin module `name`");
    let both = Some(Which::Ids(vec!["gate-1".into(), "chat-1".into()]));
    let replies = admin.ask_module(both, "name", Value::Null, LONG).await.unwrap();
    let said = said(&replies);
    assert!(matches!(said[0], ("gate-1", Err(why)) if why.contains("no admin module `name`")), "{said:?}");
    assert_eq!(said[1], ("chat-1", Ok(&json!("chat-1"))));
    running.stop().await;
}

#[tokio::test]
async fn what_an_operator_may_ask_is_the_modules_to_say() {
    let (_dir, running) = three().await;
    let monitor = enter(&running, "monitor", "look-only").await.unwrap();
    for module in ["twice", "stop", "restart"] {
        let asked = monitor.ask_module(None, module, json!(1), LONG).await;
        assert!(matches!(asked, Err(AdminError::Denied { needed: 1 })), "{module}: {asked:?}");
    }
    for denied in [monitor.stop(&[]).await, monitor.restart(Which::Type("chat".into())).await] {
        assert!(matches!(denied, Err(AdminError::Denied { needed: 1 })), "{denied:?}");
    }
    assert_eq!(monitor.ask_module(None, "name", Value::Null, LONG).await.unwrap().len(), 2);
    assert_eq!(monitor.list().await.unwrap().len(), 3);
    running.stop().await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_servers_do_not_register_there() {
    let (_dir, running) = three().await;
    let Err(error) = enter(&running, "admin", "admin").await else { panic!("a wrong password was let in") };
    assert!(matches!(error, AdminError::Refused { .. }), "{error}");
    running.stop().await;
}

#[tokio::test]
async fn a_module_that_panics_costs_its_answer() {
    let (_dir, running) = three().await;
    let admin = admin(&running).await;
    let replies = admin.ask_module(None, "panic", Value::Null, LONG).await.unwrap();
    assert!(
        said(&replies).iter().all(|(_, said)| said.is_err_and(|why| why.contains("oh no"))),
        "{replies:?}"
    );
    assert_eq!(admin.ask_module(None, "name", Value::Null, LONG).await.unwrap().len(), 2);
    running.stop().await;
}

#[tokio::test]
async fn a_server_that_goes_while_it_is_asked_is_an_error_of_its_own() {
    let (_dir, mut running) = three().await;
    let admin = admin(&running).await;
    let asking = tokio::spawn(async move {
        let replies = admin.ask_module(None, "slow", Value::Null, LONG).await;
        (admin, replies)
    });
    until(|| running.app("chat-2").is_some_and(|app| app.channels().get(ASKED).is_some())).await;
    running.crash_server("chat-2").await;
    let (admin, replies) = soon(asking).await.unwrap();
    let replies = replies.unwrap();
    let said = said(&replies);
    assert_eq!(said[0], ("chat-1", Ok(&json!("not at all"))));
    assert!(matches!(said[1], ("chat-2", Err(why)) if why.contains("chat-2")), "{said:?}");
    let error = admin.report("chat-2").await.unwrap_err();
    assert_eq!(error.to_string(), "chat-2 could not be asked: chat-2 is down");
    running.stop().await;
}

#[tokio::test]
async fn the_end_of_the_server_itself_is_one_error() {
    let (_dir, mut running) = three().await;
    let admin = admin(&running).await;
    assert_eq!(admin.list().await.unwrap().len(), 3);
    running.crash_server("chat-1").await;
    let error = soon(admin.list()).await.unwrap_err();
    assert!(matches!(error, AdminError::Closed { .. }), "{error}");
    running.stop().await;
}

#[tokio::test]
async fn a_list_has_every_server_that_is_expected() {
    let (_dir, mut running) = three().await;
    let admin = admin(&running).await;
    running.stop_server("chat-2").await;
    let list = admin.list().await.unwrap();
    let states: Vec<_> = list.iter().map(|server| (&*server.id, server.state)).collect();
    let (up, down) = (ServerState::Up, ServerState::Down);
    assert_eq!(states, [("chat-1", up), ("chat-2", down), ("gate-1", up)]);
    assert_eq!(list[0].pid, Some(std::process::id()));
    assert_eq!(admin.report("gate-1").await.unwrap().id, "gate-1");
    let unknown = admin.report("gate-9").await;
    assert!(matches!(&unknown, Err(AdminError::UnknownServer(id)) if *id == "gate-9"), "{unknown:?}");
    running.stop().await;
}

#[tokio::test]
async fn starting_and_killing_takes_a_master() {
    let (_dir, running) = three().await;
    let admin = admin(&running).await;
    let ids = ["chat-2".to_owned()];
    for refused in [
        admin.start("development", vec![]).await,
        admin.add(serde_json::Map::new()).await,
        admin.kill().await,
        admin.kill_these(&ids).await,
    ] {
        assert!(matches!(refused, Err(AdminError::Masterless { .. })), "{refused:?}");
    }
    running.stop().await;
}

/// What became of each.
fn outcomes(outcomes: &[Outcome]) -> Vec<(&str, bool, &str)> {
    outcomes.iter().map(|outcome| (&*outcome.id, outcome.ok, &*outcome.message)).collect()
}

#[tokio::test]
async fn servers_are_stopped_frontends_first_and_the_one_that_is_asked_last() {
    let (_dir, running) = three().await;
    let admin = admin(&running).await;
    let until_all_have_stopped = tokio::spawn(running.until(Box::pin(pending())));
    let stopped = soon(admin.stop(&["gate-1".into()])).await.unwrap();
    assert_eq!(outcomes(&stopped), [("gate-1", true, "stopped")]);
    let stopped = soon(admin.stop(&[])).await.unwrap();
    let wanted = [("chat-2", true, "stopped"), ("gate-1", true, "was down"), ("chat-1", true, "stops now")];
    assert_eq!(outcomes(&stopped), wanted);
    soon(until_all_have_stopped).await.unwrap().unwrap();
}

#[tokio::test]
async fn servers_of_one_process_are_restarted_together_and_end_with_an_error_for_their_supervisor() {
    let (_dir, running) = three().await;
    let admin = admin(&running).await;
    let ending = tokio::spawn(running.until(Box::pin(pending())));
    let refused = soon(admin.restart(Which::Type("chat".into()))).await.unwrap();
    let why = "shares its process with gate-1: name all servers of it, or none";
    assert_eq!(outcomes(&refused), [("chat-1", false, why), ("chat-2", false, why)]);
    let ids = ["chat-1", "chat-2", "gate-1"].map(str::to_owned).to_vec();
    let restarted = soon(admin.restart(Which::Ids(ids))).await.unwrap();
    assert!(restarted.iter().all(|outcome| outcome.ok && outcome.message == "restarts now"), "{restarted:?}");
    let error = soon(ending).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("an operator wants a restart"), "{error}");
}

#[tokio::test]
async fn a_name_that_is_taken_and_a_port_without_accounts_end_the_start() {
    let dir = project(&json!({ "chat": [{ "id": "chat-1" }] }));
    let builder = application(&dir).configure("all", "chat", |app| {
        app.admin("status", Level::Look, |_, _| async { Ok(()) });
    });
    let Err(StartError::Config { source }) = builder.start().await else { panic!("the name is taken") };
    assert!(source.to_string().contains("two admin modules `status`"), "{source}");
    let dir = project(&json!({ "chat": [{ "id": "chat-1", "operatorPort": 0, "operatorHost": "0.0.0.0" }] }));
    application(&dir).start().await.unwrap().stop().await;
    fs::remove_file(dir.path().join("adminUser.json")).unwrap();
    let Err(StartError::Config { source }) = application(&dir).start().await else {
        panic!("nobody may come in")
    };
    assert!(source.to_string().contains("beyond this machine"), "{source}");
}

#[tokio::test]
async fn a_frontend_says_who_is_online() {
    let dir = project(&json!({
        "connector": [{ "id": "connector-1", "frontend": true }],
        "chat": [{ "id": "chat-1", "operatorPort": 0 }],
    }));
    let builder = application(&dir).configure("all", "connector", |app| {
        app.connector(Hybrid::new().address(([127, 0, 0, 1], 0)));
    });
    let running = builder.start().await.unwrap();
    let address = running.addresses("connector-1")[0];
    let (ann, from) = connect_from(address).await;
    let (_stranger, bob) = (connect_from(address).await, connect_from(address).await.0);
    for (client, name) in [(&ann, "ann"), (&bob, "bob")] {
        client.request("connector.entryHandler.enter", json!(name)).await;
    }
    let admin = admin(&running).await;
    let replies = admin.ask_module(None, "online", Value::Null, LONG).await.unwrap();
    let [("connector-1", Ok(online))] = said(&replies)[..] else { panic!("{replies:?}") };
    let users = online["users"].as_array().unwrap();
    assert_eq!((&online["total"], &online["bound"], users.len()), (&json!(3), &json!(2), 2), "{online}");
    let facts = ["uid", "address", "frontend"].map(|key| users[0][key].clone());
    assert_eq!(facts, [json!("ann"), json!(from.to_string()), json!("connector-1")]);
    assert!(users[0]["forSeconds"].is_u64() && users[0]["session"] != users[1]["session"], "{online}");
    let one = admin.ask_module(None, "online", json!({ "uid": "bob" }), LONG).await.unwrap();
    let [(_, Ok(online))] = said(&one)[..] else { panic!("{one:?}") };
    assert_eq!((&online["bound"], &online["users"][0]["uid"]), (&json!(2), &json!("bob")));
    let wrong = admin.ask_module(None, "online", json!({ "user": "bob" }), LONG).await.unwrap();
    assert!(matches!(said(&wrong)[..], [(_, Err(why))] if why.contains("`online` can't read")), "{wrong:?}");
    running.stop().await;
}

#[tokio::test]
async fn settings_of_a_running_server_are_read_and_with_level_1_set() {
    let dir = project(&json!({ "chat": [{ "id": "chat-1", "operatorPort": 0 }] }));
    let builder = application(&dir).configure("all", "chat", |app| app.set("maxPlayers", 100).unwrap());
    let running = builder.start().await.unwrap();
    let monitor = enter(&running, "monitor", "look-only").await.unwrap();
    let read = monitor.ask_module(None, "settings", Value::Null, LONG).await.unwrap();
    assert_eq!(said(&read), [("chat-1", Ok(&json!({ "maxPlayers": 100 })))]);
    let change = json!({ "maxPlayers": 50, "shopOpen": false });
    let denied = monitor.ask_module(None, "set", change.clone(), LONG).await;
    assert!(matches!(denied, Err(AdminError::Denied { needed: 1 })), "{denied:?}");
    let before = admin(&running).await.ask_module(None, "set", change, LONG).await.unwrap();
    assert_eq!(said(&before), [("chat-1", Ok(&json!({ "maxPlayers": 100, "shopOpen": null })))]);
    let app = running.app("chat-1").unwrap();
    assert_eq!((app.get::<u32>("maxPlayers"), app.get::<bool>("shopOpen")), (Some(50), Some(false)));
    let one = monitor.ask_module(None, "settings", json!("shopOpen"), LONG).await.unwrap();
    assert_eq!(said(&one), [("chat-1", Ok(&json!({ "shopOpen": false })))]);
    let none = monitor.ask_module(None, "settings", json!("shopOpne"), LONG).await.unwrap();
    assert_eq!(said(&none), [("chat-1", Err("chat-1 has no setting `shopOpne`"))]);
    running.stop().await;
}

#[tokio::test]
async fn a_server_tells_of_its_machine_and_its_process() {
    let (_dir, running) = three().await;
    let admin = admin(&running).await;
    let node = admin
        .ask_module(Some(Which::Ids(vec!["chat-2".into()])), "nodeInfo", Value::Null, LONG)
        .await
        .unwrap();
    assert!(
        matches!(said(&node)[..], [("chat-2", Ok(node))] if node["pid"] == std::process::id()),
        "{node:?}"
    );
    let system = admin.ask_module(None, "systemInfo", Value::Null, LONG).await.unwrap();
    assert!(
        said(&system).iter().all(|(_, said)| said.is_ok_and(|system| system["cpus"].is_u64())),
        "{system:?}"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_can_have_no_link_is_asked_by_a_third() {
    let [free] = free_ports();
    let dir = project(&json!({
        "gate": [{ "id": "gate-1" }],
        "chat": [{ "id": "chat-1", "operatorPort": 0 }, { "id": "chat-3", "port": free }],
    }));
    let config = Config::read(dir.path(), "development").unwrap();
    let mut servers = Vec::new();
    for id in ["chat-3", "gate-1", "chat-1"] {
        let discovery = StaticDiscovery::new(config.servers.iter().cloned());
        let builder = application(&dir).discovery(Arc::new(discovery));
        let builder = builder.transport(Arc::new(Tcp::new(TcpOptions::default())));
        servers.push(builder.start_server(id, None).await.unwrap());
    }
    let admin = admin(&servers[2]).await;
    soon(async {
        while admin.list().await.unwrap().iter().any(|server| server.state != ServerState::Up) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(admin.report("gate-1").await.unwrap().id, "gate-1");
    let gate = servers.remove(1);
    let serving = tokio::spawn(gate.until(Box::pin(pending())));
    assert_eq!(outcomes(&soon(admin.stop(&["gate-1".into()])).await.unwrap()), [("gate-1", true, "stopped")]);
    soon(serving).await.unwrap().unwrap();
    for server in servers {
        server.stop().await;
    }
}
