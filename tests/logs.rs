//! Logs of the application's errors, and of servers' start and end.

#[path = "support/log.rs"]
mod log;
mod support;

use std::io;
use std::time::{Duration, Instant};

use log::Log;
use pomelo::app::Running;
use pomelo::error::ErrorCode;
use pomelo::error::Fault;
use pomelo::filter::{Filter, Verdict};
use pomelo::metrics::{Report, RouteReport};
use pomelo::{Error, Hybrid, Request, Result, Session, handler, key, remote};
use serde_json::json;
use support::{Client, connect, until};
use tracing::Level;

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    chat: { handlers: [ChatHandler], remotes: [ChatRemote] },
}

const SERVERS: &str = r#"{
    "connector": [{ "id": "connector-1", "frontend": true }],
    "chat": [{ "id": "chat-1" }, { "id": "chat-2" }]
}"#;

/// What the chat's store fails with.
#[derive(Debug)]
struct Away(io::Error);

impl std::fmt::Display for Away {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the store is away")
    }
}

impl std::error::Error for Away {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

fn away() -> Away {
    Away(io::Error::other("connection refused"))
}

/// The application's own error, with a code and a cause.
#[derive(Debug)]
struct Unsaved(Away);

impl std::fmt::Display for Unsaved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the message was not saved")
    }
}

impl ErrorCode for Unsaved {
    fn code(&self) -> u16 {
        503
    }

    fn cause(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn enter(session: &Session, uid: String) -> Result<()> {
        session.bind(&uid).await
    }

    pub async fn save_elsewhere(app: &App) -> Result<()> {
        app.rpc.chat.chat_remote.save(key("room")).await
    }

    pub async fn notify(app: &App) -> Result<()> {
        app.rpc.chat.chat_remote.save(key("room")).notify()
    }

    pub async fn watch(session: &Session) -> Result<()> {
        session.on_closed(|_| async { Err(away().into()) }).await
    }
}

struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn save() -> Result<()> {
        Err(away().into())
    }

    pub async fn save_coded() -> Result<(), Unsaved> {
        Err(Unsaved(away()))
    }

    pub async fn refuse() -> Result<()> {
        Err(Error::new(404, "no such room"))
    }

    pub async fn refuse_in_own_words() -> Result<()> {
        Err(Error::new(1003, "no such hero").with_fault(Fault::Client))
    }

    pub async fn count(_number: u32) {}

    pub async fn panic() {
        panic!("out of cheese");
    }

    pub async fn sleep() {
        std::future::pending::<()>().await;
    }
}

struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn save() -> Result<()> {
        Err(away().into())
    }
}

/// Refuses who says "banned", and fails for who says "broken".
#[derive(Clone)]
struct Bouncer;

impl Filter for Bouncer {
    async fn before(&self, request: &Request) -> Result<Verdict> {
        match request.body().bytes.as_ref() {
            b"\"banned\"" => Err(Error::new(403, "banned")),
            b"\"broken\"" => Err(away().into()),
            _ => Ok(Verdict::Continue),
        }
    }
}

/// The chat's first server handles all, and gives up after 100 ms.
async fn start() -> Running<Rpc> {
    let builder = App::builder().servers(SERVERS);
    let builder = builder.configure("all", "connector", |app| {
        app.connector(Hybrid::new().address(([127, 0, 0, 1], 0)));
    });
    let builder = builder.configure("all", "chat", |app| {
        app.filter(Bouncer);
        app.limits().request_timeout = Duration::from_millis(100);
    });
    builder.route("chat", |_, servers| Ok(servers[0].id.clone())).start().await.unwrap()
}

async fn ann(running: &Running<Rpc>) -> Client {
    let client = connect(running.addresses("connector-1")[0]).await;
    client.request("connector.entryHandler.enter", json!("ann")).await;
    client
}

fn report(running: &Running<Rpc>, server: &str) -> Report {
    running.app(server).unwrap().report()
}

fn route<'a>(report: &'a Report, name: &str) -> &'a RouteReport {
    report.routes.iter().find(|route| route.route == name).unwrap_or_else(|| panic!("no {name}: {report:?}"))
}

