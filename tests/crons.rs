//! Crons: what runs by the calendar, on a clock that the tests move.
#![cfg(feature = "crons")]

#[path = "support/log.rs"]
mod log;
mod support;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use log::Log;
use pomelo::app::Builder;
use pomelo::cron::{CronRun, cron};
use pomelo::testing::{Servers, WallClock, start};
use pomelo::{Error, Event, Result};
use support::until;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::time::sleep;

pomelo::servers! {
    area: { crons: [AreaCron, world::clock] },
    lobby: {},
}

const SERVERS: &str =
    r#"{ "area": [{ "id": "area-1" }, { "id": "area-2" }], "lobby": [{ "id": "lobby-1" }] }"#;
const SECOND: Duration = Duration::from_secs(1);

/// Where crons note what they did.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    fn note(&self, what: impl ToString) {
        self.0.lock().unwrap().push(what.to_string());
    }

    fn read(&self) -> Vec<String> {
        let mut all = self.0.lock().unwrap().clone();
        all.sort();
        all
    }

    fn count(&self, what: &str) -> usize {
        self.read().iter().filter(|noted| *noted == what).count()
    }
}

/// Lets crons end that wait for it.
#[derive(Clone)]
struct Door(Arc<Semaphore>);

struct AreaCron;

#[cron]
impl AreaCron {
    pub async fn send_money(app: &App, journal: &Journal, run: &CronRun) {
        journal.note(format_args!("{} {}", app.server_id(), run.id()));
    }

    pub async fn wait(door: &Door, journal: &Journal) -> Result<()> {
        journal.note("begins");
        door.0.acquire().await?.forget();
        journal.note("ends");
        Ok(())
    }

    pub async fn fail() -> Result<()> {
        Err(Error::new(500, "no money"))
    }

    pub async fn panic() {
        panic!("a cron of the test");
    }
}

mod world {
    use super::*;

    #[cron]
    pub mod clock {
        use super::*;

        pub async fn strike(journal: &Journal) {
            journal.note("strikes");
        }
    }
}

/// A configuration directory with these crons of area servers, and the application on it.
fn areas(crons: &str) -> (TempDir, Builder<Rpc>, Journal, Door) {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "servers.json", SERVERS);
    write(dir.path(), "crons.json", crons);
    let (journal, door) = (Journal::default(), Door(Arc::new(Semaphore::new(0))));
    let builder = App::builder()
        .config_dir(dir.path())
        // A Thursday, and the beginning of a minute wherever it is.
        .insert(WallClock::starting_at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)))
        .insert(journal.clone())
        .insert(door.clone());
    (dir, builder, journal, door)
}

fn write(dir: &Path, name: &str, text: &str) {
    std::fs::write(dir.join(name), text).unwrap();
}

async fn refused(crons: &str) -> String {
    let (_dir, builder, ..) = areas(crons);
    start(builder).await.map(drop).unwrap_err().to_string()
}

fn report(servers: &Servers<Rpc>, id: &str) -> (u64, u64) {
    let crons = servers.app("area-1").crons();
    let cron = crons.iter().find(|cron| *cron.id == *id).unwrap();
    (cron.runs, cron.skipped)
}

