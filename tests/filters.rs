//! Filters around handlers and around routing, and error handlers.

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pomelo::app::{Configure, Running};
use pomelo::filter::{Filter, Serial, Timeout, TooBusy, Verdict};
use pomelo::metrics::Dropped;
use pomelo::request::Body;
use pomelo::{Error, Hybrid, Request, Result, Session, handler};
use serde_json::{Value, json};
use support::{Client, connect, eventually};
use tokio::sync::Semaphore;

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    /// Where the filters are.
    chat: { handlers: [WorkHandler] },
}

/// What filters and handlers note, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, what: impl ToString) {
        self.0.lock().unwrap().push(what.to_string());
    }

    fn read(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn has(&self, what: &str) -> bool {
        self.read().iter().any(|noted| noted == what)
    }
}

/// Whoever waits here goes on by permits.
#[derive(Clone)]
struct Gate(Arc<Semaphore>);

impl Gate {
    fn open(&self, permits: usize) {
        self.0.add_permits(permits);
    }

    async fn pass(&self) {
        self.0.acquire().await.unwrap().forget();
    }
}

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn bind(session: &Session, uid: String) -> Result<()> {
        session.bind(uid).await
    }
}

struct WorkHandler;

#[handler]
impl WorkHandler {
    pub async fn echo(log: &Log, text: String) -> Result<Value> {
        log.note("handler");
        Ok(json!({ "text": text }))
    }

    pub async fn fail() -> Result<()> {
        Err(Error::new(501, "broken").with_body(json!({ "why": "fuse" })))
    }

    #[pomelo(concurrent)]
    pub async fn wait(log: &Log, gate: &Gate, name: String) -> Result<()> {
        log.note(format_args!("{name} starts"));
        gate.pass().await;
        log.note(format_args!("{name} ends"));
        Ok(())
    }
}