#[tokio::test]
async fn what_a_handler_fails_with_is_a_warning_with_its_causes_and_whose_request_it_was() {
    let (log, running) = (Log::start(), start().await);
    let client = ann(&running).await;
    client.request("chat.chatHandler.save", json!({})).await;
    let lines = log.with(&["handler failed"]);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    for part in [
        " WARN ",
        "pomelo::errors",
        "server=chat-1",
        r#"route="chat.chatHandler.save""#,
        "session=",
        r#"uid="ann""#,
        "error=the store is away: connection refused",
    ] {
        assert!(lines[0].contains(part), "no {part}: {}", lines[0]);
    }
    assert!(!lines[0].contains("left_out"), "{}", lines[0]);
}

#[tokio::test]
async fn an_error_with_a_code_of_its_own_is_told_with_that_and_its_causes() {
    let (log, running) = (Log::start(), start().await);
    ann(&running).await.request("chat.chatHandler.saveCoded", json!({})).await;
    let causes = "error=the message was not saved: the store is away: connection refused";
    assert!(log.has(&["WARN", "chat.chatHandler.saveCoded", "code=503", causes]), "{:#?}", log.with(&[]));
}

#[tokio::test]
async fn an_error_that_repeats_is_one_line_a_second_and_route_with_a_count() {
    let (log, running) = (Log::start(), start().await);
    let client = ann(&running).await;
    let began = Instant::now();
    let mut requests = 0;
    while !log.has(&["chat.chatHandler.save\"", "left_out"]) {
        client.request("chat.chatHandler.save", json!({})).await;
        requests += 1;
        if requests == 1 {
            client.request("chat.chatHandler.saveCoded", json!({})).await;
            assert!(log.has(&["chat.chatHandler.saveCoded"]), "another route has a line of its own");
        }
    }
    let lines = log.with(&["WARN", "chat.chatHandler.save\""]);
    assert!(lines.len() as u64 <= began.elapsed().as_secs() + 1, "{lines:#?}");
    let left_out =
        |line: &String| line.rsplit_once("left_out=").map_or(0, |(_, count)| count.parse().unwrap());
    assert_eq!(lines.iter().map(left_out).sum::<usize>() + lines.len(), requests, "{lines:#?}");
    let report = report(&running, "chat-1");
    assert_eq!(route(&report, "chat.chatHandler.save").failures(), requests as u64, "all are counted");
}

#[tokio::test]
async fn what_a_client_did_wrong_is_at_debug_and_counted_apart() {
    let (log, running) = (Log::from(Level::DEBUG), start().await);
    let client = ann(&running).await;
    let mistakes = [
        ("chat.chatHandler.refuse", json!({}), "no such room"),
        ("chat.chatHandler.refuseInOwnWords", json!({}), "no such hero"),
        ("chat.chatHandler.count", json!("many"), "invalid type"),
        ("chat.chatHandler.count", json!("banned"), "banned"),
        ("chat.chatHandler.none", json!({}), "no handler"),
        ("nobody.noHandler.none", json!({}), "no server of type `nobody`"),
    ];
    for (route, body, why) in mistakes {
        client.request(route, body).await;
        assert!(log.has(&["DEBUG", "pomelo::errors", route, why]), "{route}: {:#?}", log.with(&[route]));
    }
    assert_eq!(log.with(&["WARN"]), [""; 0]);
    assert_eq!(log.with(&["ERROR"]), [""; 0]);
    let chat = report(&running, "chat-1");
    for (name, refusals) in [
        ("chat.chatHandler.refuse", 1),
        ("chat.chatHandler.refuseInOwnWords", 1),
        ("chat.chatHandler.count", 2),
        ("unknown", 1),
    ] {
        let report = route(&chat, name);
        assert_eq!((report.refusals, report.failures(), &report.last_error), (refusals, 0, &None), "{name}");
    }
    assert_eq!(route(&report(&running, "connector-1"), "unknown").refusals, 1);
}

#[tokio::test]
async fn a_filter_that_fails_is_told_as_one() {
    let (log, running) = (Log::start(), start().await);
    ann(&running).await.request("chat.chatHandler.count", json!("broken")).await;
    assert!(
        log.has(&["WARN", "before filter failed", "chat.chatHandler.count", "away"]),
        "{:#?}",
        log.with(&[])
    );
    assert_eq!(log.with(&["handler failed"]), [""; 0]);
}