#[tokio::test(start_paused = true)]
async fn each_server_of_the_type_runs_what_the_file_says_and_some_only_one_of_them() {
    let (_dir, builder, journal, _) = areas(
        r#"{ "development": { "area": [
            { "id": 1, "time": "0 * * * * *", "action": "areaCron.sendMoney" },
            { "id": "two", "time": "30 * * * * *", "action": "areaCron.sendMoney", "serverId": "area-2" },
            { "id": 3, "time": "45 * * * * *", "action": "areaCron.sendMoney", "once": true },
            { "id": 4, "time": "50 * * * * *", "action": "clock.strike" }
        ] } }"#,
    );
    let servers = start(builder).await.unwrap();
    sleep(SECOND * 61).await;
    let expected = ["area-1 1", "area-1 3", "area-2 1", "area-2 two", "strikes", "strikes"];
    assert_eq!(journal.read(), expected);
    let crons = servers.app("area-1").crons();
    let told: Vec<_> = crons.iter().map(|cron| (&*cron.id, cron.action.as_deref(), cron.runs)).collect();
    let of = |action| Some(action);
    assert_eq!(
        told,
        [
            ("1", of("areaCron.sendMoney"), 1),
            ("3", of("areaCron.sendMoney"), 1),
            ("4", of("clock.strike"), 1)
        ]
    );
    assert!(servers.app("lobby-1").crons().is_empty());
    // When the first server is gone, the second is the one that runs what runs once.
    let mut servers = servers;
    servers.crash_server("area-1").await;
    sleep(SECOND * 60).await;
    assert_eq!((journal.count("area-1 3"), journal.count("area-2 3")), (1, 1));
    servers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_due_before_its_run_has_ended_is_skipped_and_counted() {
    let log = Log::start();
    let (_dir, builder, journal, door) = areas(
        r#"{ "area": [{ "id": 1, "time": "0/10 * * * * *", "action": "areaCron.wait", "serverId": "area-1" }] }"#,
    );
    let servers = start(builder).await.unwrap();
    sleep(SECOND * 35).await;
    assert_eq!((journal.read(), report(&servers, "1")), (vec!["begins".to_owned()], (1, 2)));
    assert!(log.has(&["a cron is due again before its run has ended", "cron=1", "area-1"]));
    door.0.add_permits(1);
    until(|| journal.count("ends") == 1).await;
    sleep(SECOND * 10).await;
    assert_eq!(journal.count("begins"), 2);
    door.0.add_permits(9);
    servers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_or_an_error_costs_one_run() {
    let log = Log::start();
    let (_dir, builder, ..) = areas(
        r#"{ "area": [
            { "id": 1, "time": "0 * * * * *", "action": "areaCron.fail" },
            { "id": 2, "time": "0 * * * * *", "action": "areaCron.panic" }
        ] }"#,
    );
    let servers = start(builder).await.unwrap();
    sleep(SECOND * 121).await;
    assert_eq!((report(&servers, "1"), report(&servers, "2")), ((2, 0), (2, 0)));
    assert_eq!(servers.app("area-1").report().panics, 2);
    assert!(log.has(&["areaCron.fail", "no money"]) && log.has(&["areaCron.panic", "a cron of the test"]));
    let routes = servers.app("area-1").report().routes;
    let failed = routes.iter().find(|route| route.route == "area.areaCron.fail").unwrap();
    assert_eq!(failed.errors, 2);
    servers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn crons_are_added_and_removed_while_the_server_runs_and_listeners_hear_of_it() {
    let (_dir, builder, journal, _) = areas(
        r#"{ "area": [{ "id": 1, "time": "0 * * * * *", "action": "areaCron.sendMoney", "serverId": "area-1" }] }"#,
    );
    let (heard, told) = (Journal::default(), Journal::default());
    let events = heard.clone();
    let builder = builder.configure("all", "area", move |app| {
        let events = events.clone();
        app.on_event(move |app, event| match event {
            Event::AddCrons(ids) => events.note(format_args!("{} + {}", app.server_id(), ids.join(","))),
            Event::RemoveCrons(ids) => events.note(format_args!("{} - {}", app.server_id(), ids.join(","))),
            _ => {}
        });
    });
    let servers = start(builder).await.unwrap();
    let app = servers.app("area-1");
    let noted = told.clone();
    app.add_cron(2, "*/20 * * * * *", move |app| {
        noted.note(app.server_id());
        async { Ok(()) }
    })
    .unwrap();
    let twice = app.add_cron(2, "* * * * * *", |_| async { Ok(()) }).unwrap_err();
    assert_eq!(twice.message(), "cron 2: there is one of that id");
    let wrong = app.add_cron(3, "0 0 0 1 13 *", |_| async { Ok(()) }).unwrap_err();
    assert!(wrong.message().starts_with("cron 3: `0 0 0 1 13 *` is no time of a cron: "), "{wrong}");
    sleep(SECOND * 61).await;
    assert_eq!((told.read().len(), journal.read().len()), (3, 1));
    assert!(app.remove_cron(2) && app.remove_cron(1));
    assert!(!app.remove_cron(2));
    sleep(SECOND * 120).await;
    assert_eq!((told.read().len(), journal.read().len(), app.crons().len()), (3, 1, 0));
    until(|| heard.read().len() == 4).await;
    assert_eq!(heard.read(), ["area-1 + 1", "area-1 + 2", "area-1 - 1", "area-1 - 2"]);
    servers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_in_the_file_is_one_error_at_the_start() {
    for (entry, expected) in [
        (
            r#"{ "id": 1, "time": "0 * * * * *", "action": "areaCron.sendMony" }"#,
            "crons.json: area[0].action: there is no `areaCron.sendMony`: there is `areaCron.fail`, `areaCron.panic`, \
             `areaCron.sendMoney`, `areaCron.wait`, `clock.strike`, did you mean `areaCron.sendMoney`?",
        ),
        (
            r#"{ "id": 1, "time": "0 0 0 1 12 *", "action": "areaCron.fail" }"#,
            "crons.json: area[0].time: `0 0 0 1 12 *` has the month `12`, expected 0 to 11: pomelo counts months from 0",
        ),
        (
            r#"{ "id": 1, "action": "areaCron.fail" }"#,
            "crons.json: area[0].time: missing, expected a text such as \"0 30 10 * * *\"",
        ),
        (
            r#"{ "id": 1, "time": "0 * * * * *", "action": "areaCron.fail" },
               { "id": "1", "time": "5 * * * * *", "action": "areaCron.fail" }"#,
            "crons.json: area[1].id: `1` is the id of another cron",
        ),
    ] {
        let error = refused(&format!(r#"{{ "area": [{entry}] }}"#)).await;
        assert!(error.ends_with(expected), "{error}\n{expected}");
    }
    let error =
        refused(r#"{ "lobby": [{ "id": 1, "time": "0 * * * * *", "action": "lobbyCron.clean" }] }"#).await;
    assert!(
        error.ends_with(
            "there is no `lobbyCron.clean`: `servers!` lists no `crons: […]` for this type of server"
        ),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_may_be_a_mistake_is_said_once() {
    let log = Log::start();
    let (_dir, builder, ..) = areas(
        r#"{ "area": [
            { "id": 1, "time": "0 0 0 13 * 5", "action": "areaCron.fail", "serverID": "area-1" },
            { "id": 2, "time": "0 0 0 14 * 5", "action": "areaCron.fail", "serverId": "area-9" }
        ] }"#,
    );
    let servers = start(builder).await.unwrap();
    for parts in [
        ["area[0].serverID", "is not read; did you mean `serverId`?"],
        ["area[1].serverId", "no server `area-9` is configured"],
        ["crons.json: area: a time that names both", "is due where both match"],
    ] {
        assert_eq!(log.with(&parts).len(), 1, "{parts:?}: {}", log.lines().join("\n"));
    }
    servers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_cron_whose_method_a_reload_took_away_says_so() {
    let log = Log::start();
    let (_dir, builder, journal, _) = areas(
        r#"{ "area": [{ "id": 1, "time": "0 * * * * *", "action": "areaCron.sendMoney", "serverId": "area-1" }] }"#,
    );
    let servers = start(builder).await.unwrap();
    servers.app("area-1").reload(|_, _| {}).unwrap();
    sleep(SECOND * 61).await;
    assert!(log.has(&["a cron has no method any more", "cron=1", "areaCron.sendMoney", "area-1"]));
    assert_eq!(journal.read(), Vec::<String>::new());
    servers.stop().await;
}