/// Notes when it runs.
#[derive(Clone)]
struct Noting(&'static str, Log);

impl Filter for Noting {
    async fn before(&self, _: &Request) -> Result<Verdict> {
        self.1.note(format_args!("before {}", self.0));
        Ok(Verdict::Continue)
    }

    async fn after(&self, _: &Request, outcome: &Result<Body>) {
        self.1.note(format_args!("after {} {}", self.0, outcome.is_ok()));
    }
}

/// Lets users in only.
#[derive(Clone)]
struct UsersOnly;

impl Filter for UsersOnly {
    async fn before(&self, request: &Request) -> Result<Verdict> {
        let is_user = request.session().uid().is_some();
        Ok(if is_user { Verdict::Continue } else { Verdict::Answer(json!({ "code": 403 })) })
    }
}

struct World {
    running: Running<Rpc>,
    log: Log,
    gate: Gate,
}

impl World {
    /// Starts a connector and a chat server; `configure` adds filters to either.
    async fn new(configure: impl Fn(&mut Configure<Rpc>, &Log, &Gate) + Send + Sync + 'static) -> Self {
        let (log, gate) = (Log::default(), Gate(Arc::new(Semaphore::new(0))));
        let own = (log.clone(), gate.clone());
        let running = App::builder()
            .servers(r#"{ "connector": [{ "id": "connector-1", "frontend": true }], "chat": [{ "id": "chat-1" }] }"#)
            .configure("all", "connector", |app| app.connector(Hybrid::new().address(([127, 0, 0, 1], 0))))
            .configure("all", "connector|chat", move |app| configure(app, &own.0, &own.1))
            .insert(log.clone())
            .insert(gate.clone())
            .start()
            .await
            .unwrap();
        Self { running, log, gate }
    }

    async fn client(&self) -> Client {
        connect(self.running.addresses("connector-1")[0]).await
    }
}

fn is_chat(app: &Configure<Rpc>) -> bool {
    &*app.server().server_type == "chat"
}

#[tokio::test]
async fn a_before_filter_answers_and_the_handler_is_skipped() {
    let world = World::new(|app, _, _| {
        if is_chat(app) {
            app.filter(UsersOnly);
        }
    })
    .await;
    let client = world.client().await;
    assert_eq!(client.request("chat.workHandler.echo", json!("hi")).await, json!({ "code": 403 }));
    assert!(world.log.read().is_empty());
    client.request("connector.entryHandler.bind", json!("ann")).await;
    assert_eq!(client.request("chat.workHandler.echo", json!("hi")).await, json!({ "text": "hi" }));
    assert_eq!(world.log.read(), ["handler"]);
}

#[tokio::test]
async fn after_filters_run_in_reverse() {
    let world = World::new(|app, log, _| {
        if is_chat(app) {
            app.filter(Noting("a", log.clone()));
            app.filter(Noting("b", log.clone()));
        }
    })
    .await;
    let client = world.client().await;
    assert_eq!(client.request("chat.workHandler.echo", json!("hi")).await, json!({ "text": "hi" }));
    eventually("the last filter", || world.log.has("after a true")).await;
    assert_eq!(world.log.read(), ["before a", "before b", "handler", "after b true", "after a true"]);
    client.request("chat.workHandler.fail", json!({})).await;
    eventually("the last filter", || world.log.has("after a false")).await;
}

/// Waits, after the handler.
#[derive(Clone)]
struct Slow(Gate, Log);

impl Filter for Slow {
    async fn after(&self, _: &Request, _: &Result<Body>) {
        self.0.pass().await;
        self.1.note("after");
    }
}

#[tokio::test]
async fn the_response_is_on_its_way_before_after_filters_run() {
    let world = World::new(|app, log, gate| {
        if is_chat(app) {
            app.filter(Slow(gate.clone(), log.clone()));
        }
    })
    .await;
    let client = world.client().await;
    assert_eq!(client.request("chat.workHandler.echo", json!("hi")).await, json!({ "text": "hi" }));
    assert_eq!(world.log.read(), ["handler"]);
    world.gate.open(1);
    eventually("the filter", || world.log.has("after")).await;
}

#[tokio::test]
async fn a_timeout_answers_while_the_handler_goes_on() {
    let world = World::new(|app, _, _| {
        if is_chat(app) {
            app.filter(Timeout::new(Duration::from_millis(1)));
        }
    })
    .await;
    let client = world.client().await;
    let answer = client.request("chat.workHandler.wait", json!("it")).await;
    assert_eq!(answer["code"], 500);
    assert_eq!(world.log.read(), ["it starts"]);
    let chat = world.running.app("chat-1").unwrap();
    assert_eq!(chat.counters().dropped(Dropped::LateReply), 0);
    world.gate.open(1);
    eventually("the late reply", || chat.counters().dropped(Dropped::LateReply) == 1).await;
    assert_eq!(world.log.read(), ["it starts", "it ends"]);
}

#[tokio::test]
async fn an_error_handler_sees_everything_and_may_replace_the_response() {
    let world = World::new(|app, log, _| {
        if is_chat(app) {
            let log = log.clone();
            app.error_handler(move |error, request, response| {
                let message: Value = request.decode().unwrap();
                let uid = request.session().uid();
                let route = request.route().to_string();
                log.note(json!([error.code(), error.message(), route, message, uid, response]));
                async move { (message == "replace").then(|| json!({ "code": 700 })) }
            });
        }
    })
    .await;
    let client = world.client().await;
    client.request("connector.entryHandler.bind", json!("ann")).await;
    let kept = client.request("chat.workHandler.fail", json!("keep")).await;
    assert_eq!(kept, json!({ "why": "fuse", "code": 501 }));
    assert_eq!(client.request("chat.workHandler.fail", json!("replace")).await, json!({ "code": 700 }));
    let seen = |message: &str| {
        json!([501, "broken", "chat.workHandler.fail", message, "ann", { "why": "fuse" }]).to_string()
    };
    assert_eq!(world.log.read(), [seen("keep"), seen("replace")]);
}

#[tokio::test]
async fn closures_are_filters_in_the_order_in_which_they_were_added_after_those_in_reverse() {
    let world =
        World::new(|app, log, _| {
            let note = |what: &'static str| {
                let log = log.clone();
                move |request: Request| {
                    log.note(format_args!("{what} {}", request.route()));
                    let answer = request.decode::<String>().is_ok_and(|text| text == what);
                    async move {
                        Ok(if answer { Verdict::Answer(json!({ "by": what })) } else { Verdict::Continue })
                    }
                }
            };
            let note_after = |what: &'static str| {
                let log = log.clone();
                move |_: Request, outcome: Result<Body>| {
                    log.note(format_args!("{what} {}", outcome.is_ok()));
                    async {}
                }
            };
            if is_chat(app) {
                app.before(note("first"));
                app.after(note_after("last"));
                app.before(note("second"));
                app.after(note_after("next to last"));
            } else {
                app.global_before(note("global"));
                app.global_after(note_after("global after"));
            }
        })
        .await;
    let client = world.client().await;
    let ask = async |text: &str| {
        world.log.0.lock().unwrap().clear();
        let answer = client.request("chat.workHandler.echo", json!(text)).await;
        eventually("the after filters", || world.log.has("last true") || text == "global").await;
        // It runs at the frontend, while the others may still run.
        eventually("the global after filter", || world.log.has("global after true")).await;
        let noted = world.log.read().into_iter().filter(|noted| noted != "global after true");
        (answer, noted.collect::<Vec<_>>())
    };
    let around = |inside: &[&str]| {
        let before = ["global chat.workHandler.echo", "first chat.workHandler.echo"];
        let all = before.iter().chain(inside).chain(&["next to last true", "last true"]);
        all.map(|noted| (*noted).to_owned()).collect::<Vec<_>>()
    };
    let (answer, noted) = ask("hello").await;
    assert_eq!(
        (answer, noted),
        (json!({ "text": "hello" }), around(&["second chat.workHandler.echo", "handler"]))
    );
    let (answer, noted) = ask("first").await;
    assert_eq!((answer, noted), (json!({ "by": "first" }), around(&[])));
    let (answer, noted) = ask("global").await;
    assert_eq!(answer, json!({ "by": "global" }));
    assert_eq!(noted, ["global chat.workHandler.echo"]);
}