#[tokio::test]
async fn an_error_of_another_server_is_logged_once_where_it_arose_and_shown_at_both() {
    let (log, running) = (Log::start(), start().await);
    let answer = ann(&running).await.request("connector.entryHandler.saveElsewhere", json!({})).await;
    assert_eq!(answer["code"], 500);
    let lines = log.with(&["away"]);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    for part in ["remote failed", "server=chat-1", r#"method="chat.chatRemote.save""#, "from=connector-1"] {
        assert!(lines[0].contains(part), "no {part}: {}", lines[0]);
    }
    for (server, name) in
        [("chat-1", "chat.chatRemote.save"), ("connector-1", "connector.entryHandler.saveElsewhere")]
    {
        let report = report(&running, server);
        let route = route(&report, name);
        let last = route.last_error.as_ref().unwrap();
        assert_eq!((route.failures(), &*last.text), (1, "the store is away: connection refused"), "{name}");
    }
}

#[tokio::test]
async fn an_error_that_nobody_waits_for_is_logged_and_shown() {
    let (log, running) = (Log::start(), start().await);
    let answer = ann(&running).await.request("connector.entryHandler.notify", json!({})).await;
    assert_eq!(answer, json!({}));
    until(|| log.has(&["WARN", "remote failed", "chat.chatRemote.save", "from=connector-1", "away"])).await;
    assert_eq!(route(&report(&running, "chat-1"), "chat.chatRemote.save").failures(), 1);
}