#[tokio::test]
async fn serial_makes_concurrent_methods_wait_for_each_other() {
    let world = World::new(|app, _, _| {
        if is_chat(app) {
            app.filter(Serial::new(Duration::from_secs(60)));
        }
    })
    .await;
    let client = world.client().await;
    let first = client.send("chat.workHandler.wait", json!("one")).await;
    let second = client.send("chat.workHandler.wait", json!("two")).await;
    eventually("the first", || world.log.has("one starts")).await;
    world.gate.open(2);
    client.response(first).await;
    client.response(second).await;
    assert_eq!(world.log.read(), ["one starts", "one ends", "two starts", "two ends"]);
}

#[tokio::test]
async fn serial_lets_a_message_through_when_its_patience_ends() {
    let world = World::new(|app, _, _| {
        if is_chat(app) {
            app.filter(Serial::new(Duration::from_millis(1)));
        }
    })
    .await;
    let client = world.client().await;
    let first = client.send("chat.workHandler.wait", json!("one")).await;
    eventually("the first", || world.log.has("one starts")).await;
    let second = client.send("chat.workHandler.wait", json!("two")).await;
    eventually("the second", || world.log.has("two starts")).await;
    assert_eq!(world.log.read(), ["one starts", "two starts"]);
    // It went through without a turn of its own, and so has none to give back.
    world.gate.open(2);
    client.response(first).await;
    client.response(second).await;
    assert_eq!(client.request("chat.workHandler.echo", json!("hi")).await, json!({ "text": "hi" }));
}

#[tokio::test]
async fn concurrent_methods_wait_for_nothing_without_serial() {
    let world = World::new(|_, _, _| {}).await;
    let client = world.client().await;
    let first = client.send("chat.workHandler.wait", json!("one")).await;
    let second = client.send("chat.workHandler.wait", json!("two")).await;
    eventually("both", || world.log.has("one starts") && world.log.has("two starts")).await;
    world.gate.open(2);
    client.response(first).await;
    client.response(second).await;
}