#[tokio::test]
async fn what_a_hook_fails_with_is_logged_and_shown() {
    let (log, running) = (Log::start(), start().await);
    let client = ann(&running).await;
    client.request("connector.entryHandler.watch", json!({})).await;
    client.close().await;
    until(|| {
        log.has(&["WARN", "on_closed failed", "server=connector-1", "session=", r#"uid="ann""#, "away"])
    })
    .await;
    assert_eq!(route(&report(&running, "connector-1"), "on_closed").failures(), 1);
}

#[tokio::test]
async fn a_panic_is_logged_with_its_text_place_route_and_session() {
    let (log, running) = (Log::start(), start().await);
    ann(&running).await.request("chat.chatHandler.panic", json!({})).await;
    let lines = log.with(&["panic"]);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    for part in [
        " ERROR ",
        "pomelo::errors",
        "handler panicked",
        "server=chat-1",
        r#"route="chat.chatHandler.panic""#,
        "session=",
        r#"uid="ann""#,
        "logs.rs:",
        "panic=out of cheese",
    ] {
        assert!(lines[0].contains(part), "no {part}: {}", lines[0]);
    }
    let report = report(&running, "chat-1");
    let last = route(&report, "chat.chatHandler.panic").last_error.clone().unwrap();
    assert!(last.text.contains("panicked at") && last.text.contains("out of cheese"), "{last:?}");
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_a_warning() {
    let (log, running) = (Log::start(), start().await);
    ann(&running).await.request("chat.chatHandler.sleep", json!({})).await;
    assert!(
        log.has(&["WARN", "handler failed", "chat.chatHandler.sleep", "took too long"]),
        "{:#?}",
        log.with(&[])
    );
}

#[tokio::test]
async fn a_message_to_a_server_that_is_down_is_a_warning_at_the_frontend() {
    let (log, mut running) = (Log::start(), start().await);
    let client = ann(&running).await;
    running.crash_server("chat-1").await;
    for route in ["chat.chatHandler.save", "chat.chatHandler.madeUp", "chat.chatHandler.madeUpAgain"] {
        assert_eq!(client.request(route, json!({})).await["code"], 500);
    }
    let lines = log.with(&["WARN", "forwarding failed", "server=connector-1", "chat-1 is down"]);
    assert_eq!(lines.len(), 2, "clients that make routes up make no lines: {lines:#?}");
    let report = report(&running, "connector-1");
    assert_eq!(route(&report, "chat.chatHandler.save").failures(), 1);
    assert_eq!(route(&report, "unknown").failures(), 2);
}

#[tokio::test]
async fn sessions_without_a_user_that_meet_several_servers_are_a_warning_once_for_each_type() {
    let log = Log::start();
    let builder = App::builder().servers(SERVERS).configure("all", "connector", |app| {
        app.connector(Hybrid::new().address(([127, 0, 0, 1], 0)));
    });
    let running = builder.start().await.unwrap();
    let address = running.addresses("connector-1")[0];
    for _ in 0..3 {
        let client = connect(address).await;
        client.request("chat.chatHandler.refuse", json!({})).await;
    }
    let lines = log.with(&["WARN"]);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    for part in ["server=connector-1", "candidates=2", "sessions without a user", "type `chat`"] {
        assert!(lines[0].contains(part), "no {part}: {}", lines[0]);
    }
}

#[tokio::test]
async fn users_and_a_router_of_the_applications_own_need_no_warning() {
    let (log, running) = (Log::start(), start().await);
    let client = connect(running.addresses("connector-1")[0]).await;
    client.request("chat.chatHandler.refuse", json!({})).await;
    assert_eq!(log.with(&["WARN"]), [""; 0]);
}

/// The lines without what differs from run to run.
fn lasting(lines: &[String]) -> Vec<String> {
    let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let lasting = |line: &String| {
        let words = line.split_whitespace().map(|word| match word.split_once('=') {
            Some((name @ ("took" | "ran" | "session" | "clients"), _)) => format!("{name}=…"),
            Some((name, value)) if is_number(value) && name != "servers" => format!("{name}=…"),
            _ => word.to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    };
    lines.iter().map(lasting).collect()
}

const SEVEN: &str = r#"{
    "connector": [
        { "id": "connector-1", "frontend": true }, { "id": "connector-2", "frontend": true },
        { "id": "connector-3", "frontend": true }
    ],
    "chat": [
        { "id": "chat-1", "port": 6050 }, { "id": "chat-2", "port": 6051 }, { "id": "chat-3", "port": 6052 },
        { "id": "chat-4", "port": 6053 }
    ]
}"#;

#[tokio::test]
async fn at_info_an_operator_reads_what_seven_servers_did_in_a_line_each() {
    let log = Log::start();
    let builder = App::builder().servers(SEVEN).configure("all", "connector", |app| {
        app.connector(Hybrid::new().address(([127, 0, 0, 1], 0)));
    });
    let running = builder.route("chat", |_, servers| Ok(servers[0].id.clone())).start().await.unwrap();
    let address = running.addresses("connector-1")[0];
    assert!(log.has(&["server=connector-1", &format!("clients=\"{address}\"")]), "{:#?}", log.lines());
    let client = ann(&running).await;
    client.request("chat.chatHandler.refuse", json!({})).await;
    client.request("chat.chatHandler.save", json!({})).await;
    drop(client);
    running.stop().await;
    let mut lines = lasting(&log.lines());
    // Servers of a kind stop together.
    let stopped = lines.len() - 7;
    lines[stopped..stopped + 3].sort();
    lines[stopped + 3..].sort();
    let up = "INFO pomelo_core::app::announce: up";
    let ended = "INFO pomelo_core::app::announce: stopped";
    let failed = "WARN pomelo::errors: handler failed server=chat-1 what=\"handler\" route=\"chat.chatHandler.save\" session=… \
                  uid=\"ann\" error=the store is away: connection refused";
    let mut wanted = Vec::new();
    wanted.extend((1..=3).map(|n| format!("{up} server=connector-{n} clients=… took=…")));
    wanted.extend((1..=4).map(|n| format!("{up} server=chat-{n} took=…")));
    wanted.push("INFO pomelo_core::app::announce: all servers are up servers=7 took=…".to_owned());
    wanted.push(failed.to_owned());
    wanted.extend((1..=3).map(|n| format!("{ended} server=connector-{n} ran=…")));
    wanted.extend((1..=4).map(|n| format!("{ended} server=chat-{n} ran=…")));
    assert_eq!(lines, wanted, "{lines:#?}");
}

#[tokio::test]
async fn a_server_that_dies_is_a_warning_of_each_that_misses_it_and_one_that_stops_is_none() {
    let (log, mut running) = (Log::start(), start().await);
    running.stop_server("chat-2").await;
    assert_eq!(log.with(&["WARN"]), [""; 0]);
    running.crash_server("chat-1").await;
    let lines = lasting(&log.with(&["WARN", "gone"]));
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(log.has(&["WARN", "a server is gone", "server=connector-1", "peer=chat-1"]), "{lines:#?}");
}

#[tokio::test]
async fn a_setting_of_another_type_than_is_asked_for_is_a_warning_once() {
    let (log, running) = (Log::start(), start().await);
    let app = running.app("chat-1").unwrap();
    app.set("seats", "many");
    for _ in 0..3 {
        assert_eq!(app.get::<u32>("seats"), None);
    }
    let lines = log.with(&["WARN", r#"key="seats""#]);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains(r#"found="a text" wanted="u32""#), "{lines:#?}");
    assert_eq!(app.get::<bool>("seats"), None);
    assert_eq!(log.with(&["WARN", r#"key="seats""#]).len(), 2, "another type is news");
    assert_eq!((app.get::<String>("seats"), app.get::<u32>("tables")), (Some("many".into()), None));
    assert_eq!(log.with(&["is no such type"]).len(), 2, "what is right, or isn't there, is none");
}