#[tokio::test]
async fn global_filters_are_around_routing_on_the_frontend() {
    let world = World::new(|app, log, _| {
        if is_chat(app) {
            app.filter(Noting("chat", log.clone()));
        } else {
            app.global_filter(Noting("a", log.clone()));
            app.global_filter(Noting("b", log.clone()));
        }
    })
    .await;
    let client = world.client().await;
    client.request("chat.workHandler.echo", json!("hi")).await;
    eventually("the filters", || world.log.has("after a true") && world.log.has("after chat true")).await;
    let mut noted = world.log.read();
    noted.retain(|noted| noted != "after chat true");
    assert_eq!(noted, ["before a", "before b", "before chat", "handler", "after b true", "after a true"]);
    let refused = client.request("nowhere.workHandler.echo", json!("hi")).await;
    assert_eq!(refused["code"], 500);
    eventually("the filters", || world.log.has("after a false")).await;
}

/// Answers everything with a body that has no code.
#[derive(Clone)]
struct Closed;

impl Filter for Closed {
    async fn before(&self, _: &Request) -> Result<Verdict> {
        Ok(Verdict::Answer(json!({ "open": false })))
    }
}

#[tokio::test]
async fn a_global_filters_answer_is_no_error_and_keeps_messages_from_being_routed() {
    let world = World::new(|app, log, _| {
        if !is_chat(app) {
            app.global_filter(Closed);
            let log = log.clone();
            app.global_error_handler(move |error, _, _| {
                log.note(error);
                async { None }
            });
        }
    })
    .await;
    let client = world.client().await;
    assert_eq!(client.request("chat.workHandler.echo", json!("hi")).await, json!({ "open": false }));
    assert!(world.log.read().is_empty());
}

#[tokio::test]
async fn the_global_error_handler_sees_what_was_not_routed() {
    let world = World::new(|app, log, _| {
        if !is_chat(app) {
            let log = log.clone();
            app.global_error_handler(move |error, _, _| {
                log.note(format!("{:?}", error.kind()));
                async { Some(json!({ "code": 404 })) }
            });
        }
    })
    .await;
    let client = world.client().await;
    assert_eq!(client.request("nowhere.workHandler.echo", json!("hi")).await, json!({ "code": 404 }));
    assert_eq!(world.log.read(), ["NoServer"]);
}

#[tokio::test]
async fn an_idle_server_is_not_too_busy() {
    let world = World::new(|app, _, _| app.filter(TooBusy::new(Duration::from_secs(3600)))).await;
    let client = world.client().await;
    assert_eq!(client.request("chat.workHandler.echo", json!("hi")).await, json!({ "text": "hi" }));
}

#[tokio::test]
async fn a_server_whose_tasks_run_late_refuses_until_they_run_in_time() {
    let world = World::new(|app, _, _| {
        if is_chat(app) {
            app.filter(TooBusy::default());
        }
    })
    .await;
    let client = world.client().await;
    assert_eq!(client.request("chat.workHandler.echo", json!("1")).await, json!({ "text": "1" }));
    // The clock stands still but for what the test says: it is never idle, so nothing is skipped.
    tokio::time::pause();
    let busy = tokio::spawn(async {
        loop {
            tokio::task::yield_now().await;
        }
    });
    // The filter meant to look after 100 ms.
    pass_of_time(Duration::from_secs(10)).await;
    let refused = client.request("chat.workHandler.echo", json!("2")).await;
    assert_eq!(refused, json!({ "code": 500, "message": "Server toobusy!" }));
    pass_of_time(Duration::from_millis(101)).await;
    assert_eq!(client.request("chat.workHandler.echo", json!("3")).await, json!({ "text": "3" }));
    assert_eq!(world.log.read(), ["handler", "handler"]);
    busy.abort();
}

/// Moves the clock, and lets every task see it.
async fn pass_of_time(time: Duration) {
    tokio::time::advance(time).await;
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}
